"""The layout of what a training leaves, written and read here and nowhere else.

``folds.csv`` (stage 1) names the fold of every item, and the finer ``part`` that decisions are cross-fitted over.
``run.json`` (stage 2) lies beside weights and prediction sets and says whose they are: one entry for each job, which is
a member trained on all folds but one, or on all rows. A prediction set is what one member's models say of the items they
have not seen, asked in one view; it is called ``<member>_<view>``, and ``<member>_<view>_last`` where the last epoch's
weights were asked and not the best one's. One kernel may train everything or one fold of one member, and a later one adds its
jobs to those that are there: outputs are read as if one kernel had written them, once it is sure that they belong together.
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kaggle_utils.files import figure, fingerprint, json_text, replacing
from kaggle_utils.learning.parameters import UNLEARNT
from kaggle_utils.tasks.faults import column_faults, doubled_faults, read_texts, refuse

if TYPE_CHECKING:
    import pandas as pd

_MEMBER = re.compile(r"[a-z0-9]+")
ALL_ROWS = -1  # in place of a fold: trained on every row, for the submission only
DTYPES = ("uint8", "float32", "text")  # of masks, of labels, of boxes


@dataclass(frozen=True)
class PredictionSet:
    """One way of asking: a member's models, in a view, with the weights of a checkpoint.

    member: ``[a-z0-9]+``; view: as the kind names them, such as ``hflip@1.25`` (1.25 times the member's input size)
    checkpoint: best or last; dtype: how answers are kept, one of DTYPES

    >>> PredictionSet("unet", "hflip").name, PredictionSet("unet", "hflip@1.25", "last").name
    ('unet_hflip', 'unet_hflip@1.25_last')
    >>> PredictionSet("U-Net", "hflip")
    Traceback (most recent call last):
    ValueError: the member is called 'U-Net', expected small letters and digits only
    """

    member: str
    view: str
    checkpoint: str = "best"
    dtype: str = "uint8"

    def __post_init__(self) -> None:
        require_name(self.member)
        if self.checkpoint not in ("best", "last") or self.dtype not in DTYPES:
            raise ValueError(f"{self.checkpoint!r} weights kept as {self.dtype!r}, expected best or last, and {DTYPES}")

    @property
    def name(self) -> str:
        """What pages and decisions call it."""
        return f"{self.member}_{self.view}" + ("" if self.checkpoint == "best" else f"_{self.checkpoint}")


def require_name(member: str) -> None:
    """ValueError for what no member may be called: names of files and prediction sets are made of it."""
    if not _MEMBER.fullmatch(str(member)):
        raise ValueError(f"the member is called {member!r}, expected small letters and digits only")


def job_title(member: str, fold: int) -> str:
    """How messages and folders name a training.

    >>> job_title("unet", 2), job_title("unet", ALL_ROWS)
    ('unet fold 2', 'unet full')
    """
    return f"{member} full" if fold == ALL_ROWS else f"{member} fold {fold}"


@dataclass(frozen=True)
class Job:
    """A member trained on all folds but one, or on ALL_ROWS: what came of it.

    items: names of those it was judged on and has not seen; score: the best epoch's, on them
    minutes: of training; stopped: why it ended, in words
    weights: checkpoint -> file; sets: name -> (how it was asked, its files, as the kind reads them)
    parameters: all that it was trained with, in JSON's types; history: figures, an epoch each
    origin: what else its result depends on, by words: digests of the split and of others' weights
    best_epochs: the best epoch of each stage of the training, from 1
    """

    member: str
    fold: int
    items: tuple[str, ...]
    score: float
    minutes: float
    stopped: str
    weights: Mapping[str, Path]
    sets: Mapping[str, tuple[PredictionSet, tuple[Path, ...]]]
    parameters: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]] = ()
    origin: Mapping[str, str] = field(default_factory=dict)
    best_epochs: Sequence[int] = ()

    def __post_init__(self) -> None:
        for name in ("items", "history", "best_epochs"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def title(self) -> str:
        """How messages name it.

        >>> Job("unet", 2, (), 0.5, 1.0, "", {}, {}, {}).title
        'unet fold 2'
        """
        return job_title(self.member, self.fold)

    @property
    def finished(self) -> bool:
        """Whether it ended by itself; else another session goes on with it."""
        return not self.stopped.startswith("the deadline")

    @property
    def identity(self) -> dict[str, Any]:
        """What its result follows from: with another it is another training."""
        return {**self.parameters, **self.origin}


@dataclass(frozen=True)
class Runs:
    """Everything that was trained, by however many sessions.

    jobs: in order of member, as they were first met, and of fold
    facts: what the first output notes besides (competition, sample, smoke, data, changed)
    """

    jobs: tuple[Job, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def folds(self) -> list[int]:
        """Numbers of the folds that some member was trained without."""
        return sorted({job.fold for job in self.jobs} - {ALL_ROWS})

    def folds_of(self, models: str) -> list[int]:
        """Those whose models answer: the "first" fold, "all", or those trained on all rows: "full"; ValueError for others.

        >>> Runs(tuple(Job("unet", fold, (), 0.5, 1.0, "", {}, {}, {}) for fold in (1, 2))).folds_of("first")
        [1]
        """
        if models not in ("first", "all", "full"):
            raise ValueError(f"models is {models!r}, expected 'first', 'all' or 'full'")
        return {"first": self.folds[:1], "all": self.folds, "full": [ALL_ROWS]}[models]

    @cached_property
    def sets(self) -> dict[str, PredictionSet]:
        """name -> set, of those that all of the folds have; ValueError where there is none."""
        each = {name: [j for j in self.jobs if name in j.sets] for job in self.jobs for name in job.sets}
        whole = {name: jobs for name, jobs in each.items() if [job.fold for job in jobs] == self.folds}
        if not whole:
            raise ValueError(f"no prediction set has all of the folds {self.folds}, there are {sorted(each)}")
        for name in each.keys() - whole.keys():
            lacking = sorted(set(self.folds) - {job.fold for job in each[name]})
            warnings.warn(f"the prediction set {name} is left out: it lacks the folds {lacking}", stacklevel=3)
        return {name: jobs[0].sets[name][0] for name, jobs in whole.items()}

    def named(self, names: Iterable[str]) -> list[PredictionSet]:
        """These sets; ValueError for one that not all of the folds have."""
        names = list(names)
        for name in names:
            if name not in self.sets:
                raise ValueError(f"the prediction set {name} is not there for all of the folds {self.folds}: decide again")
        return [self.sets[name] for name in names]

    def files(self, name: str) -> dict[int, tuple[Path, ...]]:
        """fold -> files of a prediction set."""
        return {job.fold: job.sets[name][1] for job in self.jobs if name in job.sets}

    def weights(self, member: str, checkpoint: str = "best", folds: Iterable[int] | None = None) -> dict[int, Path]:
        """fold -> weights; folds: those that are wanted, None: all that were left out by some training.

        FileNotFoundError saying whose are missing and what lies there; ValueError for a fold that is wanted and not trained.
        """
        own = {job.fold: job for job in self.jobs if job.member == member}
        for fold in folds or ():
            self._first(lambda job, fold=fold: own.get(fold) is job, job_title(member, fold))
        return {fold: _there(job, checkpoint) for fold, job in own.items() if fold in (self.folds if folds is None else folds)}

    def parameters(self, member: str) -> Mapping[str, Any]:
        """What a member was trained with; ValueError for one that was not."""
        return self._first(lambda job: job.member == member, f"member {member!r}").parameters

    def judged_on(self, fold: int | None = None) -> tuple[str, ...]:
        """Names of the items that the models of a fold, the first if None, have not seen; ValueError without such models."""
        if fold is None and self.folds:
            fold = self.folds[0]
        return self._first(lambda job: job.fold == fold, "fold" if fold is None else f"fold {fold}").items

    def _first(self, fits: Callable[[Job], bool], what: str) -> Job:
        for job in self.jobs:
            if fits(job):
                return job
        raise ValueError(f"no {what} was trained, there are {', '.join(job.title for job in self.jobs) or 'none'}")

    def fold_of_item(self, names: Sequence[str]) -> np.ndarray:
        """(N,) int64, the fold whose models have not seen the item; -1 where all that were trained have.

        names: (N,) of the data in use; ValueError for outputs that were judged on items which are not among them.
        """
        place = {name: row for row, name in enumerate(names)}
        found = np.full(len(place), -1)
        for job in self.jobs:
            if unknown := [name for name in job.items if name not in place]:
                raise ValueError(f"{job.title} was judged on {unknown[0]!r}, which is not in this data")
            found[[place[name] for name in job.items]] = job.fold
        return found

    def fingerprints(self, sets: Iterable[str] | None = None) -> dict[str, dict[str, str]]:
        """{"unet best": {fold: SHA-1 of its weights}}: what a decision is measured with; sets: those it uses, all if None."""
        chosen = self.named(self.sets if sets is None else sets)
        asked = dict.fromkeys((one.member, one.checkpoint) for one in chosen)
        return {
            f"{member} {checkpoint}": {str(k): fingerprint(path) for k, path in self.weights(member, checkpoint).items()}
            for member, checkpoint in asked
        }

    def require_weights(self, noted: Mapping[str, Mapping[str, str]], folds: Iterable[int] | None = None) -> None:
        """ValueError when weights are not those that a decision was measured with.

        noted: their :meth:`fingerprints`; folds: those that are used, None: all that are noted
        """
        for asked, expected in noted.items():
            weights = self.weights(*asked.split(" "))
            for fold in map(int, expected) if folds is None else folds:
                path, known = weights.get(fold), expected.get(str(fold))
                found = path and fingerprint(path)
                if known is None or found != known:
                    measured = f"with {known[:12]}" if known else f"without it, with folds {', '.join(expected)}"
                    now = f"{path} is {found[:12]}" if found else "there are none"
                    told = f"{asked} fold {fold}: the decision was measured {measured}, now {now}"
                    raise ValueError(f"{told}: run 3_decide again")


def write_folds(path: Path, table: pd.DataFrame) -> None:
    """``folds.csv``. table: the column that names items, fold (-1: only ever trained on), part, and whatever else helps.

    Without a column ``part`` the parts are the folds. Raises ValueError for an item that is there twice.
    """
    table = table if "part" in table else table.assign(part=table["fold"])
    refuse(doubled_faults(table.iloc[:, 0]), path)
    with replacing(path) as partial:
        table.to_csv(partial, index=False)


def read_folds(path: Path, names: pd.Series) -> pd.DataFrame:
    """The rows of folds.csv in the order of names, which are their index: fold and part int64, other columns as text.

    names: (N,) whose name is that of the column in the file
    Raises ValueError for a table that lacks columns, has a name twice, or has no fold for some name.

    >>> import pandas as pd, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_folds(Path(folder, "folds.csv"), pd.DataFrame({"image": ["a.jpg", "b.jpg"], "fold": [1, 0]}))
    ...     read_folds(Path(folder, "folds.csv"), pd.Series(["b.jpg", "a.jpg"], name="image"))["fold"].tolist()
    [0, 1]
    """
    key, table = names.name, read_texts(path)
    refuse(column_faults(table, (key, "fold", "part")) or doubled_faults(table[key]), path)
    found = table.set_index(key).reindex(names.astype(str))
    for column in ("fold", "part"):
        without = found.index[found[column].fillna("") == ""]
        count = f"{len(without)} of {len(found)} have no {column}"
        refuse([f"{count}, the first is {name!r}, expected folds of this data" for name in without[:1]], path)
    return found.astype({"fold": "int64", "part": "int64"})


def data_version(folder: Path) -> str:
    """Twelve hexadecimal digits that stand for the tables of a competition's folder: other rows or labels, others.

    Tables are those that lie highest, as a re-packing may have them in a folder of its own.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "train.csv").write_text("a")
    ...     one = data_version(Path(folder))
    ...     _ = Path(folder, "train.csv").write_text("b")
    ...     len(one), one == data_version(Path(folder))
    (12, False)
    """
    levels = (Path(folder).glob(level) for level in ("*", "*/*", "*/*/*"))
    each = (sorted(path for path in level if path.suffix in (".csv", ".json") and path.is_file()) for level in levels)
    tables = next(filter(None, each), [])
    return hashlib.sha1("".join(f"{path.name} {fingerprint(path)}\n" for path in tables).encode()).hexdigest()[:12]


def write_run(folder: Path, jobs: Sequence[Job], **facts: Any) -> Path:
    """``run.json`` of a training; returns its path. Other jobs that it notes already stay, and so does their order.

    facts: plain values (competition, sample, smoke, data, changed: by member); ValueError for another source than noted
    """
    return _add(folder, [_noted(job, folder) for job in jobs], facts, anew=True)


def carry(run: Path, folder: Path) -> None:
    """Adds the jobs of another output's ``run.json``, whose files have been copied to folder, to those noted there."""
    content = json.loads(run.read_text())
    _add(folder, content.pop("jobs"), content)


