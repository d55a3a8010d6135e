"""Intersection over union, the plain one: how much two boxes are the same box.

Used by the NumPy paths of fusion, Seq-NMS and wherever boxes are compared pair by pair. The compiled
kernels have their own scalar version, in the same order of operations and so with the same bits.
"""

from __future__ import annotations

import numpy as np

__all__ = ["iou"]


def iou(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """IoU of boxes with boxes, shapes broadcast: (..., 4) and (..., 4) xyxy -> (...) in 0 to 1.

    Any unit, the same for both. Two boxes without area have IoU 0. ``iou(a[:, None], b)`` is the table
    of all pairs.

    >>> iou(np.array([[0, 0, 10, 10], [0, 0, 5, 10]]), np.array([0, 0, 10, 20]))
    array([0.5 , 0.25])
    """
    width = np.maximum(np.minimum(one[..., 2], other[..., 2]) - np.maximum(one[..., 0], other[..., 0]), 0.0)
    height = np.maximum(np.minimum(one[..., 3], other[..., 3]) - np.maximum(one[..., 1], other[..., 1]), 0.0)
    common = width * height
    union = _area(one) + _area(other) - common
    return np.divide(common, union, out=np.zeros(np.shape(common)), where=union > 0)


def _area(xyxy: np.ndarray) -> np.ndarray:
    return (xyxy[..., 2] - xyxy[..., 0]) * (xyxy[..., 3] - xyxy[..., 1])
