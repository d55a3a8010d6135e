"""Intersection over union: how much two boxes are the same box.

The one NumPy version of it, for matching, fusion, Seq-NMS and wherever boxes are compared. The compiled
kernels have their own scalar version, in the same order of operations and so with the same bits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["iou"]


def iou(one: ArrayLike, other: ArrayLike, plus_one: bool = False) -> np.ndarray:
    """IoU of boxes with boxes, shapes broadcast: (..., 4) and (..., 4) xyxy -> (...) float64 in 0 to 1.

    Any unit, the same for both. Two boxes without area have IoU 0. ``iou(a[:, None], b)`` is the table
    of all pairs.
    plus_one: pixels, where a box from 3 to 3 is one wide: right - left + 1 and bottom - top + 1

    >>> iou([[0, 0, 10, 10], [0, 0, 5, 10]], [0, 0, 10, 20])
    array([0.5 , 0.25])
    """
    one, other, extra = np.asarray(one, np.float64), np.asarray(other, np.float64), float(plus_one)
    width = np.minimum(one[..., 2], other[..., 2]) - np.maximum(one[..., 0], other[..., 0]) + extra
    height = np.minimum(one[..., 3], other[..., 3]) - np.maximum(one[..., 1], other[..., 1]) + extra
    common = np.maximum(width, 0.0) * np.maximum(height, 0.0)
    union = _area(one, extra) + _area(other, extra) - common
    return np.divide(common, union, out=np.zeros(np.shape(common)), where=union > 0)


def _area(xyxy: np.ndarray, extra: float) -> np.ndarray:
    return (xyxy[..., 2] - xyxy[..., 0] + extra) * (xyxy[..., 3] - xyxy[..., 1] + extra)