def _add(folder: Path, jobs: Sequence[Mapping[str, Any]], facts: Mapping[str, Any], anew: bool = False) -> Path:
    """anew: whether a job takes the place of the same one that is noted."""
    path = folder / "run.json"
    held = json.loads(path.read_text()) if path.is_file() else {"jobs": []}
    require_same_data(held, facts, path, "this run")
    one, other = ({(noted["member"], noted["fold"]): noted for noted in some} for some in (held["jobs"], jobs))
    for key in () if anew else one.keys() & other.keys():
        if any(one[key].get(name) != other[key].get(name) for name in ("parameters", "origin", "items")):
            raise ValueError(f"{job_title(*key)} is in two outputs that are attached, expected it once: detach one of them")
    both = {**one, **other} if anew else {**other, **one}  # its files lie here already
    changed = {"changed": {**held.get("changed", {}), **facts["changed"]}} if "changed" in facts else {}
    with replacing(path) as partial:
        partial.write_text(json_text({**held, **facts, **changed, "jobs": [*both.values()]}, indent=1) + "\n")
    return path


def _noted(job: Job, folder: Path) -> dict[str, Any]:
    sets = {
        name: asdict(one) | {"files": [path.relative_to(folder).as_posix() for path in files]}
        for name, (one, files) in job.sets.items()
    }
    weights = {checkpoint: path.relative_to(folder).as_posix() for checkpoint, path in job.weights.items()}
    return vars(job) | {"sets": sets, "weights": weights, "minutes": round(job.minutes, 2)}


