"""What the clouds training hands over: run.json, weights, and a prediction store a set and fold.

One kernel may train all folds or one; several outputs are read as if one kernel had written them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kaggle_utils.competitions.clouds import CloudsData
from kaggle_utils.files import replacing
from kaggle_utils.plain_json import json_text
from kaggle_utils.prediction_store import Joined, PredictionStore

__all__ = ["Runs", "write_run", "read_runs", "trained_models"]


@dataclass(frozen=True)
class Runs:
    """Trained folds and their out-of-fold predictions.

    masks, labels: {set name: store over all judged rows}, of (4, 350, 525) and (4,)
    rows: (M,) the images that some trained fold left out, ascending; fold_of_row: (M,) their fold
    parameters: of the training; dice: {"<size> fold <k>": best Dice while training}
    """

    masks: dict[str, Joined]
    labels: dict[str, Joined]
    rows: np.ndarray
    fold_of_row: np.ndarray
    parameters: dict[str, Any]
    dice: dict[str, float]


def write_run(output: Path, data: CloudsData, results: Sequence[Any], parameters: dict[str, Any], **facts: Any) -> Path:
    """``run.json`` about the results, one FoldResult a size and fold; returns its path. facts: plain values."""
    names = data.images["image"].to_numpy()
    folds = [
        {
            "fold": r.fold, "size": r.size, "dice": r.dice, "minutes": round(r.minutes, 2), "stopped": r.stopped,
            "weights": str(r.weights.relative_to(output)), "images": names[r.rows].tolist(),
            "stores": {name: [path.name for path in paths] for name, paths in r.stores.items()},
        }
        for r in results
    ]  # fmt: skip
    with replacing(output / "run.json") as part:
        part.write_text(json_text({"folds": folds, "parameters": parameters, **facts}, indent=1))
    return output / "run.json"


def _noted(folders: Iterable[Path]) -> list[tuple[Path, dict]]:
    """(folder, run.json) of each output; ValueError when two hold the same size and fold."""
    runs = [(Path(folder), json.loads((Path(folder) / "run.json").read_text())) for folder in folders]
    seen: dict[tuple, Path] = {}
    for folder, run in runs:
        for one in run["folds"]:
            key = (*one["size"], one["fold"])
            if key in seen:
                raise ValueError(f"fold {one['fold']} at {one['size']} is in {seen[key]} and in {folder}, expected it once")
            seen[key] = folder
    return runs


def read_runs(folders: Iterable[Path], data: CloudsData) -> Runs:
    """The outputs of the training stage together; data: the images they were trained on.

    Only sets that every fold has are kept. Raises ValueError when there are none, when two outputs hold
    the same fold, or when the rows of a fold are not the images they were.
    """
    runs = _noted(folders)
    names = data.images["image"].to_numpy()
    folds = sorted({one["fold"] for _, run in runs for one in run["folds"]})
    stores: dict[str, dict[int, tuple[PredictionStore, PredictionStore]]] = {}
    fold_of_image, dice = np.full(len(names), -1), {}
    for folder, run in runs:
        for one in run["folds"]:
            for name, files in one["stores"].items():
                masks, labels = (PredictionStore(folder / file) for file in files)
                _refuse_others(names, masks.rows, one["images"], folder)
                fold_of_image[masks.rows] = one["fold"]
                stores.setdefault(name, {})[one["fold"]] = (masks, labels)
            dice[f"{one['size'][0]}x{one['size'][1]} fold {one['fold']}"] = one["dice"]
    shared = [name for name, found in stores.items() if set(found) == set(folds)]
    if not shared:
        raise ValueError(f"no prediction set has all of the folds {folds}, there are {sorted(stores)}")
    joined = [{name: Joined([stores[name][k][i] for k in folds]) for name in shared} for i in (0, 1)]
    rows = joined[0][shared[0]].rows
    return Runs(*joined, rows, fold_of_image[rows], runs[0][1]["parameters"], dice)


def _refuse_others(names: np.ndarray, rows: np.ndarray, expected: list[str], folder: Path) -> None:
    if rows.max(initial=-1) >= len(names) or names[rows].tolist() != expected:
        raise ValueError(f"{folder} was trained on other images: its rows are not {expected[0]} and so on in this data")


def trained_models(folders: Iterable[Path]) -> dict[tuple[int, int], list[Path]]:
    """{(width, height): weights of each fold, in order of fold}."""
    found: dict[tuple[int, int], dict[int, Path]] = {}
    for folder, run in _noted(folders):
        for one in run["folds"]:
            found.setdefault(tuple(one["size"]), {})[one["fold"]] = folder / one["weights"]
    return {size: [models[fold] for fold in sorted(models)] for size, models in sorted(found.items())}
