"""ensemble_boxes as the referee of :mod:`kaggle_utils.boxes.fusion`, whose ``fuse`` asks it by name and checks arguments.

The package (MIT, the one that reef teams used) works on one frame, on coordinates from 0 to 1. Here it
is called frame by frame; all boxes are moved and scaled by one power of two into that range before, and
back after, which changes no IoU. Its faults stay as they are, except that labels are made whole numbers
again; :mod:`kaggle_utils.boxes.fusion` lists them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from kaggle_utils.boxes.table import Boxes

Answer = tuple[np.ndarray, np.ndarray, np.ndarray]  # boxes (K, 4), scores (K,), labels (K,)


def fused(
    method: str, tables: Sequence[Boxes], weights: np.ndarray | None, skip_below: float, iou: float, **options: Any
) -> Boxes:
    """What the package answers to :func:`kaggle_utils.boxes.fusion.fuse`; weights (M,) or None.

    >>> pair = Boxes([0, 0], [[0, 0, 9, 9]] * 2, [0.5, 0.8])
    >>> fused("nmw", [pair], None, 0.0, 0.5).score.round(6), fused("wbf", [pair], None, 0.0, 0.5).score.round(6)
    (array([0.8]), array([0.65]))
    """
    import ensemble_boxes

    theirs = {
        "nms": ensemble_boxes.nms,
        "soft_nms": _soft_nms,
        "nmw": ensemble_boxes.non_maximum_weighted,
        "wbf": ensemble_boxes.weighted_boxes_fusion,
    }
    return _frame_by_frame(tables, skip_below, partial(theirs[method], weights=weights, iou_thr=iou, **options))


def _soft_nms(
    boxes: Sequence[np.ndarray],
    scores: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    weights: np.ndarray | None,
    iou_thr: float,
    decay: str = "gaussian",
    sigma: float = 0.5,
    min_score: float = 0.001,
    decayed: bool = True,
) -> Answer:
    """Its loop lowers the scores, its wrapper forgets them: the loop alone is asked where they are wanted."""
    import ensemble_boxes
    from ensemble_boxes.ensemble_boxes_nms import cpu_soft_nms_float

    number = {"linear": 1, "gaussian": 2}[decay]
    if not decayed:
        how = {"method": number, "iou_thr": iou_thr, "sigma": sigma, "thresh": min_score, "weights": weights}
        return ensemble_boxes.soft_nms(boxes, scores, labels, **how)
    shares = np.ones(len(scores)) if weights is None else weights / weights.sum()
    weighted = np.concatenate([share * score for share, score in zip(shares, scores, strict=True)])
    boxes, labels, parts = np.concatenate(boxes), np.concatenate(labels), []
    for label in np.unique(labels):
        mine = labels == label
        lowered = weighted[mine]  # the loop sorts and lowers it in place
        kept = cpu_soft_nms_float(boxes[mine], lowered, iou_thr, sigma, min_score, number)
        parts.append((boxes[mine][kept], lowered[lowered > min_score], np.full(len(kept), label)))
    return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))


def _frame_by_frame(tables: Sequence[Boxes], skip_below: float, theirs: Callable[..., Answer]) -> Boxes:
    """Calls theirs(boxes, scores, labels), lists of one array a model, for each frame."""
    tables = [table[(table.score >= skip_below) & (table.xyxy[:, 2:] > table.xyxy[:, :2]).all(1)] for table in tables]
    origin, unit = _frame_of_reference(Boxes.concat(tables).xyxy)
    models = [dict(table.by_frame()) if len(table) else {} for table in tables]
    parts = [Boxes.empty()]
    for frame in sorted(set().union(*models)):
        there = [model.get(frame, Boxes.empty()) for model in models]
        lists = [(b.xyxy - origin) / unit for b in there], [b.score for b in there], [b.label for b in there]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # its 0 / 0
            boxes, scores, labels = theirs(*lists)
        order = np.lexsort((-scores, labels))
        xyxy, label = boxes[order] * unit + origin, labels[order].astype(np.int64)
        parts.append(Boxes(np.full(len(order), frame), xyxy, scores[order], label))
    return Boxes.concat(parts)


def _frame_of_reference(xyxy: np.ndarray) -> tuple[np.ndarray, float]:
    """An origin (4,) and a power of two that bring all coordinates into 0 to 1."""
    if not len(xyxy):
        return np.zeros(4), 1.0
    origin = np.minimum(xyxy.min(0)[[0, 1, 0, 1]], 0.0)
    return origin, float(2.0 ** np.ceil(np.log2(max((xyxy - origin).max(), 1.0))))
