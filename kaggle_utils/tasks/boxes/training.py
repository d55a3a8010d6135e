"""A detector trained as a member on all folds but one, and what it says of the frames it has not seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.detector.donors import donors_of
from kaggle_utils.detector.files import write_yolo_dataset
from kaggle_utils.detector.inference import Detector
from kaggle_utils.detector.stages import history_of, minutes_of
from kaggle_utils.detector.training import train_fold
from kaggle_utils.detector.validation import Metric, Validation, predict_paths
from kaggle_utils.files import fingerprint, replacing
from kaggle_utils.learning.progress import endless, noted
from kaggle_utils.tasks.boxes.items import VideoItems
from kaggle_utils.tasks.boxes.parameters import BoxParameters, asked_at
from kaggle_utils.tasks.boxes.tables import read_boxes, write_boxes
from kaggle_utils.tasks.jobs import Order
from kaggle_utils.tasks.runs import Job, PredictionSet


def train_member(
    order: Order,
    devices: Sequence[str] = ("cpu",),
    *,
    items: VideoItems,
    fold_of_item: np.ndarray,
    key: str,
    classes: Sequence[str],
    metric: Metric,
    folder: Path,
    scratch: Path | None = None,
    seconds_left: Callable[[], float] = endless,
) -> Job | None:
    """Train on the others' frames, predict the fold's own in every prediction set; what is there is not redone.

    order: a member, a fold, :class:`BoxParameters` as plain values; devices: several train the one model together
    items: frames whose images are there; fold_of_item: (N,) int64; key: the column that names them
    metric: see :class:`kaggle_utils.detector.validation.Validation`
    folder: gets ``<member>/fold<k>/`` with weights, progress and a table a prediction set
    scratch: where links to the frames and their labels go, which nobody needs later; None: beside the weights
    None when the session's end left no time for an epoch. Raises ValueError when a side of the split has no frame.
    """
    p, place = BoxParameters(**order.parameters), folder / order.member / f"fold{order.fold}"
    valid, train = np.flatnonzero(fold_of_item == order.fold), np.flatnonzero(fold_of_item != order.fold)
    if not len(valid) or not len(train):
        raise ValueError(f"{order.title} has {len(valid)} frames to judge and {len(train)} to train on, expected both")
    names, paths = items.table[key], items.table["path"].tolist()
    links = (scratch or folder) / "yolo" / order.member / f"fold{order.fold}"
    how = {"classes": classes, "empties": p.empties, "seed": p.seed}
    yaml = write_yolo_dataset(links, names.tolist(), paths, items.truth, train, valid, **how)
    judge = Validation(valid, [paths[row] for row in valid], items.truth[np.isin(items.truth.frame, valid)], metric,
                       len(p.prediction_sets))  # fmt: skip
    donors = donors_of(paths, items.truth, train, p.imgsz) if p.paste else ()
    weights, stopped = train_fold(yaml, judge, place, p.detector, donors, devices, seconds_left)
    if weights is None:
        return None
    own, detector = names.iloc[valid].reset_index(drop=True), Detector.load(weights, devices[0])
    asked = [PredictionSet(order.member, view, dtype="text") for view in p.prediction_sets]
    digest, history = fingerprint(weights), history_of(place)
    sets = {one.name: (one, (_predicted(one, detector, own, judge.paths, place, digest),)) for one in asked}
    score = _score(judge, sets[asked[0].name][1][0], own)
    job = Job(
        order.member, order.fold, tuple(own.tolist()), score, minutes_of(place), f"{stopped}, epoch {history[-1]['epoch']}",
        {"best": weights}, sets, order.parameters, history,
    )  # fmt: skip
    print(f"{job.title}: {score:.4f}, {job.minutes:.1f} minutes", flush=True)
    return job


def _predicted(
    asked: PredictionSet, detector: Detector, names: pd.Series, paths: Sequence[str], place: Path, weights: str
) -> Path:
    """The table of a prediction set, made unless it is there for these weights, frames and thresholds."""
    path = place / f"{asked.name}.csv"
    marker = json.dumps([asked.name, detector.min_score, detector.nms_iou, weights, names.tolist()])
    note = place / f"{asked.name}.json"
    if not (path.is_file() and note.is_file() and note.read_text() == marker):
        view, imgsz = asked_at(asked.view, detector.imgsz)
        rows = np.arange(len(names))
        with noted(place, f"predicted {asked.name}", len(rows), lambda: path.stat().st_size):
            found = predict_paths(detector, rows, paths, progress=f"predict {asked.name}", imgsz=imgsz, view_name=view)
            write_boxes(path, names, found)
        with replacing(note) as partial:
            partial.write_text(marker)
    return path


def _score(judge: Validation, table: Path, names: pd.Series) -> float:
    """The deciding figure of a prediction set."""
    found: Boxes = read_boxes(table, names)
    return float(next(iter(judge.figures(found.replace(frame=judge.rows[found.frame])).values())))
