"""A submission, run at home as Kaggle will run it when it is scored on the hidden test.

No network, inputs read-only at their Kaggle paths, an empty working folder, ``KAGGLE_IS_COMPETITION_RERUN``
set, the hidden test swapped in. Three runs: the whole test, then its first item alone (a notebook that
only works with the public rows fails here), then its items in another order (an answer must not depend
on what came before in another clip). Their times give the cost of the real hidden test. The submission
is checked to its last row, and scored where the truth is known.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from kaggle_utils.platform.rehearsal.attachments import competition_mounts
from kaggle_utils.platform.rehearsal.projection import Line, line_through
from kaggle_utils.platform.rehearsal.session import Run, Session, run_notebook
from kaggle_utils.platform.rehearsal.session_faults import Finding, findings
from kaggle_utils.platform.runtime import Limits
from kaggle_utils.tasks.competition import SUBMISSION, Competition
from kaggle_utils.tasks.faults import read_texts
from kaggle_utils.tasks.hidden import HiddenTest

_ORDER_ITEMS = 24  # of the run in another order
_SHOWN = 40  # characters of an answer
_ONE_ITEM = "one {} only: what starts and what each costs cannot be told apart, so nothing is projected"


@dataclass(frozen=True)
class Rehearsal:
    """One notebook, of any stage, and what it is run with.

    notebook: an .ipynb file's content; a submission has its parameters injected, a training gets those of its trial
    folder: the competition's files; mounts: of everything else that is attached; how: of :mod:`sandbox`
    limits: of the rerun for a submission, else of a session; say: told what is being done, a line at a time
    """

    notebook: Mapping[str, Any]
    contest: Competition
    folder: Path
    mounts: Mapping[str, Path]
    how: str | None
    limits: Limits = field(default_factory=Limits.rerun)
    say: Callable[[str], None] = lambda line: None


@dataclass(frozen=True)
class SubmissionReport:
    """What a rehearsal came to; ``cost`` in seconds and ``output`` in bytes by item.

    Both are None where a run failed and where the test has one item.
    """

    items: int
    run: Run
    cost: Line | None
    output: Line | None
    score: tuple[str, float] | None
    findings: tuple[Finding, ...]
    submission: str | None


def rehearse_submission(rehearsal: Rehearsal, hidden: HiddenTest) -> SubmissionReport:
    """Runs the submission notebook on the hidden test, on its first item, and in another order."""
    unit = rehearsal.contest.UNIT
    with tempfile.TemporaryDirectory(prefix="kaggle-rehearsal-") as name:
        stage = _Stage(rehearsal, Path(name))
        rehearsal.say(f"the hidden test, {len(hidden)} {unit}s")
        whole = stage.play(hidden, "whole")
        if whole.faults:
            return _report(hidden, whole, None, [*whole.remarks, *whole.faults, *stage.public_rows_only(whole)])
        rehearsal.say(f"one {unit}")
        one = stage.play(hidden.take([0]), "one")
        only = f"the test's own number of rows only; with one {unit}"
        wrong = [*_monotonous(whole), *_again(one, [0], whole, unit, only, "alone")]
        order = hidden.other_order(_ORDER_ITEMS)
        if order:
            rehearsal.say(f"another order, {len(order)} {unit}s")
            other, only = stage.play(hidden.take(order), "order"), "the test's own order only; in another"
            wrong += _again(other, order, whole, unit, only, "in another order of the test")
        else:
            alone = "one clip only: no other order could be tried"
            wrong.append(Finding(_ONE_ITEM.format(unit) if len(hidden) == 1 else alone, fatal=False))
        cost = None if one.faults or len(hidden) == 1 else _costs(one.run, whole.run, len(hidden))
        return _report(hidden, whole, cost, [*whole.remarks, *wrong])


@dataclass(frozen=True)
class _Played:
    """One run of the notebook on one test: what is wrong, what is merely worth saying, the table it wrote."""

    run: Run
    test: HiddenTest | None
    faults: tuple[Finding, ...]
    remarks: tuple[Finding, ...]
    table: Any = None
    text: str | None = None

    @property
    def answers(self) -> list[str]:
        """The submission's answers, as the test reads them."""
        return self.test.answers(self.table)