def read_runs(folders: Iterable[Path], sample: bool | None = None, smoke: bool | None = None) -> Runs:
    """The outputs of the training stage together. A job that several hold alike, as when one went on from another, is one.

    sample, smoke: of what the data and the run in use are, see :func:`require_same_source`
    Raises FileNotFoundError where run.json is missing, and ValueError for outputs that do not belong together: from
    another source, a job trained twice, an item judged by two folds, a member whose folds were trained with other
    parameters.
    """
    outputs = [(Path(folder), _run_json(Path(folder), sample, smoke)) for folder in folders]
    if not outputs:
        return Runs(())
    for folder, run in outputs[1:]:
        require_same_data(outputs[0][1], run, outputs[0][0], folder)
    jobs = [_job(noted, folder) for folder, run in outputs for noted in run["jobs"]]
    first = dict.fromkeys(job.member for job in jobs)
    jobs.sort(key=lambda job: (list(first).index(job.member), job.fold))
    jobs = _once_each(jobs)
    _refuse_judged_twice(jobs)
    return Runs(tuple(jobs), {name: value for name, value in outputs[0][1].items() if name != "jobs"})


def _run_json(folder: Path, sample: bool | None, smoke: bool | None) -> dict[str, Any]:
    path = folder / "run.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing, stage 2_train writes it when its folds are done; {_lies_in(folder)}")
    run = json.loads(path.read_text())
    refuse([f"it holds {sorted(run)}, expected the jobs of a training by this version" for _ in [0] if "jobs" not in run], path)
    require_same_source(run, sample, path, smoke)
    return run


