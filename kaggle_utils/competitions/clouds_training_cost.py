"""What a whole training of the clouds segmenter will cost, from three epochs of two folds on a few pictures.

The trial is the training notebook itself at its real parameters, as for reef
(:mod:`kaggle_utils.tasks.training_cost` has what both share). A picture is paid for in five ways, each
projected by itself: read once at each input size, its masks drawn once, trained on in each epoch of the other
folds, judged in each epoch of its own fold, predicted once a view and checkpoint. A file's time does not
tell training from judging within an epoch, so a few pictures of one fold and three times as many of another
are tried: what the one trains on the other judges, and two equations give both costs.

The built-in sample's files are smaller than the competition's. Reading and drawing are taken to go with a
picture's side: from 350 x 525 to 1400 x 2100, four times the side, they took 3.1 and 4.6 times as long (JPEGs
are decoded at a reduced size, run lengths column by column). The resized pictures lie in the temporary
folder, which Kaggle does not keep; were they written into the output they would be counted
(:func:`training_output`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kaggle_utils.competitions import clouds
from kaggle_utils.tasks.masks.items import RunLengthItems
from kaggle_utils.tasks.masks.parameters import MaskTraining
from kaggle_utils.tasks.runs import read_folds
from kaggle_utils.tasks.training_cost import TRIAL_EPOCHS, Hours, Sizes, costs_of, grown, said, times_of

__all__ = [
    "COMPETITION",
    "TRIAL_FOLDS",
    "Measured",
    "SizeCost",
    "cost_lines",
    "fold_sizes",
    "measured",
    "parameters_of",
    "training_hours",
    "training_output",
    "trial_values",
    "write_trial",
]

TRIAL_FOLDS = 2
_FOLDS = 5  # what 1_eda makes; near-duplicates stay together, so a fold may have a few pictures more or less
COMPETITION = {
    fold: Sizes(train=clouds.TRAIN_IMAGES - valid, valid=valid, side=math.sqrt(math.prod(clouds.TRAIN_SHAPE)))
    for fold, valid in ((fold, len(range(fold, clouds.TRAIN_IMAGES, _FOLDS))) for fold in range(_FOLDS))
}

_FOLDER = r"/(\d+x\d+)_fold(\d+)/"  # of a size's model of one fold
_ASKED, _READ, _DRAWN = (
    r"/frames_(\d+x\d+)_[^/]*\.lock$",
    r"/frames_(\d+x\d+)_[^/]*\.npy$",
    r"/masks_(\d+x\d+)_[^/]*\.npy$",
)
_SET = r"/(\d+x\d+)_([^/]+)_fold(\d+)_labels\.json$"  # written after every batch of a prediction set


@dataclass(frozen=True)
class SizeCost:
    """Seconds at one input size.

    read, drawn: a picture and its masks, once, for each pixel of its side; trained, judged: a picture and epoch;
    written: an epoch's checkpoints; sets: prediction set -> (to begin with, a picture)
    """

    read: float
    drawn: float
    trained: float
    judged: float
    written: float
    sets: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Measured:
    """sizes: "480x320" -> its costs; rest: seconds that they do not explain (imports, a first epoch's start, tables)."""

    sizes: Mapping[str, SizeCost]
    rest: float


def parameters_of(values: Mapping[str, Any]) -> dict[str, MaskTraining]:
    """What the notebook trains with on Kaggle; values: of its parameters cell, overrides included."""
    return clouds.KIND.members(values, clouds.SMOKE if values.get("smoke") else {})


def trial_values(parameters: Mapping[str, MaskTraining], folds: Sequence[int]) -> dict[str, Any]:
    """Overrides of the notebook's parameters for a trial of these folds, with what is opened last open at once.

    >>> trial_values(clouds.KIND.members({"opened": {0: "none", 5: "all"}}), folds=[0, 1])["opened"]
    {0: 'all'}
    """
    opened = next(iter(parameters.values())).training.opened
    last = {0: opened[max(opened)]} if opened else {}
    return {"epochs": TRIAL_EPOCHS, "patience": 0, "opened": last, "folds": list(folds), "fold": None}


def write_trial(
    folder: Path, folds_csv: Path, into: Path, n_images: int, parameters: Mapping[str, MaskTraining]
) -> dict[int, Sizes]:
    """``train.csv`` of a quarter of n pictures from one fold, the others from the next; those two folds.

    folder: the competition's; pictures that are not there are not chosen; folds_csv: what 1_eda wrote
    Raises ValueError where it has one fold only.
    """
    import pandas as pd

    data, fold_of_image = _data(folder, folds_csv)
    folds = np.unique(fold_of_image).tolist()
    if len(folds) < TRIAL_FOLDS:
        raise ValueError(f"{folds_csv} has the folds {folds}, expected {TRIAL_FOLDS} or more")
    some, more = (np.flatnonzero(fold_of_image == fold) for fold in folds[:TRIAL_FOLDS])
    few = max(2, min(n_images // 4, len(more) // 3))  # where there are not enough, a third of the other all the same
    rows = np.sort(np.concatenate([_spread(some, few), _spread(more, n_images - few)]))
    names = [f"{image}_{kind}" for image in data.table["image"].iloc[rows] for kind in clouds.CLASSES]
    into.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(dict(zip(clouds.COLUMNS, (names, data.texts[rows].ravel()), strict=True)))
    table.to_csv(into / "train.csv", index=False)
    return _sizes(fold_of_image[rows], data.shape)


def _data(folder: Path, folds_csv: Path) -> tuple[RunLengthItems, np.ndarray]:
    """The pictures that are there, as the notebook takes them, and the fold of each."""
    data = clouds.load(folder).present()
    return data, read_folds(folds_csv, data.table["image"])["fold"].to_numpy()


def _spread(rows: np.ndarray, n: int) -> np.ndarray:
    """n of the rows, from the first to the last; all where there are fewer."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(n, len(rows))).round().astype(int))]


def _sizes(fold_of_image: np.ndarray, shape: tuple[int, int]) -> dict[int, Sizes]:
    folds, valid = np.unique(fold_of_image, return_counts=True)
    pairs = zip(folds.tolist(), valid.tolist(), strict=True)
    return {fold: Sizes(len(fold_of_image) - n, n, math.sqrt(math.prod(shape))) for fold, n in pairs}


def fold_sizes(folder: Path, folds_csv: Path, parameters: Mapping[str, MaskTraining]) -> dict[int, Sizes]:
    """Of each fold, for the pictures in a competition's folder and the folds that 1_eda wrote."""
    data, fold_of_image = _data(folder, folds_csv)
    return _sizes(fold_of_image, data.shape)


def measured(
    written: Iterable[tuple[float, str]], seconds: float, tried: Mapping[int, Sizes], parameters: Mapping[str, MaskTraining]
) -> Measured:
    """Costs from a trial; written: (time, path) of each file as it was finished; seconds: of the whole trial.

    tried: the two folds. Raises ValueError when the trial did not come to its last prediction set.
    """
    written, costs, known = list(written), {}, 0.0
    for size in parameters:
        costs[size], spent = _measured_size(written, size, tried)
        known += spent
    return Measured(costs, max(0.0, seconds - known))


def _measured_size(
    written: Sequence[tuple[float, str]], size: str, tried: Mapping[int, Sizes]
) -> tuple[SizeCost, float]:
    """The costs at one input size, and the seconds they explain."""
    asked, read, drawn = (times_of(written, pattern).get((size,), [])[:1] for pattern in (_ASKED, _READ, _DRAWN))
    epochs = {fold: _epoch(written, size, fold) for fold in tried}
    sets = {fold: _set_seconds(written, size, fold) for fold in tried}
    names = {tuple(seconds) for seconds in sets.values()}  # the same in both folds
    if not (asked and read and drawn and all(epochs.values()) and all(names) and len(names) == 1):
        raise ValueError(f"the trial finished no prediction set at {size}, expected {size}_<view>_fold<k>_labels.json")
    (start,), (middle,), (end,) = asked, read, drawn
    sides = sum(each.valid * each.side for each in tried.values())
    trained, judged = costs_of([(s.train, s.valid) for s in tried.values()], [epochs[fold][0] for fold in tried])
    checkpoints = float(np.mean([epoch[1] for epoch in epochs.values()]))
    lines = {
        name: costs_of([(1, s.valid) for s in tried.values()], [sets[fold][name] for fold in tried])
        for name in names.pop()
    }
    known = end - start + TRIAL_EPOCHS * sum(map(sum, epochs.values())) + sum(sum(s.values()) for s in sets.values())
    return SizeCost((middle - start) / sides, (end - middle) / sides, trained, judged, checkpoints, lines), known


def _epoch(written: Sequence[tuple[float, str]], size: str, fold: int) -> tuple[float, float] | None:
    """Seconds of learning and judging, and of writing (all but a first file), in the mean of the later epochs."""
    judged, ends = (
        times_of(written, _FOLDER + name).get((size, str(fold)), []) for name in (r"last\.pth$", r"resume\.pth$")
    )
    if len(ends) < TRIAL_EPOCHS or len(judged) < TRIAL_EPOCHS:
        return None
    before, judged, after = (np.array(times) for times in (ends[:-1], judged[1:], ends[1:]))
    return float((judged - before).mean()), float((after - judged).mean())


def _set_seconds(written: Sequence[tuple[float, str]], size: str, fold: int) -> dict[str, float]:
    """Seconds that each prediction set of a fold took, from the end of its training on."""
    places = times_of(written, _SET).items()
    ends = {name: times[-1] for (own, name, number), times in places if (own, number) == (size, str(fold))}
    trained = times_of(written, _FOLDER + r"done\.json$").get((size, str(fold)), [])
    return {name: end - start for (name, end), start in zip(ends.items(), [*trained, *ends.values()], strict=False)}


def training_hours(cost: Measured, sizes: Mapping[int, Sizes], parameters: Mapping[str, MaskTraining]) -> Hours:
    """Hours each fold takes at most, to the last epoch; pictures and masks are made once a session.

    >>> each = SizeCost(1e-5, 2e-5, trained=0.02, judged=0.01, written=1.0, sets={"identity": (2.0, 0.03)})
    >>> parameters = clouds.KIND.members({"epochs": 10})
    >>> hours = training_hours(Measured({"480x320": each}, rest=30.0), {0: Sizes(4000, 1000, side=2000)}, parameters)
    >>> round(3600 * hours.once), round(3600 * hours.folds[0])  # 30 + 5,000 * .06; 10 * (80 + 10 + 1) + 2 + 30
    (330, 942)
    """
    any_fold = next(iter(sizes.values()))
    sides = (any_fold.train + any_fold.valid) * any_fold.side
    once = cost.rest + sum((each.read + each.drawn) * sides for each in cost.sizes.values())
    epochs = next(iter(parameters.values())).training.epochs
    folds = {
        fold: sum(_fold_seconds(each, size, epochs) for each in cost.sizes.values()) for fold, size in sizes.items()
    }
    return Hours(once / 3600, {fold: seconds / 3600 for fold, seconds in folds.items()})


def _fold_seconds(cost: SizeCost, size: Sizes, epochs: int) -> float:
    epoch = cost.trained * size.train + cost.judged * size.valid + cost.written
    return epochs * epoch + sum(start + each * size.valid for start, each in cost.sets.values())


def training_output(
    written: Iterable[tuple[str, int]], tried: Mapping[int, Sizes], full: Mapping[int, Sizes]
) -> dict[str, float]:
    """{kind: bytes} of all folds, from (path, bytes) of the trial.

    A fold's prediction sets grow with its pictures (350 x 525 x 4 bytes each), weights come once a fold and
    size, tables and whatever holds resized pictures grow with all pictures.

    >>> written = [("480x320_fold0/best.pth", 100), ("480x320_hflip_fold0_masks.npy", 10 * 735_000), ("curve.png", 7)]
    >>> training_output(written, {0: Sizes(30, 10)}, {0: Sizes(80, 20), 1: Sizes(80, 20)})
    {'weights': 200.0, 'prediction sets': 29400000.0, 'the rest': 7}
    """
    predicted = sum(size.valid for size in full.values()) / sum(size.valid for size in tried.values())
    (some,), (all_,) = ([size.train + size.valid for size in list(sizes.values())[:1]] for sizes in (tried, full))
    rules = [
        (r"_fold\d+_(masks|labels)\.", "prediction sets", predicted),
        (r"(^|/)(frames|masks)_\d+x\d+_", "resized pictures", all_ / some),
        (r"_fold\d+/.*\.pth$", "weights", len(full) / len(tried)),
        (r"\.(csv|json|jsonl|txt)$", "the rest", all_ / some),
        ("", "the rest", 1),
    ]
    return grown(written, rules)


def cost_lines(cost: Measured, full: Mapping[int, Sizes]) -> list[str]:
    """What a picture costs, in words; full: those it is projected on, whose files may be larger than the trial's.

    >>> each = SizeCost(2e-5, 4e-6, trained=1.5, judged=0.5, written=1.0, sets={"hflip": (2.0, 0.03)})
    >>> cost_lines(Measured({"480x320": each}, rest=30.0), {0: Sizes(4, 1, side=2000)})
    ['480x320: read 40 ms, masks 8 ms, once; trained 1.50 s, judged 500 ms an epoch; predicted hflip 30 ms']
    """
    side = next(iter(full.values())).side
    return [
        f"{size}: read {said(each.read * side)}, masks {said(each.drawn * side)}, once; "
        f"trained {said(each.trained)}, judged {said(each.judged)} an epoch; "
        f"predicted {', '.join(f'{name} {said(one)}' for name, (_, one) in each.sets.items())}"
        for size, each in cost.sizes.items()
    ]
