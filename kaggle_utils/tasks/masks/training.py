"""A segmenter trained on all folds but one, and what it says of the items it has not seen, on disk.

An item is decoded once at each input size and kept in a file that all processes map. Predictions are resized to the
submission's shape before they are stored, so whatever a member's input, they can be averaged and decided on alike. The
submission asks through :func:`kaggle_utils.tasks.masks.prediction.predictions`, the same as here.

Of several folds one may be trained alone: its items are then all that stage 3 has, and are cross-fitted over their parts.
"""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kaggle_utils.errors import KitError
from kaggle_utils.files import figure, fingerprint, replacing
from kaggle_utils.learning.augment import split_sets
from kaggle_utils.learning.batches import Fold
from kaggle_utils.learning.checkpoints import load_weights, start_from
from kaggle_utils.learning.data_parallel import Team, together
from kaggle_utils.learning.mixing import mixing
from kaggle_utils.learning.models import build, load_model
from kaggle_utils.learning.own import beside, keep
from kaggle_utils.learning.progress import endless, noted
from kaggle_utils.learning.store import PredictionStore
from kaggle_utils.learning.trainer import Outcome, train
from kaggle_utils.tasks.jobs import Order, run_orders
from kaggle_utils.tasks.masks.cache import Stacked, cached_pixels, cached_truths
from kaggle_utils.tasks.masks.examples import DiceMetric, MaskExamples
from kaggle_utils.tasks.masks.parameters import MaskTraining
from kaggle_utils.tasks.masks.prediction import predictions
from kaggle_utils.tasks.runs import Job, PredictionSet

if TYPE_CHECKING:
    from torch import nn

    from kaggle_utils.tasks.competition import Competition, Items

_NOT_LEARNT = {"size", "views", "checkpoints"}  # that a model's weights do not depend on, or that are noted elsewhere


