"""Members trained in the order of their graph, beside those that are there, so that nothing leaks and nothing is lost.

What is trained already, with the same parameters, split and parents, is left as it is; the same name with others is
refused. The model of a fold meets, of other members' weights and predictions, those of the same fold alone: of models that
have not seen what it will be judged on.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from kaggle_utils.files import fingerprint
from kaggle_utils.learning.own import used
from kaggle_utils.learning.parameters import MACHINE, require_same
from kaggle_utils.tasks.jobs import Order
from kaggle_utils.tasks.members import ROLES, generations, parents_of
from kaggle_utils.tasks.runs import ALL_ROWS, Job, Runs, job_title, require_same_data, write_run

if TYPE_CHECKING:
    from kaggle_utils.tasks.competition import Competition, Items

Key = tuple[str, int]  # a member and a fold, or ALL_ROWS


def train_members(
    competition: Competition, items: Items, fold_of_item: np.ndarray, members: Mapping[str, Mapping[str, Any]],
    folds: Sequence[int], output: Path, *, earlier: Runs | None = None, facts: Mapping[str, Any] | None = None,
    full: bool = False, unlabelled: Callable[[], Items | None] = lambda: None, **how: Any,
) -> list[Job]:  # fmt: skip
    """Every member trained without each fold, and with full on all rows, too, as far as there is time; all their jobs.

    members: name -> plain parameters; output: folder that gets ``run.json``, too, which keeps the jobs that it notes
    earlier: what is trained already, there or in other outputs, none of it anew; facts: for run.json
    unlabelled: gives the items whose truth nobody knows; how: for :meth:`kaggle_utils.tasks.competition.Kind.train`
    A member trained on all rows ends after the median of the epochs that its folds' best weights took.
    Raises ValueError, before anything is trained, for a member of the same name that was trained otherwise, one whose
    parent is neither there nor asked for or has seen the fold, and for members that wait for one another.
    """
    earlier, facts = earlier or Runs(()), facts or {}
    require_same_data(earlier.facts, facts, "what is trained", "this run")
    if any(own.get("bands") for own in members.values()):
        fitted = competition.fit_pixels(items)
        members = {name: _completed(own, fitted) for name, own in members.items()}
    if any(own.get("learns_from") for own in members.values()):
        how["unlabelled"] = unseen(competition, items, unlabelled())
    if full and (waiting := [name for name, own in members.items() if own.get("schedule") == "plateau"]):
        raise ValueError(f"{waiting[0]}: schedule is 'plateau', expected another: with full=True nothing is judged")
    plan = _Plan(competition, items, fold_of_item, members, how.get("unlabelled"), output)
    jobs = plan.jobs = {(job.member, job.fold): job for job in earlier.jobs}
    rounds = [
        [(name, fold) for name in names for fold in some]
        for names in generations(members)
        for some in (sorted(folds), [ALL_ROWS] * full)
    ]
    plan.check([key for keys in rounds for key in keys])
    for keys in rounds:
        wanted = plan.orders(keys)
        found = competition.KIND.train(competition, items, fold_of_item, wanted, output, **how) if wanted else []
        found = [_with_earlier_sets(job, jobs.get((job.member, job.fold))) for job in found]
        if found:
            write_run(output, found, **facts)
        jobs |= {(job.member, job.fold): job for job in found}
    in_order = ((name, fold) for name in members for fold in [*sorted(folds), *[ALL_ROWS] * full])
    return [jobs[key] for key in in_order if key in jobs]


def _completed(own: Mapping[str, Any], fitted: Mapping[str, Any]) -> dict[str, Any]:
    """With what reading bands needs of the training items, where nothing else was chosen."""
    return dict(own) | {name: value for name, value in fitted.items() if own.get("bands") and not own.get(name)}


class _Plan:
    """Makes orders of members and folds. jobs: what is trained by now."""

    jobs: dict[Key, Job]

    def __init__(
        self, competition: Competition, items: Items, fold_of_item: np.ndarray,
        members: Mapping[str, Mapping[str, Any]], unlabelled: Items | None, output: Path,
    ) -> None:  # fmt: skip
        self.name, self.fold_of_item, self.members, self.output = competition.NAME, fold_of_item, members, output
        self.items = items.table[competition.KEY].tolist()
        self.unlabelled = "" if unlabelled is None else _digest(unlabelled.table[competition.KEY])

    def check(self, asked: Sequence[Key]) -> None:
        """ValueError for what can never be trained, as far as it is known by now."""
        there = ", ".join(job.title for job in self.jobs.values()) or "nothing"
        for key in asked:
            if key in self.trained and self._asks_nothing(key):
                continue
            if waits := self._waits(key, {*self.trained, *asked}):
                told = f"{job_title(*key)} {waits[0]}, which is not trained, there is {there}"
                raise ValueError(f"{told}: train it here, too, or attach the output that holds it")
            if not self._waits(key, self.trained):
                self._refuse_elsewhere(self._order(key))
        for job in self.jobs.values():  # one member's folds are trained alike
            if job.member in {member for member, _ in asked} and job.weights["best"].is_file():
                require_same(job.parameters, self.members[job.member], job.weights["best"].parent)

    def _asks_nothing(self, key: Key) -> bool:
        """Whether what is trained, with a parent that is not there, has all that is asked of it."""
        waits = self._waits(key, self.trained)
        return bool(waits) and _done(Order(self.name, *key, self.members[key[0]]), self.jobs[key])

    def _refuse_elsewhere(self, order: Order) -> None:
        """A training is gone on with, or asked more, where it lies."""
        held = self.jobs.get((order.member, order.fold))
        if held is None or _done(order, held) or not (path := held.weights["best"]).is_file():
            return
        if not path.absolute().is_relative_to(self.output.absolute()):
            told = f"{order.title} lies in {path.parent}, outside of {self.output}, and is asked for more than it holds"
            raise ValueError(f"{told}: run there, or move it, or take another name")

    def orders(self, keys: Iterable[Key]) -> list[Order]:
        """What is left to be trained of these; a warning names those that no time was left for what they need."""
        found = []
        for key in keys:
            if key in self.trained and self._asks_nothing(key):
                continue
            if waits := self._waits(key, self.trained):
                told = f"{job_title(*key)} {' and '.join(waits)}, for which no time was left"
                warnings.warn(f"{told}: push it as a kernel of its own", stacklevel=3)
            elif not _done(order := self._order(key), self.jobs.get(key)):
                found.append(order if order.fold != ALL_ROWS else replace(order, epochs=self._epochs(order)))
        return found

    @property
    def trained(self) -> set[Key]:
        """What is trained to its end."""
        return {key for key, job in self.jobs.items() if job.finished}

    def _waits(self, key: Key, there: Collection[Key]) -> list[str]:
        """What a member needs and is not there, in words."""
        (member, fold), parents = key, parents_of(self.members[key[0]]).items()
        waits = [f"{ROLES[role]} {job_title(parent, fold)}" for role, parent in parents if (parent, fold) not in there]
        if fold == ALL_ROWS and not any(one == member and other != ALL_ROWS for one, other in there):
            waits.append("takes its epochs from one of its folds")
        return waits

    def _order(self, key: Key) -> Order:
        """ValueError where a parent has seen what it is judged on, or another training holds its name."""
        order = Order(self.name, *key, self.members[key[0]])
        split = list(zip(self.items, order.left_out(self.fold_of_item).tolist(), strict=True))
        judged, parents = {name for name, left_out in split if left_out}, {}
        origin = {"split": _digest(split), **used(order.parameters)}
        for role, parent in parents_of(order.parameters).items():
            job = self.jobs[parent, order.fold]
            if seen := judged - set(job.items):
                told = f"{order.title} {ROLES[role]} {job.title}, which has seen {min(seen)!r} that {order.title} is judged on"
                raise ValueError(f"{told}: train both with one folds.csv")
            parents[role] = str(Runs((job,)).weights(parent, folds=[job.fold])[job.fold])
            origin[f"weights that it {ROLES[role]}"] = fingerprint(parents[role])[:12]
        if "learns_from" in parents:
            origin["unlabelled items"] = self.unlabelled
        held = self.jobs.get(key)
        if held is not None and held.weights["best"].is_file():  # else its folder was removed
            require_same(held.identity, {**order.parameters, **origin}, held.weights["best"].parent)
        return replace(order, origin=origin, parents=parents)

    def _epochs(self, order: Order) -> list[int]:
        """At which a training on all rows, which nothing measures, ends: of each stage the median of its folds' best."""
        own = [self.jobs[key].best_epochs for key in self.trained if key[0] == order.member and key[1] != ALL_ROWS]
        epochs = [max(1, round(median(stage))) for stage in zip(*own, strict=True)]
        print(f"{order.title}: ends after {' and '.join(map(str, epochs))} epochs, the median of the best of {len(own)} folds")
        return epochs