def require_same_data(held: Mapping[str, Any], wanted: Mapping[str, Any], there: Any, here: Any) -> None:
    """ValueError where what two outputs note of their data differs; there, here: how they are called."""
    for name in ("competition", "sample", "smoke", "data"):
        if name in held and name in wanted and held[name] != wanted[name]:
            both = f"{name} is {held[name]!r} in {there} and {wanted[name]!r} in {here}"
            raise ValueError(f"{both}, expected trainings on the same data: take another folder of output, or remove that one")


def _job(noted: dict[str, Any], folder: Path) -> Job:
    sets = {}
    for name, one in noted["sets"].items():
        files = tuple(folder / file for file in one.pop("files"))
        sets[name] = PredictionSet(**one), files
    weights = {checkpoint: folder / file for checkpoint, file in noted["weights"].items()}
    figures = {"score": figure(noted["score"]), "minutes": figure(noted["minutes"])}
    history = [{name: figure(value) for name, value in line.items()} for line in noted["history"]]
    return Job(**noted | figures | {"sets": sets, "weights": weights, "history": history})


def _once_each(jobs: Sequence[Job]) -> list[Job]:
    """Each job once; ValueError for one that was trained twice, and for two halves of one member not trained alike."""
    seen: dict[tuple[str, int], Job] = {}
    for job in jobs:
        other = next((one for (member, _), one in seen.items() if member == job.member), job)
        for name in sorted((job.parameters.keys() | other.parameters.keys()) - UNLEARNT):
            one, two = other.parameters.get(name), job.parameters.get(name)
            if one != two:
                both = f"{one!r} in {other.title} and {two!r} in {job.title}"
                raise ValueError(f"the parameter {name!r} is {both}, expected folds trained alike")
        twin = seen.get((job.member, job.fold))
        seen[job.member, job.fold] = job if twin is None else _one_of(twin, job)
    return list(seen.values())


