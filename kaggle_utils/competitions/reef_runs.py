"""What the training stage hands over: run.json, and out-of-fold predictions a set a file.

One kernel may train all folds or one; several outputs are read as if one kernel had written them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kaggle_utils.boxes import Boxes
from kaggle_utils.competitions.reef import ReefData, read_predictions, write_predictions
from kaggle_utils.files import replacing

__all__ = ["Runs", "write_run", "read_runs", "trained_folds", "judged_only", "boxes_of"]


@dataclass(frozen=True)
class Runs:
    """Trained folds and their out-of-fold predictions.

    sets: set name -> boxes on the judged frames, by number in the table of frames
    judged: (n_frames,) bool, frames that some trained fold left out; fold_of_frame: (n_frames,) int, -1 elsewhere
    weights: fold -> path; parameters: of the training; score: best F2 of each fold
    """

    sets: dict[str, Boxes]
    judged: np.ndarray
    fold_of_frame: np.ndarray
    weights: dict[int, Path]
    parameters: dict[str, Any]
    scores: dict[int, float]


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
    with replacing(folder / "run.json") as partial:
        content = {"sets": names, "folds": folds, "parameters": dict(parameters), **facts}
        partial.write_text(json.dumps(content, indent=1) + "\n")
    return folder / "run.json"


def read_runs(folders: Iterable[Path], data: ReefData) -> Runs:
    """The outputs of the training stage together; data: the frames they were trained on.

    Raises ValueError when two outputs hold the same fold, share no prediction set, or name a frame
    that is not in the table.
    """
    row_of = {image_id: row for row, image_id in enumerate(data.frames["image_id"])}
    fold_of_frame = np.full(len(data.frames), -1)
    weights: dict[int, Path] = {}
    scores: dict[int, float] = {}
    runs = [(Path(folder), json.loads((Path(folder) / "run.json").read_text())) for folder in folders]
    for folder, run in runs:
        for fold, result in run["folds"].items():
            if int(fold) in weights:
                raise ValueError(f"fold {fold} is in {weights[int(fold)].parent} and in {folder}, expected it once")
            weights[int(fold)], scores[int(fold)] = folder / result["weights"], result["f2"]
            fold_of_frame[_rows(result["image_ids"], row_of, folder)] = int(fold)
    shared = [name for name in runs[0][1]["sets"] if all(name in run["sets"] for _, run in runs)]
    if not shared:
        raise ValueError(f"no prediction set is in all of {[run['sets'] for _, run in runs]}")
    sets = {name: _merged(name, runs, data, row_of) for name in shared}
    return Runs(sets, fold_of_frame >= 0, fold_of_frame, weights, runs[0][1]["parameters"], scores)


def trained_folds(folders: Iterable[Path]) -> dict[int, tuple[Path, list[str]]]:
    """fold -> (path of its weights, image_ids it was judged on), over all outputs of the training stage."""
    found: dict[int, tuple[Path, list[str]]] = {}
    for folder in folders:
        run = json.loads((Path(folder) / "run.json").read_text())
        found |= {int(k): (Path(folder) / f["weights"], f["image_ids"]) for k, f in run["folds"].items()}
    return dict(sorted(found.items()))


def judged_only(data: ReefData, runs: Runs) -> tuple[ReefData, dict[str, Boxes], np.ndarray]:
    """Frames some fold was judged on, renumbered from 0: (data, set name -> boxes, fold of each frame)."""
    number = np.cumsum(runs.judged) - 1
    sets = {name: boxes.replace(frame=number[boxes.frame]) for name, boxes in runs.sets.items()}
    return data.take(runs.judged), sets, runs.fold_of_frame[runs.judged]


def _rows(image_ids: Sequence[str], row_of: Mapping[str, int], folder: Path) -> list[int]:
    unknown = [i for i in image_ids if i not in row_of]
    if unknown:
        raise ValueError(f"{folder} was trained on frame {unknown[0]!r}, which is not in the table of frames")
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
