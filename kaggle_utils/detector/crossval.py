"""Train a detector on each fold and predict what it has not seen.

A prediction set is one way of asking the models, written ``view@imgsz``: ``identity@1280``,
``hflip@1280``, ``identity@1920``. Every set is predicted on the frames each fold left out, so that
decisions about resolution and test-time augmentation can be made later from files alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kaggle_utils.boxes.f2 import f2_curve
from kaggle_utils.boxes.paste import donors_from_frames
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.competitions.reef import ReefData, read_predictions, write_predictions
from kaggle_utils.detector.files import write_yolo_dataset
from kaggle_utils.detector.inference import Detector
from kaggle_utils.detector.parameters import DetectorParameters
from kaggle_utils.detector.stages import minutes_of
from kaggle_utils.files import fingerprint, replacing
from kaggle_utils.images.decode import decode
from kaggle_utils.images.views import VIEWS
from kaggle_utils.learning.devices import each_fold

__all__ = ["PredictionSet", "FoldResult", "train_and_predict", "train_folds"]


@dataclass(frozen=True)
class PredictionSet:
    """One way of asking: a view of the frame at a resolution.

    view: a name of kaggle_utils.images.views.VIEWS; imgsz: longer side in pixels
    """

    view: str
    imgsz: int

    @classmethod
    def parse(cls, text: str, imgsz: int) -> PredictionSet:
        """From ``view@size`` or ``view`` (at imgsz).

        >>> from kaggle_utils.detector.crossval import PredictionSet
        >>> str(PredictionSet.parse("hflip", imgsz=640))
        'hflip@640'
        """
        view, _, size = text.partition("@")
        if view not in VIEWS or (size and not size.isdigit()):
            raise ValueError(f"prediction set is {text!r}, expected view@pixels with a view of {', '.join(VIEWS)}")
        return cls(view, int(size or imgsz))

    def __str__(self) -> str:
        return f"{self.view}@{self.imgsz}"


@dataclass(frozen=True)
class FoldResult:
    """What one fold left behind.

    fold: its number; weights: path of best.pth; rows: (V,) frame numbers it was judged on
    predictions: set name -> boxes on those frames; f2: of the first set at its best cut; minutes: of training
    """

    fold: int
    weights: Path
    rows: np.ndarray
    predictions: dict[str, Boxes]
    f2: float
    minutes: float


def train_and_predict(
    data: ReefData,
    fold_of_frame: np.ndarray,
    fold: int,
    folder: Path,
    parameters: DetectorParameters,
    sets: Sequence[PredictionSet],
    devices: Sequence[str] = ("cpu",),
    scratch: Path | None = None,
) -> FoldResult:
    """One fold: train on the others' frames, predict its own in every set; what is there is not redone.

    data: frames whose images are there; fold_of_frame: (n_frames,) int
    folder: this fold's own, gets the weights, progress and ``<set>.csv`` files
    devices: several train the one model together
    scratch: where links to the frames and their labels go, which nobody needs later; None: into folder
    Raises ValueError when a side of the split has no frame.
    """
    from kaggle_utils.detector.training import train_fold
    from kaggle_utils.detector.validation import Validation

    valid = np.flatnonzero(fold_of_frame == fold)
    train = np.flatnonzero(fold_of_frame != fold)
    if not len(valid) or not len(train):
        raise ValueError(f"fold {fold} has {len(valid)} frames to judge and {len(train)} to train on, expected both")
    options = {"empties": parameters.empties, "seed": parameters.seed}
    yaml = write_yolo_dataset((scratch or folder) / f"yolo{fold}", data.frames, data.truth, train, valid, **options)
    paths = data.frames["path"].to_numpy()[valid].tolist()
    truth = data.truth[np.isin(data.truth.frame, valid)]
    donors = _donors(data, train, parameters) if parameters.paste else ()
    weights = train_fold(yaml, Validation(valid, paths, truth), folder, parameters, donors, devices)
    detector = Detector.load(weights, devices[0])
    predictions = {str(s): _predict_set(detector, data, valid, folder, s, parameters) for s in sets}
    first = predictions[str(sets[0])]
    f2 = f2_curve(truth, first).best[1] if len(first) else 0.0
    return FoldResult(fold, weights, valid, predictions, f2, minutes_of(folder))


def train_folds(
    data: ReefData,
    fold_of_frame: np.ndarray,
    folds: Sequence[int],
    folder: Path,
    parameters: DetectorParameters,
    sets: Sequence[PredictionSet],
    devices: Sequence[str] = ("cpu",),
    scratch: Path | None = None,
) -> list[FoldResult]:
    """Several folds, each in ``folder/fold<k>``; with several devices a fold on each, side by side; a single one on all.

    devices: "cpu", or names of cards; results are in the order of ``folds``
    Other arguments as for :func:`train_and_predict`.
    """
    shared = {"data": data, "fold_of_frame": fold_of_frame, "parameters": parameters, "sets": sets, "scratch": scratch}
    return each_fold(folds, partial(_train_one, folder=folder, **shared), devices)


def _train_one(fold: int, devices: Sequence[str], folder: Path, **options: Any) -> FoldResult:
    return _reported(train_and_predict(fold=fold, folder=folder / f"fold{fold}", devices=devices, **options))


def _reported(result: FoldResult) -> FoldResult:
    print(f"fold {result.fold}: F2 {result.f2:.4f} at its best cut, {result.minutes:.1f} minutes", flush=True)
    return result


def _predict_set(
    detector: Detector, data: ReefData, rows: np.ndarray, folder: Path, which: PredictionSet, p: DetectorParameters
) -> Boxes:
    from kaggle_utils.detector.validation import predict_paths

    path = folder / f"{which}.csv"
    frames = data.frames.iloc[rows].reset_index(drop=True)
    marker = json.dumps([str(which), p.min_score, p.nms_iou, fingerprint(folder / "best.pth"), frames["image_id"].tolist()])
    note = path.with_suffix(".json")
    if not (path.is_file() and note.is_file() and note.read_text() == marker):
        paths = frames["path"].tolist()
        options = {"imgsz": which.imgsz, "view_name": which.view}  # scores and overlaps: as the detector was trained
        found = predict_paths(detector, np.arange(len(rows)), paths, progress=f"predict {which}", **options)
        write_predictions(path, frames, found)
        with replacing(note) as partial:
            partial.write_text(marker)
    boxes = read_predictions(path, frames)
    return boxes.replace(frame=rows[boxes.frame])


def _donors(data: ReefData, rows: Iterable[int], p: DetectorParameters) -> tuple:
    """Patches of the training frames' starfish at the size of training."""
    filled = np.intersect1d(np.asarray(list(rows)), data.truth.frame)
    donors: list = []
    images = decode(data.frames["path"].to_numpy()[filled].tolist())
    for row, image in zip(filled.tolist(), images, strict=True):
        boxes = data.truth[data.truth.frame == row].xyxy
        small, scale = _at_size(image, p.imgsz)
        donors += donors_from_frames([small], [boxes * scale])
    return tuple(donors)


def _at_size(image: np.ndarray, imgsz: int) -> tuple[np.ndarray, float]:
    import cv2

    scale = imgsz / max(image.shape[:2])
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), scale
