"""NMS and Soft-NMS over a whole table, compiled.

The boxes that others are compared with lie in five arrays (left, top, right, bottom, area), which lets
the processor's vector units work on them. NMS compares a box with those kept so far only, a block at
a time; a block is filled up with boxes that overlap nothing. The NumPy twin, with the same answers, is
:mod:`kaggle_utils.boxes.fusion_numpy`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numba import njit

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.compiled.grouping import sets_of, side_by_side

__all__ = ["nms", "soft_nms"]

_BLOCK = 32  # kept boxes compared at once; fewer are not vectorised, more are mostly padding


def nms(tables: Sequence[Boxes], weights: np.ndarray | None, skip_below: float, iou: float) -> Boxes:
    """See :func:`kaggle_utils.boxes.fusion.nms`; weights (M,) as they multiply the scores, or None.

    >>> len(nms([Boxes([0, 0], [[0, 0, 9, 9]] * 2, [0.5, 0.8])], None, 0.0, 0.5))
    1
    """
    sets = sets_of(tables, weights, skip_below)
    rows = np.concatenate(side_by_side(partial(_nms, sets.xyxy, sets.row, sets.start, float(iou)), sets.start))
    return Boxes(sets.frame[rows], sets.xyxy[rows], sets.score[rows], sets.label[rows])


def soft_nms(
    tables: Sequence[Boxes],
    weights: np.ndarray | None,
    skip_below: float,
    iou: float,
    decay: str,
    sigma: float,
    min_score: float,
    decayed: bool,
) -> Boxes:
    """See :func:`kaggle_utils.boxes.fusion.soft_nms`; weights as in :func:`nms`.

    >>> soft_nms([Boxes([0, 0], [[0, 0, 9, 9]] * 2, [0.5, 0.8])], None, 0.0, 0.5, "linear", 0.5, 0.0, True).score
    array([0.8])
    """
    sets = sets_of(tables, weights, skip_below)
    options = float(iou), decay == "gaussian", float(sigma), float(min_score)
    parts = side_by_side(partial(_soft_nms, sets.xyxy, sets.score, sets.row, sets.start, *options), sets.start)
    rows, lowered = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Boxes(sets.frame[rows], sets.xyxy[rows], lowered if decayed else sets.score[rows], sets.label[rows])


@njit(cache=True, nogil=True)
def _nms(xyxy: np.ndarray, row: np.ndarray, start: np.ndarray, iou: float, first: int, last: int) -> np.ndarray:
    """The rows that stay of the sets first to last (not included), set after set."""
    chosen, total = np.empty(start[last] - start[first], np.int64), 0
    room = _largest(start, first, last) + _BLOCK
    x1, y1, x2, y2, area = np.zeros(room), np.zeros(room), np.zeros(room), np.zeros(room), np.zeros(room)
    for s in range(first, last):
        n = 0
        for own in row[start[s] : start[s + 1]]:
            left, top, right, bottom = xyxy[own]
            own_area, free = (right - left) * (bottom - top), True
            for a in range(0, n, _BLOCK):
                b = a + _BLOCK
                if _overlaps(left, top, right, bottom, own_area, x1[a:b], y1[a:b], x2[a:b], y2[a:b], area[a:b], iou):
                    free = False
                    break
            if free:
                if n % _BLOCK == 0:
                    x1[n : n + _BLOCK], area[n : n + _BLOCK] = np.inf, 0.0  # overlap nothing
                x1[n], y1[n], x2[n], y2[n], area[n] = left, top, right, bottom, own_area
                chosen[total + n] = own
                n += 1
        total += n
    return chosen[:total]


@njit(cache=True, error_model="numpy")
def _overlaps(
    left: float,
    top: float,
    right: float,
    bottom: float,
    own: float,
    x1: np.ndarray,
    y1: np.ndarray,
    x2: np.ndarray,
    y2: np.ndarray,
    area: np.ndarray,
    iou: float,
) -> bool:
    """Whether a box, its area being own, has an IoU above iou with one of the block (each array (32,))."""
    hits = 0
    for k in range(_BLOCK):
        width = max(min(right, x2[k]) - max(left, x1[k]), 0.0)
        height = max(min(bottom, y2[k]) - max(top, y1[k]), 0.0)
        common = width * height
        hits += common / (own + area[k] - common) > iou
    return hits > 0


@njit(cache=True, nogil=True)
def _soft_nms(
    xyxy: np.ndarray,
    score: np.ndarray,
    row: np.ndarray,
    start: np.ndarray,
    iou: float,
    gaussian: bool,
    sigma: float,
    min_score: float,
    first: int,
    last: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The rows that stay of the sets first to last (not included), set after set, and their lowered scores."""
    chosen, total = np.empty(start[last] - start[first], np.int64), 0
    lowered = np.empty(len(chosen))
    room = _largest(start, first, last)
    # the boxes of one set: those chosen, then those left in the order they came; sides, area, score
    sides, rows, overlap = np.empty((6, room)), np.empty(room, np.int64), np.empty(room)
    for s in range(first, last):
        n, best = start[s + 1] - start[s], 0
        _load(xyxy, score, row[start[s] : start[s + 1]], sides, rows)
        for i in range(n):
            if sides[5, best] <= min_score:
                break
            _bring_forward(sides, rows, i, best)
            chosen[total], lowered[total] = rows[i], sides[5, i]
            total += 1
            _overlaps_with_first(sides[0][i:n], sides[1][i:n], sides[2][i:n], sides[3][i:n], sides[4][i:n], overlap)
            best = i + _decay(sides[5][i:n], overlap, iou, gaussian, sigma)
    return chosen[:total], lowered[:total]


