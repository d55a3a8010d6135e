"""What went wrong in a rehearsed session, one sentence a fault.

A notebook that fails on Kaggle leaves an exception from somewhere deep in a library, or, when the
hidden test is scored, nothing at all. Here each way to fail that is known is recognised, and said with
the cell, the line and the code that led to it. ``kernels/README.md`` lists them all with what is printed
for each, and a test keeps it to what really is.
"""

from __future__ import annotations

import errno
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kaggle_utils.platform.rehearsal.projection import gigabytes
from kaggle_utils.platform.rehearsal.session import Run
from kaggle_utils.platform.runtime import Limits

_OF_THE_SYSTEM = {"OSError", "CalledProcessError"}  # what a refused connection or write becomes as a rule
_OFFLINE = re.compile(r"(?i)connect|network|internet|offline|download|resol|timed out|unreachable|read-only")
# in the words of touch, mkdir, cp or a shell
_REFUSED = re.compile(r"(/[^\s'‘’\":]*/input/[^\n'‘’\":]*?)['’\"]?: Read-only file system")
_UNRESOLVED = re.compile(r"(?:resolve host(?: address)?:? |Failed to connect to )[‘'\"]?([\w.-]+)")


@dataclass(frozen=True)
class Finding:
    """A sentence; ``fatal`` where Kaggle would fail, or score something else than what is meant."""

    text: str
    fatal: bool = True

    def __str__(self) -> str:
        return ("FAULT   " if self.fatal else "note    ") + self.text


def findings(run: Run, limits: Limits) -> list[Finding]:
    """All that a run showed to be wrong; for an error that nothing here knows, the error and its line."""
    known = [*_limits(run, limits), *_reaching(run), *_writing(run), *_time_series(run)]
    if run.error is not None and not any(finding.fatal for finding in known):
        known.append(Finding(_error(run.error)))
    if not run.finished and not any(finding.fatal for finding in known):
        known.append(Finding(_ended(run)))
    return known


def _limits(run: Run, limits: Limits) -> Iterator[Finding]:
    if run.stopped == "time":
        yield Finding(f"too slow: {_now(run)} was not done after {limits.hours:g} h")
    if run.stopped == "memory" or run.host > limits.host:
        held = f"held {gigabytes(run.host)} of memory, a session has {gigabytes(limits.host)}"
        yield Finding(f"out of memory: {_now(run)} {held}")
    if run.gpu > limits.card:
        yield Finding(f"out of memory: {gigabytes(run.gpu)} of one card were in use, it has {gigabytes(limits.card)}")
    if run.stopped == "output" or run.output > limits.output:
        name, size = run.written[0]
        most = f"most of it {name} ({gigabytes(size)})"
        yield Finding(f"too much output: {gigabytes(run.output)}, Kaggle keeps {gigabytes(limits.output)}; {most}")


def _now(run: Run) -> str:
    """The cell that was at work when the run was stopped, or the notebook when it was not."""
    return f"cell {len(run.noted('cell')) + 1}" if run.stopped else "the notebook"


def _reaching(run: Run) -> Iterator[Finding]:
    attempts = run.noted("internet")
    for notes in _by_line(attempts):
        hosts = ", ".join(dict.fromkeys(note["host"] for note in notes))
        caller = f" in {notes[0]['caller']}" if notes[0]["caller"] else ""
        yield _attempt(run, notes[0], f"{_where(notes[0])} reaches for {hosts}{caller}, and there is no internet")
    noted = {attempt["host"] for attempt in attempts}
    for host in dict.fromkeys(_UNRESOLVED.findall(run.log)):
        if host not in noted:
            yield _by_a_program(run, f"reaches for {host}, and there is no internet")


