"""A detector trained as a member on all folds but one, and what it says of the frames it has not seen."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.detector.donors import donors_of
from kaggle_utils.detector.files import write_yolo_dataset
from kaggle_utils.detector.inference import Detector
from kaggle_utils.detector.parameters import DetectorParameters
from kaggle_utils.detector.stages import best_epochs_of, history_of, minutes_of
from kaggle_utils.detector.training import DEADLINE, train_fold
from kaggle_utils.detector.validation import Metric, Validation, predict_paths
from kaggle_utils.files import fingerprint, replacing
from kaggle_utils.learning.progress import endless, noted
from kaggle_utils.tasks.boxes.items import VideoItems
from kaggle_utils.tasks.boxes.parameters import BoxParameters, asked_at
from kaggle_utils.tasks.boxes.tables import read_boxes, write_boxes
from kaggle_utils.tasks.jobs import Order
from kaggle_utils.tasks.runs import ALL_ROWS, Job, PredictionSet


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
    unlabelled: VideoItems | None = None,
    seconds_left: Callable[[], float] = endless,
) -> Job | None:
    """Train on the others' frames, predict the fold's own in every prediction set; what is there is not redone.

    order: a member, a fold, :class:`BoxParameters` as plain values; devices: several train the one model together
    items: frames whose images are there; fold_of_item: (N,) int64; key: the column that names them
    metric: see :class:`kaggle_utils.detector.validation.Validation`
    folder: gets ``<member>/fold<k>/`` (or ``full/``) with weights, progress and a table a prediction set
    scratch: where links to the frames and their labels go, which nobody needs later; None: beside the weights
    unlabelled: frames whose boxes, as another member finds them, a member learns from that says so
    None when the session's end left no time for an epoch, or on all rows, where no epoch is better than another, for the
    last. Raises ValueError when a side of the split has no frame.
    """
    p, place = BoxParameters(**order.parameters), folder / order.member / order.place
    left_out = order.left_out(fold_of_item)
    valid, train = np.flatnonzero(left_out), np.flatnonzero(~left_out)
    if not len(train) or not len(valid) and order.fold != ALL_ROWS:
        raise ValueError(f"{order.title} has {len(valid)} frames to judge and {len(train)} to train on, expected both")
    names, paths, truth = items.table[key], items.table["path"].tolist(), items.truth
    judge = Validation(valid, [paths[row] for row in valid], truth[np.isin(truth.frame, valid)], metric,
                       len(p.prediction_sets))  # fmt: skip
    donors = donors_of(paths, truth, train, p.imgsz) if p.paste else ()
    learnt = _learnt_from(order, p, unlabelled, key, place, devices[0]) if p.learns_from else None
    links = (scratch or folder) / "yolo" / order.member / order.place
    yaml = _linked(links, p, items, key, classes, train, valid, learnt)
    weights, stopped = train_fold(yaml, judge, place, _begun(order, p), donors, devices, seconds_left)
    if weights is None or not len(valid) and stopped.startswith(DEADLINE):
        return None
    own, detector = names.iloc[valid].reset_index(drop=True), Detector.load(weights, devices[0])
    asked = [PredictionSet(order.member, view, dtype="text") for view in p.prediction_sets if len(valid)]
    digest, history = fingerprint(weights), history_of(place)
    sets = {one.name: (one, (_predicted(one, detector, own, judge.paths, place, digest),)) for one in asked}
    score = _score(judge, sets[asked[0].name][1][0], own) if asked else math.nan
    stopped = "as many epochs as its folds needed" if order.epochs else stopped
    job = Job(
        order.member, order.fold, tuple(own.tolist()), score, minutes_of(place), f"{stopped}, epoch {history[-1]['epoch']}",
        {"best": weights}, sets, order.parameters, history, order.origin, order.epochs or best_epochs_of(place),
    )  # fmt: skip
    print(f"{job.title}: {score:.4f}, {job.minutes:.1f} minutes", flush=True)
    return job


def _linked(
    links: Path, p: BoxParameters, items: VideoItems, key: str, classes: Sequence[str], train: np.ndarray, valid: np.ndarray,
    learnt: VideoItems | None,
) -> Path:  # fmt: skip
    """The dataset's YAML file. train, valid: rows of items; learnt: frames to train on beside them."""
    names, paths, truth = items.table[key].tolist(), items.table["path"].tolist(), items.truth
    if learnt is not None:
        truth = Boxes.concat([truth, learnt.truth.replace(frame=learnt.truth.frame + len(names))])
        train = np.r_[train, len(names) : len(names) + len(learnt)]
        names, paths = [*names, *learnt.table[key]], [*paths, *learnt.table["path"]]
    judged = valid if len(valid) else train[:1]  # ultralytics wants some, which nobody looks at
    return write_yolo_dataset(links, names, paths, truth, train, judged, classes=classes, empties=p.empties, seed=p.seed)


def _begun(order: Order, p: BoxParameters) -> DetectorParameters:
    """The detector's parameters with the weights that it starts from, and the epochs at which its stages end."""
    start = order.parents["start_from"] if p.start_from else p.start
    ends = [{**stage, "trial": end} for stage, end in zip(p.chain, order.epochs, strict=True)] if order.epochs else p.chain
    return replace(p.detector, start=start, chain=tuple(ends))


def _learnt_from(order: Order, p: BoxParameters, unlabelled: VideoItems, key: str, place: Path, device: str) -> VideoItems:
    """Frames without truth, with the boxes that another member finds there, of a score that counts."""
    weights = Path(order.parents["learns_from"])
    asked, names = PredictionSet(p.learns_from, "identity", dtype="text"), unlabelled.table[key]
    paths, print_ = unlabelled.table["path"].tolist(), fingerprint(weights)
    table = _predicted(asked, Detector.load(weights, device), names, paths, place / "pseudo", print_)
    found = read_boxes(table, names)
    return VideoItems(unlabelled.table, found[found.score >= p.pseudo_from])


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