class _Stage:
    """Where tests are laid out and the notebook is run on them."""

    def __init__(self, rehearsal: Rehearsal, folder: Path) -> None:
        self.rehearsal, self.folder = rehearsal, folder

    def play(self, test: HiddenTest | None, name: str) -> _Played:
        """The notebook on a test, as the rerun would; None: on the one that everybody sees, whatever it writes."""
        session, hidden = self._session(test, name)
        rehearsal, rerun = self.rehearsal, test is not None and self.rehearsal.contest.CODE
        run = run_notebook(session, rehearsal.notebook, rerun, hidden, rehearsal.limits)
        found = findings(run, rehearsal.limits)
        faults, remarks = ([f for f in found if f.fatal is wanted] for wanted in (True, False))
        path, table, text = session.working / SUBMISSION, None, None
        if not faults and not path.is_file():
            there = ", ".join(name for name, _ in run.written[:3]) or "nothing"
            faults = [Finding(f"no {SUBMISSION}: the notebook wrote {there}")]
        elif not faults:
            text = path.read_text(encoding="utf-8", errors="replace")
            table, wrong = _table(path) if test is not None else (None, [])
            faults = [Finding(f"{SUBMISSION}: {fault}") for fault in wrong or (test.faults(table) if test is not None else ())]
        return _Played(run, test, tuple(faults), tuple(remarks), table, text)

    def public_rows_only(self, whole: _Played) -> list[Finding]:
        """After a failure: does the notebook run, or write the very same, with the test that everybody sees?"""
        if not self.rehearsal.contest.CODE:
            return []  # there is no other test
        self.rehearsal.say("the public test, for comparison")
        public = self.play(None, "public")
        if public.faults:
            return []
        what = "it works with the public test's rows only"
        if whole.run.error is not None:
            return [Finding(f"{what}: with those it runs, with the hidden test it fails")]
        same = public.text == whole.text
        return [Finding(f"{what}: it submits those whatever the hidden test has")] if same else []

    def _session(self, test: HiddenTest | None, name: str) -> tuple[Session, str | None]:
        """The one session all runs have, and where in it a hidden test lies that is served."""
        contest, place = self.rehearsal.contest, None
        if test is not None:
            place = self.folder / name
            place.mkdir()
            test.write(place)
        hidden = "temp/hidden" if contest.SERVED and place else None
        mounts = competition_mounts(contest.SLUG, self.rehearsal.folder, None if contest.SERVED else place)
        mounts |= {**self.rehearsal.mounts, **({hidden: place} if hidden else {})}
        return Session(self.folder / "kaggle", mounts, self.rehearsal.how), hidden


def _table(path: Path) -> tuple[Any, list[str]]:
    """The submission with every cell as its text, or why it is no table."""
    try:
        return read_texts(path), []
    except (ValueError, pd.errors.ParserError) as error:
        return None, [f"it is no table: {error}".strip()]


def _monotonous(whole: _Played) -> list[Finding]:
    """A model that was not loaded answers the same everywhere; so does one that finds nothing."""
    same = len(whole.test) > 1 and len(set(whole.answers)) == 1
    what = f"all {len(whole.test)} answers are the same: {_short(whole.answers[0])}"
    return [Finding(what, fatal=False)] if same else []


def _again(played: _Played, rows: Sequence[int], whole: _Played, unit: str, only: str, how: str) -> list[Finding]:
    """Some items must run, too, and be answered as they were among the others.

    Beside the faults that the whole test has not stands what else was seen for the first time: it may be their cause.
    """
    if not played.faults:
        return _compared(played, rows, whole, unit, how)
    new = [remark for remark in played.remarks if remark not in whole.remarks]
    return [*new, *(Finding(f"it works with {only}: {fault.text}") for fault in played.faults)]


def _compared(played: _Played, rows: Sequence[int], whole: _Played, unit: str, how: str) -> list[Finding]:
    pairs = list(zip(rows, played.answers, strict=True))
    differ = [(row, answer) for row, answer in pairs if not played.test.same(answer, whole.answers[row])]
    if not differ:
        return []
    row, answer = differ[0]
    what = f"answers depend on the order: {len(differ)} of {len(pairs)} differ {how}"
    was, now = _from_the_difference(whole.answers[row], answer)
    return [Finding(f"{what}; {unit} {row} was {was}, now {now}")]


def _from_the_difference(one: str, other: str) -> tuple[str, str]:
    """Two texts, quoted; long ones from the first word on in which they differ."""
    if max(len(one), len(other)) <= _SHOWN:
        return repr(one), repr(other)
    words = one.split(), other.split()
    same = next((i for i, (a, b) in enumerate(zip(*words, strict=False)) if a != b), min(map(len, words)))
    return _short("... " + " ".join(words[0][same:])), _short("... " + " ".join(words[1][same:]))


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")


def _costs(one: Run, whole: Run, items: int) -> tuple[Line, Line]:
    seconds = line_through((1, one.seconds), (items, whole.seconds))
    return seconds, line_through((1, one.output), (items, whole.output))


def _report(hidden: HiddenTest, whole: _Played, costs: tuple[Line, Line] | None, found: Sequence[Finding]) -> SubmissionReport:
    cost, output = costs or (None, None)
    score = None if whole.faults else hidden.score(whole.table)
    return SubmissionReport(len(hidden), whole.run, cost, output, score, tuple(found), whole.text)
