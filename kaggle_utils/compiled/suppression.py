"""NMS and Soft-NMS over a whole table, compiled: sets of boxes side by side on all cores.

NMS compares a box with those kept so far only, eight at a time: the kept boxes lie in five arrays
(left, top, right, bottom, area), which lets the processor's vector units work on them, filled up with
boxes that overlap nothing. The NumPy twin is :mod:`kaggle_utils.fusion_numpy`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit, prange

from kaggle_utils.boxes import Boxes
from kaggle_utils.compiled.grouping import boxes_of, largest_set, sets_of, surest_first

__all__ = ["nms", "soft_nms"]

_BLOCK = 8  # kept boxes compared at once


def nms(tables: Sequence[Boxes], weights: np.ndarray | None, skip_below: float, iou: float) -> Boxes:
    """See :func:`kaggle_utils.fusion.nms`; weights (M,) as they multiply the scores, or None.

    >>> len(nms([Boxes([0, 0], [[0, 0, 9, 9]] * 2, [0.5, 0.8])], None, 0.0, 0.5))
    1
    """
    sets, n_labels = sets_of(tables, weights, skip_below)
    return boxes_of(sets, n_labels, *_nms(sets.start, sets.share, sets.xyxy, sets.score, iou))


@njit(cache=True, parallel=True)
def _nms(
    start: np.ndarray, share: np.ndarray, xyxy: np.ndarray, score: np.ndarray, iou: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """found (S,): boxes kept in each set, and the kept boxes' xyxy and score at the set's first rows."""
    found, new_xyxy, new_score = np.zeros(len(start) - 1, np.int64), np.empty_like(xyxy), np.empty_like(score)
    for c in prange(len(share) - 1):
        room = largest_set(start, share[c], share[c + 1])
        order, spare = np.empty(room, np.int64), np.empty(room, np.int64)
        kept = np.zeros((5, room + _BLOCK))
        for s in range(share[c], share[c + 1]):
            a, b = start[s], start[s + 1]
            surest_first(score[a:b], order, spare)
            found[s] = _nms_of_set(xyxy[a:b], order, kept, iou, spare)
            for k in range(found[s]):
                new_score[a + k] = score[a + spare[k]]
                for side in range(4):
                    new_xyxy[a + k, side] = kept[side, k]
    return found, new_xyxy, new_score


@njit(cache=True)
def _nms_of_set(xyxy: np.ndarray, order: np.ndarray, kept: np.ndarray, iou: float, chosen: np.ndarray) -> int:
    """Fills kept (5, n + 8) with the n boxes that stay and chosen with their rows; returns n."""
    n = 0
    for i in range(len(xyxy)):
        row = order[i]
        x1, y1, x2, y2 = xyxy[row, 0], xyxy[row, 1], xyxy[row, 2], xyxy[row, 3]
        area, suppressed = (x2 - x1) * (y2 - y1), False
        for first in range(0, n, _BLOCK):
            if _overlaps_one(kept[:, first : first + _BLOCK], x1, y1, x2, y2, area, iou):
                suppressed = True
                break
        if not suppressed:
            if n % _BLOCK == 0:
                kept[0, n : n + _BLOCK] = np.inf  # a box that overlaps nothing
            kept[0, n], kept[1, n], kept[2, n], kept[3, n], kept[4, n] = x1, y1, x2, y2, area
            chosen[n] = row
            n += 1
    return n


@njit(cache=True, error_model="numpy")
def _overlaps_one(
    block: np.ndarray, x1: float, y1: float, x2: float, y2: float, area: float, iou: float
) -> bool:
    hits = 0
    for k in range(_BLOCK):
        width = max(min(x2, block[2, k]) - max(x1, block[0, k]), 0.0)
        height = max(min(y2, block[3, k]) - max(y1, block[1, k]), 0.0)
        common = width * height
        hits += common / (area + block[4, k] - common) > iou
    return hits > 0
