"""ensemble_boxes as the referee of :mod:`kaggle_utils.boxes.fusion`, whose ``fuse`` asks it by name and checks arguments.

The package (MIT, the one that reef teams used) works on one frame, on coordinates from 0 to 1. Here it
is called frame by frame; all boxes are moved and scaled by one power of two into that range before, and
back after, which changes no IoU. Its faults stay as they are, except that labels are made whole numbers
again; :mod:`kaggle_utils.boxes.fusion` lists them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np

from kaggle_utils.boxes.table import Boxes

__all__ = ["nms", "soft_nms", "nmw", "wbf"]

Answer = tuple[np.ndarray, np.ndarray, np.ndarray]  # boxes (K, 4), scores (K,), labels (K,)
Lists = tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]  # the same, one array a model


def nms(tables: Sequence[Boxes], weights: np.ndarray | None, skip_below: float, iou: float) -> Boxes:
    """See :func:`kaggle_utils.boxes.fusion.nms`; weights (M,) or None.

    >>> len(nms([Boxes([0, 0], [[0, 0, 9, 9]] * 2, [0.5, 0.8])], None, 0.0, 0.5))
    1
    """
    import ensemble_boxes

    return _frame_by_frame(tables, skip_below, lambda *lists: ensemble_boxes.nms(*lists, iou_thr=iou, weights=weights))


def soft_nms(
    tables: Sequence[Boxes],
    weights: np.ndarray | None,
    skip_below: float,
    iou: float,
    decay: str = "gaussian",
    sigma: float = 0.5,
    min_score: float = 0.001,
    decayed: bool = True,
) -> Boxes:
    """See :func:`kaggle_utils.boxes.fusion.soft_nms`; its loop lowers the scores, its wrapper forgets them.

    >>> soft_nms([Boxes([0, 0], [[0, 0, 9, 9]] * 2, [0.5, 0.8])], None, 0.0, 0.5, "linear", 0.5, 0.0, True).score
    array([0.8])
    """
    import ensemble_boxes
    from ensemble_boxes.ensemble_boxes_nms import cpu_soft_nms_float

    number = {"linear": 1, "gaussian": 2}[decay]

    def forgetting(*lists: list[np.ndarray]) -> Answer:
        return ensemble_boxes.soft_nms(
            *lists, method=number, iou_thr=iou, sigma=sigma, thresh=min_score, weights=weights
        )

    def remembering(*lists: list[np.ndarray]) -> Answer:
        boxes, scores, labels = (np.concatenate(columns) for columns in lists)
        if weights is not None:
            scores = scores * np.repeat(weights / weights.sum(), [len(column) for column in lists[1]])
        parts = []
        for label in np.unique(labels):
            mine = labels == label
            lowered = scores[mine]  # the loop sorts and lowers it in place
            kept = cpu_soft_nms_float(boxes[mine], lowered, iou, sigma, min_score, number)
            parts.append((boxes[mine][kept], lowered[lowered > min_score], np.full(len(kept), label)))
        return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))

    return _frame_by_frame(tables, skip_below, remembering if decayed else forgetting)


def nmw(tables: Sequence[Boxes], weights: np.ndarray | None, skip_below: float, iou: float) -> Boxes:
    """See :func:`kaggle_utils.boxes.fusion.nmw`; weights (M,) or None.

    >>> nmw([Boxes([0, 0], [[0, 0, 9, 9]] * 2, [0.5, 0.8])], None, 0.0, 0.5).score.round(6)
    array([0.8])
    """
    from ensemble_boxes import non_maximum_weighted

    return _frame_by_frame(
        tables, skip_below, lambda *lists: non_maximum_weighted(*lists, weights=weights, iou_thr=iou)
    )


def wbf(
    tables: Sequence[Boxes],
    weights: np.ndarray | None,
    skip_below: float,
    iou: float,
    conf_type: str = "avg",
    allows_overflow: bool = False,
) -> Boxes:
    """See :func:`kaggle_utils.boxes.fusion.wbf`; weights (M,) or None.

    >>> wbf([Boxes([0, 0], [[0, 0, 9, 9]] * 2, [0.5, 0.8])], None, 0.0, 0.5, "avg", False).score.round(6)
    array([0.65])
    """
    from ensemble_boxes import weighted_boxes_fusion

    options = {"iou_thr": iou, "weights": weights, "conf_type": conf_type, "allows_overflow": allows_overflow}
    return _frame_by_frame(tables, skip_below, lambda *lists: weighted_boxes_fusion(*lists, **options))


def _frame_by_frame(tables: Sequence[Boxes], skip_below: float, theirs: Callable[..., Answer]) -> Boxes:
    """Calls theirs(boxes, scores, labels), lists of one array a model, for each frame."""
    tables = [table[(table.score >= skip_below) & _has_area(table)] for table in tables]
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


def _has_area(table: Boxes) -> np.ndarray:
    return (table.xyxy[:, 2:] > table.xyxy[:, :2]).all(1)


def _frame_of_reference(xyxy: np.ndarray) -> tuple[np.ndarray, float]:
    """An origin (4,) and a power of two that bring all coordinates into 0 to 1."""
    if not len(xyxy):
        return np.zeros(4), 1.0
    origin = np.minimum(xyxy.min(0)[[0, 1, 0, 1]], 0.0)
    return origin, float(2.0 ** np.ceil(np.log2(max((xyxy - origin).max(), 1.0))))
