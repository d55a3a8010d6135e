"""What the clouds training hands over: run.json, weights, and a prediction store a set and fold.

One kernel may train all folds or one; several outputs are read as if one kernel had written them, once it
is sure that they belong together: the same parameters, each size and fold once, the images they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kaggle_utils.competitions.clouds import CloudsData
from kaggle_utils.files import fingerprint
from kaggle_utils.learning.store import Joined, PredictionStore
from kaggle_utils.tasks.handover import folds_table, require_weights, training_outputs, write_run_json

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Runs",
    "fingerprints",
    "first_fold_images",
    "fold_of_images",
    "read_runs",
    "require_same_weights",
    "trained_models",
    "trained_parameters",
    "write_run",
]


@dataclass(frozen=True)
class Runs:
    """Trained folds and their out-of-fold predictions.

    masks, labels: {set name: store over all judged rows}, of (4, 350, 525) and (4,)
    rows: (M,) the images that some trained fold left out, ascending; fold_of_row: (M,) their fold
    parameters: of the training
    """

    masks: dict[str, Joined]
    labels: dict[str, Joined]
    rows: np.ndarray
    fold_of_row: np.ndarray
    parameters: dict[str, Any]


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
    return write_run_json(output, folds, parameters, **facts)


def fold_of_images(images: pd.DataFrame, table_path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(N,) int64, the fold of each image, and (N,) the name of its group of near-duplicates.

    images: column image; table_path: folds.csv of 1_eda
    Raises ValueError for a table that lacks columns or some image, or has one twice.

    >>> import tempfile, pandas as pd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "folds.csv").write_text("image,group,fold\\na.jpg,a.jpg,1\\nb.jpg,a.jpg,1\\n")
    ...     fold_of_images(pd.DataFrame({"image": ["b.jpg"]}), Path(folder, "folds.csv"))
    (array([1]), array(['a.jpg'], dtype=object))
    """
    found = folds_table(table_path, images["image"], "images", also=("group",))
    return found["fold"].to_numpy(), found["group"].to_numpy(object)


def _noted(folders: Iterable[Path], sample: bool | None) -> list[tuple[Path, dict]]:
    """(folder, run.json) of each output; ValueError for a size and fold in two."""
    runs = training_outputs(folders, sample)
    seen: dict[str, Path] = {}
    for folder, run in runs:
        for one in run["folds"]:
            if _key(one) in seen:
                raise ValueError(f"{_key(one)} is in {seen[_key(one)]} and in {folder}, expected it once")
            seen[_key(one)] = folder
    return runs


def _key(one: dict) -> str:
    return f"{one['size'][0]}x{one['size'][1]} fold {one['fold']}"


def read_runs(folders: Iterable[Path], data: CloudsData, sample: bool | None = None) -> Runs:
    """The outputs of the training stage together; data: the images they were trained on.

    sample: whether the data are the built-in sample's; None asks nothing
    Only sets that every fold has are kept. Raises ValueError when there are none, for outputs that do not
    belong together, and when the rows of a fold are not the images they were.
    """
    runs = _noted(folders, sample)
    names = data.images["image"].to_numpy()
    folds = sorted({one["fold"] for _, run in runs for one in run["folds"]})
    stores: dict[str, dict[int, tuple[PredictionStore, PredictionStore]]] = {}
    fold_of_image = np.full(len(names), -1)
    for folder, run in runs:
        for one in run["folds"]:
            for name, files in one["stores"].items():
                masks, labels = (PredictionStore(folder / file) for file in files)
                _refuse_others(names, masks.rows, one["images"], folder)
                fold_of_image[masks.rows] = one["fold"]
                stores.setdefault(name, {})[one["fold"]] = (masks, labels)
    shared = [name for name, found in stores.items() if set(found) == set(folds)]
    if not shared:
        raise ValueError(f"no prediction set has all of the folds {folds}, there are {sorted(stores)}")
    joined = [{name: Joined([stores[name][k][i] for k in folds]) for name in shared} for i in (0, 1)]
    rows = joined[0][shared[0]].rows
    return Runs(*joined, rows, fold_of_image[rows], runs[0][1]["parameters"])


def _refuse_others(names: np.ndarray, rows: np.ndarray, expected: list[str], folder: Path) -> None:
    if rows.max(initial=-1) >= len(names) or names[rows].tolist() != expected:
        raise ValueError(f"{folder} was trained on other images: its rows are not {expected[0]} and so on in this data")


def trained_models(folders: Iterable[Path]) -> dict[tuple[int, int], list[Path]]:
    """{(width, height): weights of each fold, in order of fold}; FileNotFoundError naming weights that are missing."""
    found: dict[tuple[int, int], dict[int, Path]] = {}
    for folder, run in _noted(folders, None):
        for one in run["folds"]:
            found.setdefault(tuple(one["size"]), {})[one["fold"]] = require_weights(folder, one["weights"], _key(one))
    return {size: [models[fold] for fold in sorted(models)] for size, models in sorted(found.items())}


def trained_parameters(folders: Iterable[Path]) -> dict[str, Any]:
    """The parameters of the training, which all outputs share."""
    return _noted(folders, None)[0][1]["parameters"]


def first_fold_images(folders: Iterable[Path]) -> list[str]:
    """Names of the images that the first of :func:`trained_models` of each size have not seen."""
    folds = [one for _, run in _noted(folders, None) for one in run["folds"]]
    return min(folds, key=lambda one: one["fold"])["images"]


def fingerprints(folders: Iterable[Path]) -> dict[str, list[str]]:
    """{"480x320 best": SHA-1 of each fold's weights}, of each checkpoint: what a decision was measured with."""
    folders = list(folders)
    return {
        f"{w}x{h} {checkpoint}": [fingerprint(path.with_name(f"{checkpoint}.pth")) for path in paths]
        for (w, h), paths in trained_models(folders).items()
        for checkpoint in trained_parameters(folders)["checkpoints"]
    }


def require_same_weights(noted: Mapping[str, Sequence[str]], folders: Iterable[Path]) -> None:
    """ValueError when the weights are not those that a decision was measured with; noted: their fingerprints."""
    for name, found in fingerprints(folders).items():
        if list(noted.get(name, [])) != found:
            raise ValueError(f"the weights at {name} are not those the decision was measured with: run 3_decide again")
