"""What a whole training of the reef detector will cost, from three epochs on a few frames.

The trial (:func:`write_trial`, :func:`trial_values`) is the training notebook itself at its real parameters:
the same model, resolution, batch and augmentations on fewer frames of the same sequences. From the times at
which it wrote its files (:func:`measured`) come seconds a training frame and seconds a predicted frame, and
from those (:func:`training_hours`) the hours of all folds, stages and prediction sets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kaggle_utils.competitions import reef
from kaggle_utils.competitions.reef_runs import fold_of_frames
from kaggle_utils.detector.parameters import SMOKE, DetectorParameters
from kaggle_utils.yolo_dataset import thin_out_empties

__all__ = [
    "COMPETITION",
    "Measured",
    "Sizes",
    "fold_sizes",
    "measured",
    "parameters_of",
    "training_hours",
    "trial_values",
    "write_trial",
]

TRIAL_EPOCHS = 3  # the first warms up, the second is measured, the third is without mosaic
_EPOCH = re.compile(r"stage(\d+)/resume\.pth$")  # written at the end of every epoch
_SET = re.compile(r"fold\d+/([a-z0-9_]+@\d+)\.csv$")  # written when a prediction set is done
_BEST = re.compile(r"fold\d+/best\.pth$")  # written when all stages are done


@dataclass(frozen=True)
class Sizes:
    """Frames of one fold: what an epoch trains on, what it leaves out."""

    train: int
    valid: int


# The competition's folds, a video each: its frames, and those with boxes, counted in its table; as many empty
# frames as frames with boxes are trained on (empties=1).
_VIDEOS = ((6_708, 2_143), (8_232, 2_099), (8_561, 677))
COMPETITION = {
    fold: Sizes(train=2 * sum(filled for other, (_, filled) in enumerate(_VIDEOS) if other != fold), valid=frames)
    for fold, (frames, _) in enumerate(_VIDEOS)
}


@dataclass(frozen=True)
class Measured:
    """train: seconds a frame and epoch, for each stage of the schedule; predict: set name -> seconds a frame;
    rest: seconds that neither explains (imports, tables, plots)."""

    train: tuple[float, ...]
    predict: Mapping[str, float]
    rest: float


def parameters_of(values: Mapping[str, Any]) -> DetectorParameters:
    """What the notebook trains with on Kaggle; values: of its parameters cell, overrides included."""
    return DetectorParameters.chosen(values, SMOKE if values.get("smoke") else {})


def trial_values(parameters: DetectorParameters, fold: int) -> dict[str, Any]:
    """Overrides of the notebook's parameters for a trial of one fold.

    >>> trial_values(DetectorParameters(chain=({"imgsz": 640, "epochs": 10}, {})), fold=1)["chain"]
    ({'imgsz': 640, 'epochs': 3}, {'epochs': 3})
    """
    chain = tuple({**stage, "epochs": TRIAL_EPOCHS} for stage in parameters.chain)
    return {"epochs": TRIAL_EPOCHS, "chain": chain, "folds": [fold], "fold": None, "hours": 0.0}


def write_trial(folder: Path, into: Path, n_frames: int) -> None:
    """``train.csv`` of some frames of every sequence, half of them with boxes where there are so many.

    folder: the competition's; frames whose image is not there are not chosen
    """
    data = reef.load(folder).present()
    filled = np.isin(np.arange(len(data.frames)), data.truth.frame)
    sequences = data.frames["sequence"].to_numpy()
    each = max(2, n_frames // max(1, len(np.unique(sequences))))
    rows = [row for name in np.unique(sequences) for row in _some(np.flatnonzero(sequences == name), filled, each)]
    table = data.frames.iloc[sorted(rows)][list(reef.FRAME_COLUMNS)]
    into.mkdir(parents=True, exist_ok=True)
    table.to_csv(into / "train.csv", index=False)


def _some(rows: np.ndarray, filled: np.ndarray, n: int) -> list[int]:
    with_boxes = rows[filled[rows]][: n // 2]
    return [*with_boxes.tolist(), *rows[~filled[rows]][: n - len(with_boxes)].tolist()]


def fold_sizes(folder: Path, folds_csv: Path, parameters: DetectorParameters) -> dict[int, Sizes]:
    """Of each fold, for the table ``train.csv`` in a folder and the folds that 1_eda wrote."""
    data = reef.load(folder)
    fold_of_frame = fold_of_frames(data.frames, folds_csv)
    sizes = {}
    for fold in np.unique(fold_of_frame).tolist():
        chosen = thin_out_empties(np.flatnonzero(fold_of_frame != fold), data.truth, parameters.empties, parameters.seed)
        sizes[fold] = Sizes(len(chosen), int((fold_of_frame == fold).sum()))
    return sizes


def measured(
    written: Sequence[tuple[float, str]], seconds: float, sizes: Sizes, parameters: DetectorParameters
) -> Measured:
    """Costs from a trial; written: (time, path) of each file as it was finished; seconds: of the whole trial.

    Raises ValueError when the trial did not come to its last prediction set.
    """
    sets = _intervals(written)
    if not sets:
        raise ValueError("the trial finished no prediction set, expected fold<k>/<view>@<size>.csv among what it wrote")
    predict = {name: spent / sizes.valid for name, spent in sets.items()}
    valid = next(iter(predict.values())) * sizes.valid
    ends: dict[int, list[float]] = {}
    for when, path in written:
        if found := _EPOCH.search(path):
            ends.setdefault(int(found.group(1)), []).append(when)
    epochs = [times[1] - times[0] for _, times in sorted(ends.items())]
    judged = valid if 2 % parameters.validate_every == 0 else 0.0
    train = tuple(max(0.0, epoch - judged) / sizes.train for epoch in epochs)
    known = TRIAL_EPOCHS * sum(epochs) + sum(sets.values())
    return Measured(train, predict, max(0.0, seconds - known))


def _intervals(written: Sequence[tuple[float, str]]) -> dict[str, float]:
    """Seconds each prediction set took, from the end of the training on."""
    found: dict[str, float] = {}
    last = None
    for when, path in written:
        name = _SET.search(path)
        if name and last is not None and name.group(1) not in found:
            found[name.group(1)] = when - last
        if name or _BEST.search(path):
            last = when
    return found


def training_hours(cost: Measured, sizes: Mapping[int, Sizes], parameters: DetectorParameters) -> dict[int, float]:
    """Hours each fold takes at most, to the last epoch; ``rest`` is in each, as if each had a session of its own.

    >>> cost = Measured(train=(0.1,), predict={"identity@1280": 0.05}, rest=60.0)
    >>> training_hours(cost, {0: Sizes(7000, 3000)}, DetectorParameters(epochs=20))  # 14,000 + 3,000 + 150 + 60 s
    {0: 4.780555555555556}
    """
    valid = next(iter(cost.predict.values()))
    hours = {}
    for fold, size in sizes.items():
        seconds = cost.rest + sum(cost.predict.values()) * size.valid
        for each, changes in zip(cost.train, parameters.chain, strict=True):
            stage = replace(parameters, chain=({},), **changes)
            judged = -(-stage.epochs // stage.validate_every)
            spent = stage.epochs * size.train * each + judged * size.valid * valid
            seconds += min(spent, 3600 * stage.hours) if stage.hours else spent
        hours[fold] = seconds / 3600
    return hours
