"""A network trained on all folds but one, and what it says of the items it has not seen, on disk.

What kinds have in common that train by :func:`kaggle_utils.learning.trainer.train`: a kind says the rest as a
:class:`Lesson`. The submission asks through the same function of it as the training does, so what stage 3 measured is
what is submitted. Of several folds one may be trained alone: its items are then all that stage 3 has, and are
cross-fitted over their parts.
"""

from __future__ import annotations

import functools
import hashlib
import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kaggle_utils.errors import KitError
from kaggle_utils.files import figure, fingerprint, replacing
from kaggle_utils.images.decode import threaded
from kaggle_utils.learning.augment import split_sets
from kaggle_utils.learning.batches import Examples, Fold
from kaggle_utils.learning.checkpoints import load_weights, start_from
from kaggle_utils.learning.data_parallel import Team, together
from kaggle_utils.learning.devices import laid_out
from kaggle_utils.learning.mixing import mixing
from kaggle_utils.learning.models import build, load_model
from kaggle_utils.learning.own import beside, keep
from kaggle_utils.learning.progress import endless, noted
from kaggle_utils.learning.store import Joined, PredictionStore
from kaggle_utils.learning.trainer import Loss, Metric, Outcome, train
from kaggle_utils.tasks.jobs import Order, run_orders
from kaggle_utils.tasks.parameters import NetworkTraining
from kaggle_utils.tasks.runs import Job, PredictionSet

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from kaggle_utils.tasks.competition import Competition, Items, Look
    from kaggle_utils.tasks.runs import Runs

Pixels = Any  # an array (N, H, W, C) uint8, or what has shape and gives (H, W, C) of a row
Answers = tuple[np.ndarray, ...]  # one for each store: (B, ...) float32

_NOT_LEARNT = {"size", "views", "checkpoints"}  # that a model's weights do not depend on, or that are noted elsewhere


@dataclass(frozen=True)
class Given:
    """All that one training is made of; it is pickled where several processes train together."""

    lesson: Lesson
    competition: Competition
    items: Items
    fold_of_item: np.ndarray
    order: Order
    training: Any
    folder: Path
    cache: Path
    unlabelled: Items | None = None

    @property
    def left_out(self) -> np.ndarray:
        """(M,) rows that are judged and predicted."""
        return np.flatnonzero(self.order.left_out(self.fold_of_item))

    @property
    def learnt(self) -> np.ndarray:
        """(T,) rows that are learnt."""
        return np.setdiff1d(np.arange(len(self.items)), self.left_out)


class Lesson:
    """What a kind says of its networks. It has no state, and is known by its class where processes train together.

    TRAINING: of the parameters; DTYPE: of the stores, uint8 or float32
    """

    TRAINING: type[NetworkTraining]
    DTYPE = "uint8"

    def stores(self, kind: Any) -> dict[str, tuple[int, ...]]:
        """What is kept of an item: name -> shape; the first is what stage 3 begins with."""
        raise NotImplementedError

    def digest(self, items: Items) -> str:
        """Stands for the items' truth."""
        raise NotImplementedError

    def prepare(self, given: Given, progress: str | None) -> None:
        """Makes what all processes read; once, before they part."""

    def pixels(self, given: Given) -> Pixels:
        """Of all items."""
        raise NotImplementedError

    def answer(self, given: Given, device: str, progress: str | None) -> None:
        """What the member that is learnt from says of the items without truth, in a file, unless it is there."""
        path, weights, one = answers_file(given), Path(given.order.parents["learns_from"]), given.training.training
        if not path.is_file():
            how = {"batch": one.batch, "device": device, "mixed": one.mixed, "progress": progress}
            said = self.said(given, load_model(weights, device), load_weights(weights), **how)
            with replacing(path) as part:
                np.save(part, np.concatenate([*said]))

    def said(self, given: Given, parent: nn.Module, facts: Mapping[str, Any], **how: Any) -> Iterator[np.ndarray]:
        """That, as it is learnt, batch by batch; facts: beside the parent's weights; how: as for :meth:`predictions`."""
        raise NotImplementedError

    def examples(self, given: Given) -> tuple[Examples, int]:
        """What is learnt from, and how many rows it has: all items, and then those that another member answered."""
        raise NotImplementedError

    def loss(self, given: Given) -> Loss:
        """(outputs, targets) -> scalar."""
        raise NotImplementedError

    def metric(self, given: Given) -> Metric:
        """What an epoch is judged by."""
        raise NotImplementedError

    def predictions(
        self, kind: Any, model: nn.Module, pixels: Pixels, rows: Sequence[int], view: str, **how: Any
    ) -> Iterator[tuple[np.ndarray, Answers]]:
        """(rows (B,), answers) batch by batch, rows ascending; how: batch, device, mixed, workers, progress."""
        raise NotImplementedError


