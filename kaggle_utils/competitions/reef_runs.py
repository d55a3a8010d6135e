"""What the training stage hands over: run.json, and out-of-fold predictions a set a file.

One kernel may train all folds or one; several outputs are read as if one kernel had written them, once it
is sure that they belong together: the same parameters, each fold once, no frame judged by two folds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.competitions.reef import ReefData, read_predictions, write_predictions
from kaggle_utils.files import fingerprint
from kaggle_utils.tasks.handover import folds_table, require_weights, training_outputs, write_run_json

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Runs",
    "fold_of_frames",
    "write_run",
    "read_runs",
    "trained_folds",
    "fingerprints",
    "judged_only",
    "boxes_of",
]


@dataclass(frozen=True)
class Runs:
    """Trained folds and their out-of-fold predictions.

    sets: set name -> boxes on the judged frames, by number in the table of frames
    judged: (n_frames,) bool, frames that some trained fold left out; fold_of_frame: (n_frames,) int, -1 elsewhere
    weights: fold -> path; parameters: of the training
    """

    sets: dict[str, Boxes]
    judged: np.ndarray
    fold_of_frame: np.ndarray
    weights: dict[int, Path]
    parameters: dict[str, Any]


def fold_of_frames(frames: pd.DataFrame, table_path: Path) -> np.ndarray:
    """(n_frames,) int64, the fold of each frame; frames: column image_id; table_path: folds.csv of 1_eda.

    Raises ValueError for a table without the columns image_id and fold, with an image_id twice, or
    without a fold for some frame.

    >>> import tempfile, pandas as pd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "folds.csv").write_text("image_id,fold\\n0-1,1\\n0-2,0\\n")
    ...     fold_of_frames(pd.DataFrame({"image_id": ["0-2", "0-1"]}), Path(folder, "folds.csv"))
    array([0, 1])
    """
    return folds_table(table_path, frames["image_id"], "frames")["fold"].to_numpy()


def write_run(folder: Path, data: ReefData, results: Sequence[Any], parameters: Mapping[str, Any], **facts: Any) -> Path:
    """``<set>.csv`` for every prediction set over all judged frames, and ``run.json``; returns its path.

    results: one FoldResult a trained fold; facts: anything else worth keeping (plain values)
    """
    rows = np.sort(np.concatenate([r.rows for r in results]))
    frames = data.frames.iloc[rows].reset_index(drop=True)
    names = list(results[0].predictions)
    for name in names:
        boxes = Boxes.concat(r.predictions[name] for r in results)
        write_predictions(folder / f"{name}.csv", frames, boxes.replace(frame=np.searchsorted(rows, boxes.frame)))
    folds = {
        str(r.fold): {"weights": str(Path(r.weights).relative_to(folder)), "f2": r.f2, "minutes": r.minutes,
                      "image_ids": data.frames["image_id"].to_numpy()[r.rows].tolist()}
        for r in results
    }  # fmt: skip
    return write_run_json(folder, folds, parameters, sets=names, **facts)


def read_runs(folders: Iterable[Path], data: ReefData, sample: bool | None = None) -> Runs:
    """The outputs of the training stage together; data: the frames they were trained on.

    sample: whether the data are the built-in sample's, None to ask nothing
    Raises what :func:`trained_folds` raises, and ValueError when outputs share no prediction set or name
    a frame that is not in the table.
    """
    row_of = {image_id: row for row, image_id in enumerate(data.frames["image_id"])}
    runs = training_outputs(folders, sample)
    folds = _folds(runs)
    fold_of_frame = np.full(len(data.frames), -1)
    for fold, (path, image_ids) in folds.items():
        fold_of_frame[_rows(image_ids, row_of, path)] = fold
    shared = [name for name in runs[0][1]["sets"] if all(name in run["sets"] for _, run in runs)]
    if not shared:
        raise ValueError(f"no prediction set is in all of {[run['sets'] for _, run in runs]}")
    sets = {name: _merged(name, runs, data, row_of) for name in shared}
    weights = {fold: path for fold, (path, _) in folds.items()}
    return Runs(sets, fold_of_frame >= 0, fold_of_frame, weights, runs[0][1]["parameters"])


def trained_folds(folders: Iterable[Path], sample: bool | None = None) -> dict[int, tuple[Path, list[str]]]:
    """fold -> (path of its weights, image_ids it was judged on), over all outputs of the training stage.

    sample: as for :func:`read_runs`
    Raises FileNotFoundError where run.json or weights are missing, and ValueError for outputs that do not
    belong together: a fold that is in two, a frame judged by two folds, a parameter that differs.
    """
    return _folds(training_outputs(folders, sample))


def fingerprints(folders: Iterable[Path]) -> dict[int, str]:
    """fold -> :func:`kaggle_utils.files.fingerprint` of its weights: what a decision was measured with."""
    return {fold: fingerprint(weights) for fold, (weights, _) in trained_folds(folders).items()}


def _folds(runs: Iterable[tuple[Path, dict]]) -> dict[int, tuple[Path, list[str]]]:
    found: dict[int, tuple[Path, list[str]]] = {}
    for folder, run in runs:
        for fold, result in ((int(key), result) for key, result in run["folds"].items()):
            if fold in found:
                raise ValueError(f"fold {fold} is in {found[fold][0]} and in {folder / result['weights']}, expected it once")
            found[fold] = require_weights(folder, result["weights"], f"fold {fold}"), result["image_ids"]
    _refuse_judged_twice(found)
    return dict(sorted(found.items()))


def _refuse_judged_twice(folds: Mapping[int, tuple[Path, list[str]]]) -> None:
    judge: dict[str, int] = {}
    for fold, (path, image_ids) in folds.items():
        for image_id in image_ids:
            if image_id in judge:
                both = f"fold {judge[image_id]} ({folds[judge[image_id]][0]}) and by fold {fold} ({path})"
                raise ValueError(f"frame {image_id!r} was judged by {both}, expected folds of one folds.csv")
            judge[image_id] = fold


def judged_only(data: ReefData, runs: Runs) -> tuple[ReefData, dict[str, Boxes], np.ndarray]:
    """Frames some fold was judged on, renumbered from 0: (data, set name -> boxes, fold of each frame)."""
    number = np.cumsum(runs.judged) - 1
    sets = {name: boxes.replace(frame=number[boxes.frame]) for name, boxes in runs.sets.items()}
    return data.take(runs.judged), sets, runs.fold_of_frame[runs.judged]


def _rows(image_ids: Sequence[str], row_of: Mapping[str, int], path: Path) -> list[int]:
    unknown = [i for i in image_ids if i not in row_of]
    if unknown:
        raise ValueError(f"{path} was judged on frame {unknown[0]!r}, which is not in the table of frames")
    return [row_of[i] for i in image_ids]


def _merged(name: str, runs: Sequence[tuple[Path, dict]], data: ReefData, row_of: Mapping[str, int]) -> Boxes:
    parts = []
    for folder, run in runs:
        rows = np.sort(_rows([i for f in run["folds"].values() for i in f["image_ids"]], row_of, folder))
        boxes = read_predictions(folder / f"{name}.csv", data.frames.iloc[rows].reset_index(drop=True))
        parts.append(boxes.replace(frame=rows[boxes.frame]))
    return Boxes.concat(parts)


def boxes_of(boxes: Boxes, frames: np.ndarray) -> Boxes:
    """The boxes that lie in the frames of a mask, (n_frames,) bool.

    >>> boxes_of(Boxes([0, 2], [[0, 0, 1, 1]] * 2), np.array([False, True, True])).frame
    array([2])
    """
    return boxes[frames[boxes.frame]]