def train_all(
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
    unlabelled: what a member learns from that learns from another's masks
    run: what runs orders, see :func:`kaggle_utils.tasks.jobs.side_by_side`; None: this CPU, one after another
    seconds_left: a function of a module where there are several devices; progress: show bars
    A warning names what the session's end left no time for. Raises KitError when that is everything, or when
    the predictions will not fit on the disk.
    """
    room = _require_space(competition, output, wanted, fold_of_item)
    if progress:
        print(room)
    firsts: dict[str, Order] = {}
    for order in wanted:
        firsts.setdefault(order.member, order)
    for order in firsts.values():
        one = _training(competition, order)
        build(one.model)  # what cannot be made, or started from, is told before hours of decoding
        with noted(_place(output, order), "cached", len(items)):  # before processes part: once
            _resized(competition, items, cache, one, order.member if progress else None)
            if one.masks.learns_from:
                cached_pixels(competition, unlabelled, cache, one.masks.size, order.member if progress else None, **one.pixels)
    shared = {"competition": competition, "items": items, "fold_of_item": fold_of_item, "output": output, "cache": cache}
    shared |= {"unlabelled": unlabelled, "seconds_left": seconds_left, "progress": progress}
    return run_orders(wanted, train_one, run, **shared)


def train_one(
    order: Order,
    devices: Sequence[str] = ("cpu",),
    *,
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
    one, title = _training(competition, order), order.title if progress else None
    given = _Given(competition, items, fold_of_item, order, one, _place(output, order), cache, unlabelled)
    if one.masks.learns_from:
        _answered(given, devices[0], title)
    keep(given.folder, order.origin)
    outcome = together(devices, _trained, given, seconds_left, title)
    if not outcome.best_epoch or not (outcome.finished or len(given.left_out)):
        return None
    weights = {name: outcome.folder / f"{name}.pth" for name in dict.fromkeys(("best", *one.masks.checkpoints))}
    names = items.table[competition.KEY].to_numpy()[given.left_out]
    return Job(
        order.member, order.fold, tuple(names.tolist()), figure(outcome.best), outcome.seconds / 60, outcome.stopped,
        weights, _predicted(given, weights, devices[0], title) if len(names) else {}, dict(order.parameters),
        outcome.history, order.origin, [outcome.best_epoch],
    )  # fmt: skip


def _place(output: Path, order: Order) -> Path:
    return output / f"{order.member}_{order.place}"


def _training(competition: Competition, order: Order) -> MaskTraining:
    return MaskTraining.chosen(order.parameters, classes=competition.KIND.classes)


@dataclass(frozen=True)
class _Given:
    """All that one training is made of; it is pickled where several processes train together."""

    competition: Competition
    items: Items
    fold_of_item: np.ndarray
    order: Order
    training: MaskTraining
    folder: Path
    cache: Path
    unlabelled: Items | None = None

    @property
    def left_out(self) -> np.ndarray:
        """(M,) rows that are judged and predicted."""
        return np.flatnonzero(self.order.left_out(self.fold_of_item))


def _trained(team: Team, given: _Given, seconds_left: Callable[[], float], progress: str | None) -> Outcome:
    """One model, by one process or by each of several."""
    with beside(given.folder):
        return _learnt(team, given, seconds_left, progress)


def _learnt(team: Team, given: _Given, seconds_left: Callable[[], float], progress: str | None) -> Outcome:
    one, classes = given.training, given.competition.KIND.classes
    pixels, bits = _resized(given.competition, given.items, given.cache, one, progress)
    learnt = {name: value for name, value in asdict(one.masks).items() if name not in _NOT_LEARNT}
    size, fold = one.masks.size, given.order.fold
    facts = {"model": one.model.plain(), "size": size, "fold": fold, "masks": learnt, "data": _digest(given)}
    facts["origin"] = dict(given.order.origin)
    pictures, batches = split_sets(one.masks.augmentations)
    examples, rows = MaskExamples(pixels, bits, classes, pictures), np.setdiff1d(np.arange(len(bits)), given.left_out)
    if one.masks.learns_from:
        more = cached_pixels(given.competition, given.unlabelled, given.cache, size, **one.pixels)
        examples = MaskExamples(Stacked(pixels, more), Stacked(bits, np.load(_answers(given), "r")), classes, pictures)
        rows = np.r_[rows, len(bits) : examples.images.shape[0]]
    model = build(one.model, seed=one.training.seed + max(fold, 0))
    if one.masks.start_from:
        fitting, tensors = start_from(model, Path(given.order.parents["start_from"]))
        if team.leads:
            print(f"{given.order.title}: {fitting} of {tensors} tensors fit those of {one.masks.start_from}")
    return train(
        model, one.loss(), Fold(examples, rows, given.left_out), DiceMetric(bits, classes, one.masks.least_share),
        given.folder, one.training, team=team, mix=mixing(batches), seconds_left=seconds_left, facts=facts,
        until=max(given.order.epochs, default=0), progress=progress,
    )  # fmt: skip


def _resized(
    competition: Competition, items: Items, cache: Path, one: MaskTraining, progress: str | None
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels and masks at a member's size, mapped from files; the first call makes the files."""
    size = one.masks.size
    pixels = cached_pixels(competition, items, cache, size, progress and f"{competition.UNIT}s", **one.pixels)
    return pixels, cached_truths(competition, items, cache, size, progress and "masks")


def _answers(given: _Given) -> Path:
    """Where the masks lie that another member gives the items without truth."""
    names, one = given.unlabelled.table[given.competition.KEY].tolist(), given.training.masks
    key = repr((names, fingerprint(given.order.parents["learns_from"]), one.size, one.pseudo_from))
    return given.cache / f"pseudo_{hashlib.sha1(key.encode()).hexdigest()[:12]}.npy"


def _answered(given: _Given, device: str, progress: str | None) -> None:
    """Makes them, at this member's size, unless they are there."""
    one, weights, path = given.training, Path(given.order.parents["learns_from"]), _answers(given)
    if path.is_file():
        return
    facts = load_weights(weights)
    parent, as_it_reads = load_model(weights, device), {"grayscale": True} if facts["masks"]["grayscale"] else {}
    pixels = cached_pixels(given.competition, given.unlabelled, given.cache, tuple(facts["size"]), progress, **as_it_reads)
    how = {"batch": one.training.batch, "device": device, "mixed": one.training.mixed, "progress": progress}
    found = predictions(parent, pixels, range(len(pixels)), "identity", one.masks.size[::-1], **how)
    drawn = [np.packbits(masks >= one.masks.pseudo_from, axis=1, bitorder="little")[:, 0] for _, (masks, _) in found]
    with replacing(path) as part:
        np.save(part, np.concatenate(drawn))


def _digest(given: _Given) -> str:
    """Stands for the items' names and their masks."""
    names = given.items.table[given.competition.KEY].tolist()
    return hashlib.sha1(repr((names, given.items.digest)).encode()).hexdigest()


def _predicted(
    given: _Given, weights: Mapping[str, Path], device: str, progress: str | None
) -> dict[str, tuple[PredictionSet, tuple[Path, ...]]]:
    """Every prediction set of the items left out: how it was asked, and (path of the masks, path of the labels)."""
    one, sets = given.training, {}
    pixels, _ = _resized(given.competition, given.items, given.cache, one, None)
    with beside(given.folder):
        model = build(one.model).to(device)
    for checkpoint, view in product(one.masks.checkpoints, one.masks.views):
        asked = PredictionSet(given.order.member, view, checkpoint)
        stores = _stores(given, asked, weights[checkpoint])
        if len(missing := np.union1d(*(store.missing() for store in stores))):
            model.load_state_dict(load_weights(weights[checkpoint])["state"])
            _fill(stores, missing, given, asked, model, pixels, device, progress and f"{progress}, {view}")
        sets[asked.name] = asked, tuple(store.path for store in stores)
    return sets


def _fill(
    stores: Sequence[PredictionStore], rows: np.ndarray, given: _Given, asked: PredictionSet,
    model: nn.Module, pixels: np.ndarray, device: str, progress: str | None,
) -> None:  # fmt: skip
    """What the model says of these rows in one view, into the stores of masks and labels."""
    how = {"batch": given.training.training.batch, "device": device, "mixed": given.training.training.mixed}
    shape, size = given.competition.KIND.shape, len(rows) * sum(math.prod(store.shape) for store in stores)
    with noted(given.folder, f"predicted {asked.name}", len(rows), lambda: size):
        for numbers, answers in predictions(model, pixels, rows, asked.view, shape, **how, progress=progress):
            for store, answer in zip(stores, answers, strict=True):
                store.write(numbers, answer)


def _stores(given: _Given, asked: PredictionSet, weights: Path) -> list[PredictionStore]:
    """Of masks and of labels; begun anew where other weights have written them."""
    kind, place = given.competition.KIND, given.folder.parent
    shapes = {"masks": (kind.classes, *kind.shape), "labels": (kind.classes,)}
    facts = {"weights": fingerprint(weights)}
    paths = {name: place / f"{asked.name}_fold{given.order.fold}_{name}.npy" for name in shapes}
    return [PredictionStore.create(paths[name], given.left_out, shape, facts, anew=True) for name, shape in shapes.items()]


def _require_space(competition: Competition, output: Path, wanted: Sequence[Order], fold_of_item: np.ndarray) -> str:
    """What predictions will take of the disk, in words; KitError where it has less.

    The stores are sparse files: a disk that is full would be noticed hours later, by a signal.
    """
    output.mkdir(parents=True, exist_ok=True)
    kind, masks, sets = competition.KIND, 0, set()
    for order in wanted:
        asked, left_out = _training(competition, order).masks, int(order.left_out(fold_of_item).sum())
        masks += left_out * len(asked.views) * len(asked.checkpoints)
        sets.update(product([order.member], asked.views, asked.checkpoints) if left_out else ())
    needed = masks * kind.classes * math.prod(kind.shape)
    held = sum(512 * path.stat().st_blocks for path in output.glob("*_masks.npy"))
    free = shutil.disk_usage(output).free
    told = f"{len(sets)} prediction sets, {masks} {competition.UNIT}s in all, take {needed / 1e9:.1f} GB"
    told += f", {output} has {free / 1e9:.1f} GB left"
    if needed - held > free:
        raise KitError(f"{told}: take fewer members, views or checkpoints, or a kernel for each fold")
    return told