def train_all(
    lesson: Lesson,
    competition: Competition,
    items: Items,
    fold_of_item: np.ndarray,
    wanted: Sequence[Order],
    output: Path,
    *,
    cache: Path,
    unlabelled: Items | None = None,
    run: Callable[[Sequence[Order], Callable], list] | None = None,
    seconds_left: Callable[[], float] = endless,
    progress: bool = False,
) -> list[Job]:
    """What came of each order for which there was time.

    items: that are all there; fold_of_item: (N,); output: folder for weights and prediction sets; cache: for pixels
    unlabelled: what a member learns from that learns from another's answers
    run: what runs orders, see :func:`kaggle_utils.tasks.jobs.side_by_side`; None: this CPU, one after another
    seconds_left: a function of a module where there are several devices; progress: show bars
    A warning names what the session's end left no time for. Raises KitError when that is everything, or when
    the predictions will not fit on the disk.
    """
    room = _require_space(lesson, competition, output, wanted, fold_of_item)
    if progress:
        print(room)
    firsts: dict[str, Order] = {}
    for order in wanted:
        firsts.setdefault(order.member, order)
    for order in firsts.values():
        given = _given(lesson, competition, items, fold_of_item, order, output, cache, unlabelled)
        build(given.training.model)  # what cannot be made, or started from, is told before hours of decoding
        with noted(given.folder, "cached", len(items)):
            lesson.prepare(given, order.member if progress else None)
    shared = {"competition": competition, "items": items, "fold_of_item": fold_of_item, "output": output, "cache": cache}
    shared |= {"unlabelled": unlabelled, "seconds_left": seconds_left, "progress": progress, "lesson": lesson}
    return run_orders(wanted, train_one, run, **shared)


def train_one(
    order: Order,
    devices: Sequence[str] = ("cpu",),
    *,
    lesson: Lesson,
    competition: Competition,
    items: Items,
    fold_of_item: np.ndarray,
    output: Path,
    cache: Path,
    unlabelled: Items | None = None,
    seconds_left: Callable[[], float] = endless,
    progress: bool = False,
) -> Job | None:
    """One member trained on all folds but one, which it then predicts in every view; what is done is not done again.

    None when the session's end left no time for an epoch, or on all rows, where no epoch is better than another, for
    the last. devices: several train the one model together; the rest as for :func:`train_all`
    """
    title = order.title if progress else None
    given = _given(lesson, competition, items, fold_of_item, order, output, cache, unlabelled)
    if given.training.own.learns_from:
        lesson.answer(given, devices[0], title)
    keep(given.folder, order.origin)
    outcome = together(devices, _trained, given, seconds_left, title)
    if not outcome.best_epoch or not (outcome.finished or len(given.left_out)):
        return None
    weights = {name: outcome.folder / f"{name}.pth" for name in dict.fromkeys(("best", *given.training.own.checkpoints))}
    names = items.table[competition.KEY].to_numpy()[given.left_out]
    return Job(
        order.member, order.fold, tuple(names.tolist()), figure(outcome.best), outcome.seconds / 60, outcome.stopped,
        weights, _predicted(given, weights, devices[0], title) if len(names) else {}, dict(order.parameters),
        outcome.history, order.origin, [outcome.best_epoch],
    )  # fmt: skip


def _given(
    lesson: Lesson, competition: Competition, items: Items, fold_of_item: np.ndarray, order: Order, output: Path, *more: Any
) -> Given:
    training, folder = _training(lesson, competition, order), output / f"{order.member}_{order.place}"
    return Given(lesson, competition, items, fold_of_item, order, training, folder, *more)


def _training(lesson: Lesson, competition: Competition, order: Order) -> Any:
    return lesson.TRAINING.chosen(order.parameters, classes=competition.KIND.classes)


def _trained(team: Team, given: Given, seconds_left: Callable[[], float], progress: str | None) -> Outcome:
    """One model, by one process or by each of several."""
    with beside(given.folder):
        return _fitted(team, given, seconds_left, progress)


def _fitted(team: Team, given: Given, seconds_left: Callable[[], float], progress: str | None) -> Outcome:
    one, lesson, fold = given.training, given.lesson, given.order.fold
    learnt = {name: value for name, value in asdict(one.own).items() if name not in _NOT_LEARNT}
    facts = {"model": one.model.plain(), "size": one.own.size, "fold": fold, one.part(): learnt, "data": _digest(given)}
    facts["origin"] = dict(given.order.origin)
    examples, rows = lesson.examples(given)
    model = build(one.model, seed=one.training.seed + max(fold, 0))
    if one.own.start_from:
        fitting, tensors = start_from(model, Path(given.order.parents["start_from"]))
        if team.leads:
            print(f"{given.order.title}: {fitting} of {tensors} tensors fit those of {one.own.start_from}")
    fold_rows = Fold(examples, np.r_[given.learnt, len(given.items) : rows], given.left_out)
    mix = mixing(split_sets(one.own.augmentations)[1])
    return train(
        model, lesson.loss(given), fold_rows, lesson.metric(given), given.folder, one.training, team=team, mix=mix,
        seconds_left=seconds_left, facts=facts, until=max(given.order.epochs, default=0), progress=progress,
    )  # fmt: skip


