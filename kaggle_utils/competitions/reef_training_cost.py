"""What a whole training of the reef detector will cost, from three epochs on a few frames.

The trial (:func:`write_trial`, :func:`trial_values`) is the training notebook itself at its real parameters:
the same model, resolution, batch and augmentations on fewer frames of the same sequences. From the times at
which it wrote its files (:func:`measured`) come seconds a training frame and seconds a predicted frame, and
from those (:func:`training_hours`) the hours of all folds, stages and prediction sets. What is not
particular to reef is in :mod:`kaggle_utils.tasks.training_cost`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kaggle_utils.competitions import reef
from kaggle_utils.detector.files import thin_out_empties
from kaggle_utils.detector.parameters import DetectorParameters
from kaggle_utils.tasks.runs import read_folds
from kaggle_utils.tasks.training_cost import TRIAL_EPOCHS, Hours, Sizes, grown, said, times_of

__all__ = [
    "COMPETITION",
    "TRIAL_FOLDS",
    "Measured",
    "cost_lines",
    "fold_sizes",
    "measured",
    "parameters_of",
    "training_hours",
    "training_output",
    "trial_values",
    "write_trial",
]

TRIAL_FOLDS = 1
_EPOCH = r"stage(\d+)/resume\.pth$"  # written at the end of every epoch
_SET = r"fold\d+/([a-z0-9_]+@\d+)\.csv$"  # written when a prediction set is done
_BEST = r"fold\d+/best\.pth$"  # written when all stages are done


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
    return DetectorParameters.chosen(values, reef.SMOKE if values.get("smoke") else {})


def trial_values(parameters: DetectorParameters, folds: Sequence[int]) -> dict[str, Any]:
    """Overrides of the notebook's parameters for a trial of these folds.

    >>> trial_values(DetectorParameters(chain=({"imgsz": 640, "epochs": 10}, {})), folds=[1])["chain"]
    ({'imgsz': 640, 'epochs': 3}, {'epochs': 3})
    """
    chain = tuple({**stage, "epochs": TRIAL_EPOCHS} for stage in parameters.chain)
    return {"epochs": TRIAL_EPOCHS, "chain": chain, "folds": list(folds), "fold": None, "hours": 0.0}


def write_trial(
    folder: Path, folds_csv: Path, into: Path, n_frames: int, parameters: DetectorParameters
) -> dict[int, Sizes]:
    """``train.csv`` of some frames of every sequence, half of them with boxes where there are so many; its folds.

    folder: the competition's; frames whose image is not there are not chosen; folds_csv: what 1_eda wrote
    """
    data = reef.load(folder).present()
    filled = np.isin(np.arange(len(data.table)), data.truth.frame)
    sequences = data.table["sequence"].to_numpy()
    each = max(2, n_frames // max(1, len(np.unique(sequences))))
    rows = [row for name in np.unique(sequences) for row in _some(np.flatnonzero(sequences == name), filled, each)]
    table = data.table.iloc[sorted(rows)][list(reef.FRAME_COLUMNS)]
    into.mkdir(parents=True, exist_ok=True)
    table.to_csv(into / "train.csv", index=False)
    return fold_sizes(into, folds_csv, parameters)


def _some(rows: np.ndarray, filled: np.ndarray, n: int) -> list[int]:
    with_boxes = rows[filled[rows]][: n // 2]
    return [*with_boxes.tolist(), *rows[~filled[rows]][: n - len(with_boxes)].tolist()]


def fold_sizes(folder: Path, folds_csv: Path, parameters: DetectorParameters) -> dict[int, Sizes]:
    """Of each fold, for the table ``train.csv`` in a folder and the folds that 1_eda wrote."""
    data = reef.load(folder)
    fold_of_frame = read_folds(folds_csv, data.table["image_id"])["fold"].to_numpy()
    sizes = {}
    for fold in np.unique(fold_of_frame).tolist():
        chosen = thin_out_empties(
            np.flatnonzero(fold_of_frame != fold), data.truth, parameters.empties, parameters.seed
        )
        sizes[fold] = Sizes(len(chosen), int((fold_of_frame == fold).sum()))
    return sizes


def measured(
    written: Iterable[tuple[float, str]], seconds: float, tried: Mapping[int, Sizes], parameters: DetectorParameters
) -> Measured:
    """Costs from a trial; written: (time, path) of each file as it was finished; seconds: of the whole trial.

    tried: the one fold. Raises ValueError when the trial did not come to its last prediction set.
    """
    written, (sizes,) = list(written), tried.values()
    sets = _intervals(written)
    if not sets:
        raise ValueError("the trial finished no prediction set, expected fold<k>/<view>@<size>.csv among what it wrote")
    predict = {name: spent / sizes.valid for name, spent in sets.items()}
    ends = sorted((int(stage), times) for (stage,), times in times_of(written, _EPOCH).items())
    epochs = [times[1] - times[0] for _, times in ends]
    judged = next(iter(sets.values())) if 2 % parameters.validate_every == 0 else 0.0
    train = tuple(max(0.0, epoch - judged) / sizes.train for epoch in epochs)
    known = TRIAL_EPOCHS * sum(epochs) + sum(sets.values())
    return Measured(train, predict, max(0.0, seconds - known))


def _intervals(written: Sequence[tuple[float, str]]) -> dict[str, float]:
    """Seconds each prediction set took, from the end of the training on."""
    ends = {name: times[0] for (name,), times in times_of(written, _SET).items()}
    starts = [*times_of(written, _BEST).get((), [])[-1:], *ends.values()]
    return {name: end - start for (name, end), start in zip(ends.items(), starts, strict=False)}


def training_hours(cost: Measured, sizes: Mapping[int, Sizes], parameters: DetectorParameters) -> Hours:
    """Hours each fold takes at most, to the last epoch; ``rest`` is spent once a session.

    >>> cost = Measured(train=(0.1,), predict={"identity@1280": 0.05}, rest=90.0)
    >>> training_hours(cost, {0: Sizes(7000, 3000)}, DetectorParameters(epochs=20))  # 14,000 + 3,000 + 150 s
    Hours(once=0.025, folds={0: 4.763888888888889})
    """
    valid = next(iter(cost.predict.values()))
    hours = {}
    for fold, size in sizes.items():
        seconds = sum(cost.predict.values()) * size.valid
        for each, changes in zip(cost.train, parameters.chain, strict=True):
            stage = replace(parameters, chain=({},), **changes)
            judged = -(-stage.epochs // stage.validate_every)
            spent = stage.epochs * size.train * each + judged * size.valid * valid
            seconds += min(spent, 3600 * stage.hours) if stage.hours else spent
        hours[fold] = seconds / 3600
    return Hours(cost.rest / 3600, hours)


def training_output(
    written: Iterable[tuple[str, int]], tried: Mapping[int, Sizes], full: Mapping[int, Sizes]
) -> dict[str, float]:
    """{kind: bytes} of all folds, from (path, bytes) of the trial: tables grow with frames, the rest comes once a fold.

    >>> written = [("fold0/best.pth", 100), ("fold0/identity@1280.csv", 10)]
    >>> training_output(written, {0: Sizes(30, 10)}, {fold: Sizes(900, 200) for fold in range(5)})
    {'weights and pictures': 500, 'tables': 1000.0}
    """
    growth = sum(size.valid for size in full.values()) / sum(size.valid for size in tried.values())
    return grown(written, [(r"\.(csv|json|jsonl|txt)$", "tables", growth), ("", "weights and pictures", len(full))])


def cost_lines(cost: Measured, full: Mapping[int, Sizes]) -> list[str]:
    """What a frame costs, in words.

    >>> cost_lines(Measured((0.5, 1.25), {"identity@1280": 0.04}, 9.0), {})
    ['trained 500 ms, then 1.25 s an epoch; predicted identity@1280 40 ms']
    """
    sets = ", ".join(f"{name} {said(each)}" for name, each in cost.predict.items())
    return [f"trained {', then '.join(map(said, cost.train))} an epoch; predicted {sets}"]