def _done(order: Order, held: Job | None) -> bool:
    """Whether nothing is left to do, be it another view."""
    if held is None or not held.finished:
        return False
    asked = {name: value for name, value in order.parameters.items() if name not in MACHINE}
    files = [*held.weights.values(), *(path for _, files in held.sets.values() for path in files)]
    return asked.items() <= held.parameters.items() and all(path.is_file() for path in files)


def _with_earlier_sets(job: Job, held: Job | None) -> Job:
    """With what its finished training was asked before, beside what it is asked now."""
    return replace(job, sets={**held.sets, **job.sets}) if held is not None and held.finished else job


def unseen(competition: Competition, items: Items, unlabelled: Items | None) -> Items:
    """Items without truth whose files are there, less those that are also among the training items.

    By name, or by the very same bytes: their truth is known, and some fold is judged by it. ValueError where none is left.
    """
    if unlabelled is None:
        raise ValueError(f"{competition.NAME} has no {competition.UNIT}s without truth, expected some to learn from")
    present, key = unlabelled.present(), competition.KEY
    paths, trained = present.table["path"].tolist(), items.table["path"].tolist()
    lengths = {_length(path) for path in paths}
    known = {_content(path) for path in trained if _length(path) in lengths}  # others cannot be the same
    new = ~present.table[key].isin(set(items.table[key])).to_numpy() & [_content(path) not in known for path in paths]
    if not new.any():
        found = f"{len(unlabelled)} {competition.UNIT}s, {len(present)} with files, all of them among the training items"
        raise ValueError(f"what a member learns from are {found}, expected others")
    return present.take(np.flatnonzero(new))


def _files(path: str) -> list[Path]:
    """The file, or those of a folder that is an item."""
    return sorted(one for one in Path(path).rglob("*") if one.is_file()) if Path(path).is_dir() else [Path(path)]


def _length(path: str) -> int:
    return sum(one.stat().st_size for one in _files(path))


def _content(path: str) -> str:
    return " ".join(map(fingerprint, _files(path)))


def _digest(what: Iterable) -> str:
    """Twelve digits that stand for some things, in whatever order."""
    return hashlib.sha1("\n".join(sorted(map(str, what))).encode()).hexdigest()[:12]