def _digest(given: Given) -> str:
    """Stands for the items' names and their truth."""
    names = given.items.table[given.competition.KEY].tolist()
    return hashlib.sha1(repr((names, given.lesson.digest(given.items))).encode()).hexdigest()


def answers_file(given: Given) -> Path:
    """Where it lies what another member says of the items without truth."""
    names, own = given.unlabelled.table[given.competition.KEY].tolist(), given.training.own
    key = repr((names, fingerprint(given.order.parents["learns_from"]), own.size, own.pseudo_from))
    return given.cache / f"pseudo_{hashlib.sha1(key.encode()).hexdigest()[:12]}.npy"


def _predicted(
    given: Given, weights: Mapping[str, Path], device: str, progress: str | None
) -> dict[str, tuple[PredictionSet, tuple[Path, ...]]]:
    """Every prediction set of the items left out: how it was asked, and its files, one for each store."""
    one, sets = given.training, {}
    pixels = given.lesson.pixels(given)
    with beside(given.folder):
        model = laid_out(build(one.model), device)
    for checkpoint, view in product(one.own.checkpoints, one.own.views):
        asked = PredictionSet(given.order.member, view, checkpoint, given.lesson.DTYPE)
        stores = _stores(given, asked, weights[checkpoint])
        if len(missing := np.union1d(*(stores[place].missing() for place in (0, -1)))):
            model.load_state_dict(load_weights(weights[checkpoint])["state"])
            _fill(stores, missing, given, asked, model, pixels, device, progress and f"{progress}, {view}")
        sets[asked.name] = asked, tuple(store.path for store in stores)
    return sets


def _fill(
    stores: Sequence[PredictionStore], rows: np.ndarray, given: Given, asked: PredictionSet,
    model: nn.Module, pixels: Pixels, device: str, progress: str | None,
) -> None:  # fmt: skip
    """What the model says of these rows in one view, into the stores."""
    one, kind = given.training.training, given.competition.KIND
    how = {"batch": one.batch, "device": device, "mixed": one.mixed, "workers": one.processes(device)}
    size = len(rows) * sum(_bytes(store.shape, store.dtype) for store in stores)
    with noted(given.folder, f"predicted {asked.name}", len(rows), lambda: size):
        for numbers, answers in given.lesson.predictions(kind, model, pixels, rows, asked.view, **how, progress=progress):
            for store, answer in zip(stores, answers, strict=True):
                store.write(numbers, answer)


def _stores(given: Given, asked: PredictionSet, weights: Path) -> list[PredictionStore]:
    """Begun anew where other weights have written them."""
    shapes, facts = given.lesson.stores(given.competition.KIND), {"weights": fingerprint(weights)}
    paths = {name: given.folder.parent / f"{asked.name}_fold{given.order.fold}_{name}.npy" for name in shapes}
    how = {"facts": facts, "anew": True, "dtype": given.lesson.DTYPE}
    return [PredictionStore.create(paths[name], given.left_out, shape, **how) for name, shape in shapes.items()]


def _bytes(shape: tuple[int, ...], dtype: str | np.dtype) -> int:
    return math.prod(shape) * np.dtype(dtype).itemsize


def _require_space(
    lesson: Lesson, competition: Competition, output: Path, wanted: Sequence[Order], fold_of_item: np.ndarray
) -> str:
    """What predictions will take of the disk, in words; KitError where it has less: hours before a store would say so."""
    output.mkdir(parents=True, exist_ok=True)
    shapes, answered, sets = lesson.stores(competition.KIND), 0, set()
    for order in wanted:
        asked, left_out = _training(lesson, competition, order).own, int(order.left_out(fold_of_item).sum())
        answered += left_out * len(asked.views) * len(asked.checkpoints)
        sets.update(product([order.member], asked.views, asked.checkpoints) if left_out else ())
    needed = answered * sum(_bytes(shape, lesson.DTYPE) for shape in shapes.values())
    held = sum(512 * path.stat().st_blocks for name in shapes for path in output.glob(f"*_{name}.npy"))
    free = shutil.disk_usage(output).free
    told = f"{len(sets)} prediction sets, {answered} {competition.UNIT}s in all, take {needed / 1e9:.1f} GB"
    told += f", {output} has {free / 1e9:.1f} GB left"
    if needed - held > free:
        raise KitError(f"{told}: take fewer members, views or checkpoints, or a kernel for each fold")
    return told