def _by_line(notes: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Notes of the same line of the same cell together, in the order in which they came."""
    groups: dict[tuple, list] = {}
    for note in notes:
        groups.setdefault((note.get("cell"), note.get("line")), []).append(note)
    return list(groups.values())


def _attempt(run: Run, note: dict[str, Any], sentence: str) -> Finding:
    """Fatal where the notebook failed on that line, and for that reason; a note where it has lived through it."""
    error = run.error or {"kinds": [], "text": ""}
    here = run.error is not None and (error["cell"], error["line"]) == (note.get("cell"), note.get("line"))
    failed = here and (not _OF_THE_SYSTEM.isdisjoint(error["kinds"]) or _OFFLINE.search(error["text"]) is not None)
    return Finding(sentence) if failed else Finding(f"{sentence}; the notebook goes on without", False)


def _by_a_program(run: Run, does: str) -> Finding:
    """What a program's own words tell; fatal where the notebook failed because the program did."""
    if run.error is not None and "CalledProcessError" in run.error["kinds"]:
        return Finding(f"{_where(run.error)} starts a program that {does}")
    return Finding(f"a program that the notebook starts {does}; the notebook goes on without", fatal=False)


def _writing(run: Run) -> Iterator[Finding]:
    attempts = run.noted("input")
    for notes in _by_line(attempts):
        paths = list(dict.fromkeys(note["path"] for note in notes))
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        yield _attempt(run, notes[0], f"{_where(notes[0])} writes {paths[0]}{more}, and inputs are read-only")
    error = run.error
    if error and error["number"] == errno.EROFS and not attempts:
        yield Finding(f"{_where(error)} writes {error['file'] or 'somewhere'}, and that is read-only")
    noted = {attempt["path"] for attempt in attempts}
    for path in dict.fromkeys(_REFUSED.findall(run.log)):
        if path not in noted:
            yield _by_a_program(run, f"writes {path}, and inputs are read-only")


def _time_series(run: Run) -> Iterator[Finding]:
    state, answered, frames = next((n["api"] for n in run.notes if "api" in n), ("", 0, 0))
    for place in run.noted("unanswered")[:1]:
        what = f"{_where(place)} asks for the next frame without a predict for the last, and gets None"
        failed = "NoneType" in run.error["text"] if run.error else state == "asked"
        yield Finding(what) if failed else Finding(f"{what}; the notebook goes on", fatal=False)
    alone = run.error is None or "WrongColumns" in run.error["kinds"]  # else the error is another matter
    for notes in _by_line(run.noted("answer")):
        yield Finding(f"{_where(notes[0])} answers with {notes[0]['fault']}", fatal=alone)
    if run.error is None and state == "asked" and not run.noted("unanswered"):
        yield Finding(f"no predict at the end: frame {answered + 1} of {frames} is not answered, so nothing is submitted")
    if run.error is None and state == "answered":
        how = "the loop must go on until iter_test ends by itself"
        yield Finding(f"after {answered} of {frames} frames no next one is asked for, so nothing is submitted: {how}")


def _where(place: dict[str, Any]) -> str:
    """``cell 3, line 2 (`code`)``, as far as it is known."""
    if not place.get("cell"):
        return "the notebook"
    code = place.get("code", "")
    shown = code if len(code) <= 70 else code[:67] + "..."
    return f"cell {place['cell']}, line {place['line']}" + (f" (`{shown}`)" if shown else "")


_MEMORY = "out of memory: {where} raises {kind}: {text}"
# kinds of an error (any of them), a pattern of what it says, what is said about it; the first that matches counts
_KNOWN = (
    ("NotAttached WrongPython GpuUnusable", "", "{where}: {text}"),
    ("FileNotFoundError", "/input/", "{where} reads {file}, which is in nothing that is attached"),
    (
        "",
        "no kernel image is available|cudaErrorNoKernelImageForDevice",
        "{where}: this torch has no kernels for the GPU; runtime.check_gpu() says more",
    ),
    ("MemoryError OutOfMemoryError", "", _MEMORY),
    ("", "CUDA out of memory", _MEMORY),
    (
        "",
        "You must get the next test sample",
        "{where} calls predict when no frame waits for it: twice for one frame, or before the first",
    ),
    ("", "You have already made predictions for the full test set", "{where} calls predict after the last frame"),
    ("", "You can only (iterate over|call `make_env)", "{where} asks the API a second time: {text}"),
    ("", "", "{where} raises {kind}: {text}"),
)


def _error(error: dict[str, Any]) -> str:
    """One sentence about the exception that ended the run."""
    said = f"{error['file'] or ''} {error['text']}"
    text = (error["text"].strip().splitlines() or [""])[0]
    words = {"where": _where(error), "kind": error["kinds"][0], "text": text, "file": error["file"] or text}
    alike = (
        sentence
        for kinds, pattern, sentence in _KNOWN
        if (not kinds or set(kinds.split()) & set(error["kinds"])) and re.search(pattern, said)
    )
    return next(alike).format(**words)


def _ended(run: Run) -> str:
    if run.code == -signal.SIGKILL:
        return f"out of memory: the system killed the notebook in cell {len(run.noted('cell')) + 1}"
    last = (run.log.strip().splitlines() or ["it printed nothing"])[-1]
    return f"cell {len(run.noted('cell')) + 1} ended the session with status {run.code}: {last}"