def _one_of(one: Job, other: Job) -> Job:
    """The same job from two outputs: the one that was gone on with, else the one that has its files, and more sets."""
    if one.origin == other.origin and one.items == other.items:
        if not (one.finished and other.finished) and len(one.history) != len(other.history):
            return max(one, other, key=lambda job: len(job.history))
        if json_text(one.history) == json_text(other.history) and _same_weights(one, other):
            return max(one, other, key=lambda job: (all(path.is_file() for path in job.weights.values()), len(job.sets)))
    folders = " and in ".join(str(_folder(job)) for job in (one, other))
    raise ValueError(f"{one.title} was trained twice, in {folders}, expected it once: take away one of the outputs")


def _same_weights(one: Job, other: Job) -> bool:
    """As far as both lie here."""
    both = [(path, other.weights[name]) for name, path in one.weights.items() if name in other.weights]
    return all(fingerprint(a) == fingerprint(b) for a, b in both if a.is_file() and b.is_file())


def _refuse_judged_twice(jobs: Sequence[Job]) -> None:
    judge: dict[str, Job] = {}
    for job in jobs:
        for name in job.items:
            if judge.setdefault(name, job).fold != job.fold:
                both = f"{judge[name].title} and by {job.title}"
                raise ValueError(f"{name!r} was judged by {both}, expected folds of one folds.csv")


def _there(job: Job, checkpoint: str) -> Path:
    path = job.weights.get(checkpoint)
    if path is None or not path.is_file():
        told = f"the {checkpoint} weights of {job.title} are missing, expected {path or ' or '.join(job.weights) or 'some'}"
        where = f"; {_lies_in(folder)}" if (folder := _folder(job)) else ""
        raise FileNotFoundError(f"{told}: stage 2_train wrote them beside its run.json{where}")
    return path


def _folder(job: Job) -> Path | None:
    """Of the output that a job's files lie in, as far as it is known."""
    files = [*job.weights.values(), *(file for _, files in job.sets.values() for file in files)]
    return next((folder for file in files for folder in file.parents if (folder / "run.json").is_file()), None)


def _lies_in(folder: Path) -> str:
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f"in {folder} lies: {', '.join(names[:12]) or 'nothing'}{more}"


def require_same_source(content: Mapping[str, Any], sample: bool | None, path: Path, smoke: bool | None = None) -> None:
    """Raises ValueError when a file says that it was made from other data, or by another kind of run, than are in use.

    content: what the file holds, with or without these flags; sample: whether the data in use are the built-in
    sample's; smoke: whether the run only shows that everything runs; None: not checked

    >>> require_same_source({"sample": True}, False, "decision.json")
    Traceback (most recent call last):
    ValueError: decision.json was made from the built-in sample, expected the competition's data: run the stage again
    """
    words = {"sample": ("the competition's data", "the built-in sample"), "smoke": ("a real run", "a smoke run")}
    for name, here in (("sample", sample), ("smoke", smoke)):
        there = content.get(name)
        if None not in (there, here) and there != here:
            made_from, expected = (words[name][flag] for flag in (there, here))
            raise ValueError(f"{path} was made from {made_from}, expected {expected}: run the stage again")