def joined_sets(items: Items, key: str, runs: Runs) -> dict[str, list[Joined]]:
    """name of each prediction set that all folds have -> its stores, each of all folds as one.

    Raises ValueError when the rows of a fold are not the items they were.
    """
    names = items.table[key].to_numpy()
    return {name: [Joined(stores) for stores in zip(*_opened(names, runs, name), strict=True)] for name in runs.sets}


def _opened(names: np.ndarray, runs: Runs, name: str) -> Iterator[list[PredictionStore]]:
    """Fold by fold."""
    for job in runs.jobs:
        if name in job.sets:
            stores = [PredictionStore(path) for path in job.sets[name][1]]
            _refuse_others(names, stores[0], job)
            yield stores


def _refuse_others(names: np.ndarray, store: PredictionStore, job: Job) -> None:
    rows = store.rows
    if rows.max(initial=-1) >= len(names) or names[rows].tolist() != list(job.items):
        told = f"{job.title} was trained on other items: its rows are not {job.items[0]} and so on in this data"
        raise ValueError(f"{store.path.parent}: {told}")


def parts_and_groups(folds: pd.DataFrame, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(M,) part and group of these rows; without a column group each row is one of its own."""
    group = folds["group"] if "group" in folds else folds.index
    return folds["part"].to_numpy()[rows], group.to_numpy(object)[rows]


class Stacked:
    """Arrays (N, ...) one behind another, read row by row, so that mapped files, or what is read when it is asked for,
    are never copied together.

    >>> both = Stacked(np.zeros((2, 3)), np.ones((4, 3)))
    >>> both.shape, both[1].tolist(), both[5].tolist()
    ((6, 3), [0.0, 0.0, 0.0], [1.0, 1.0, 1.0])
    """

    def __init__(self, *parts: np.ndarray) -> None:
        self.parts, self.starts = parts, np.cumsum([0, *map(len, parts)])
        self.shape = (int(self.starts[-1]), *parts[0].shape[1:])

    def __getitem__(self, row: int) -> np.ndarray:
        part = int(np.searchsorted(self.starts, row, side="right")) - 1
        return self.parts[part][row - self.starts[part]]


class NetworkPredictor:
    """Looks of some items to what each prediction set says of them: the mean over the folds' models.

    runs: of the training stage; sets: names; models: "all" folds', the "first", for items that it left out, or those of
    "full"; ``folds`` tells which
    """

    def __init__(
        self, lesson: Lesson, competition: Competition, runs: Runs, sets: Sequence[str],
        device: str = "cpu", models: str = "all",
    ) -> None:  # fmt: skip
        self.lesson, self.runs, self.device, self.kind = lesson, runs, device, competition.KIND
        self.folds, self.sets = runs.folds_of(models), runs.named(sets)
        self.trained = {one.member: self._training(one) for one in self.sets}
        self.model = functools.cache(partial(load_model, device=device))  # views share their models

    def _training(self, asked: PredictionSet) -> Any:
        weights = self.runs.weights(asked.member, asked.checkpoint, self.folds)
        with beside(weights[self.folds[0]].parent):
            return self.lesson.TRAINING.chosen(self.runs.parameters(asked.member), classes=self.kind.classes)

    def answers(self, looks: Sequence[Look]) -> list[Answers]:
        """Of each set, of all items as one batch."""
        read: dict[str, np.ndarray] = {}  # members of one size and colour read once
        return [self._mean_of_folds(one, self._pixels(one, looks, read)) for one in self.sets]

    def _pixels(self, asked: PredictionSet, looks: Sequence[Look], read: dict[str, np.ndarray]) -> np.ndarray:
        one = self.trained[asked.member]
        key = f"{one.own.size} {one.pixels}"
        if key not in read:
            read[key] = np.stack(list(threaded(lambda look: look(one.own.size, **one.pixels), looks)))
        return read[key]

    def _mean_of_folds(self, asked: PredictionSet, pixels: np.ndarray) -> Answers:
        one, found = self.trained[asked.member], []
        how = {"batch": len(pixels), "device": self.device, "mixed": one.training.mixed}
        weights = self.runs.weights(asked.member, asked.checkpoint, self.folds)
        for fold in self.folds:
            said = self.lesson.predictions(self.kind, self.model(weights[fold]), pixels, range(len(pixels)), asked.view, **how)
            found += [answers for _, answers in said]
        return tuple(sum(parts) / len(parts) for parts in zip(*found, strict=True))