@njit(cache=True)
def _load(xyxy: np.ndarray, score: np.ndarray, of_set: np.ndarray, sides: np.ndarray, rows: np.ndarray) -> None:
    for i in range(len(of_set)):
        own = of_set[i]
        rows[i], sides[5, i] = own, score[own]
        for side in range(4):
            sides[side, i] = xyxy[own, side]
        sides[4, i] = (xyxy[own, 2] - xyxy[own, 0]) * (xyxy[own, 3] - xyxy[own, 1])


@njit(cache=True)
def _bring_forward(sides: np.ndarray, rows: np.ndarray, to: int, best: int) -> None:
    """Moves box best to place to; those between move one back, so that they stay in order."""
    own = rows[best]
    for i in range(best, to, -1):
        rows[i] = rows[i - 1]
    rows[to] = own
    for side in range(6):
        value = sides[side, best]
        for i in range(best, to, -1):
            sides[side, i] = sides[side, i - 1]
        sides[side, to] = value


@njit(cache=True, error_model="numpy")
def _overlaps_with_first(
    x1: np.ndarray, y1: np.ndarray, x2: np.ndarray, y2: np.ndarray, area: np.ndarray, overlap: np.ndarray
) -> None:
    """Fills overlap (n or more,) with the IoU of the first box with each, the sides being (n,)."""
    left, top, right, bottom, own = x1[0], y1[0], x2[0], y2[0], area[0]
    for k in range(len(x1)):
        width = max(min(right, x2[k]) - max(left, x1[k]), 0.0)
        height = max(min(bottom, y2[k]) - max(top, y1[k]), 0.0)
        common = width * height
        overlap[k] = common / (own + area[k] - common)


@njit(cache=True)
def _decay(score: np.ndarray, overlap: np.ndarray, iou: float, gaussian: bool, sigma: float) -> int:
    """Lowers the scores after the first by what they overlap it; returns which is the highest then, or 0."""
    best, highest = 0, -1.0
    for k in range(1, len(score)):
        if gaussian and overlap[k] > 0:
            score[k] *= np.exp(-(overlap[k] * overlap[k]) / sigma)
        elif not gaussian and overlap[k] > iou:
            score[k] *= 1.0 - overlap[k]
        if score[k] > highest:
            best, highest = k, score[k]
    return best


@njit(cache=True)
def _largest(start: np.ndarray, first: int, last: int) -> int:
    """Rows of the largest of the sets first to last (not included)."""
    most = 0
    for s in range(first, last):
        most = max(most, start[s + 1] - start[s])
    return most
