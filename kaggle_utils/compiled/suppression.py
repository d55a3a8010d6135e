"""NMS and Soft-NMS over a whole table, compiled.

NMS compares a box with those kept so far only, a block at a time; a block is filled up with boxes that
overlap nothing. Arguments that both have:

xyxy: (N, 4) float64; score: (N,) float64; row, start: of :func:`kaggle_utils.compiled.grouping.in_order`
iou: boxes with a higher IoU are taken for the same thing
first, last: the sets first to last (not included) are done; other threads may do others
"""

from __future__ import annotations

import numpy as np
from numba import njit

from kaggle_utils.compiled.grouping import most_rows
from kaggle_utils.compiled.overlap import ManySides, Sides, overlaps

_BLOCK = 32  # kept boxes compared at once; fewer are not vectorised, more are mostly padding


@njit(cache=True, nogil=True)
def nms(xyxy: np.ndarray, row: np.ndarray, start: np.ndarray, iou: float, first: int, last: int) -> np.ndarray:
    """(K,) int64: the rows that stay, set after set."""
    chosen, total = np.empty(start[last] - start[first], np.int64), 0
    room = most_rows(start, first, last) + _BLOCK
    x1, y1, x2, y2, area = np.zeros(room), np.zeros(room), np.zeros(room), np.zeros(room), np.zeros(room)
    for s in range(first, last):
        n = 0
        for i in range(start[s], start[s + 1]):
            own = row[i]
            left, top, right, bottom = xyxy[own, 0], xyxy[own, 1], xyxy[own, 2], xyxy[own, 3]
            box, free = (left, top, right, bottom, (right - left) * (bottom - top)), True
            for a in range(0, n, _BLOCK):
                b = a + _BLOCK
                if _hits(box, (x1[a:b], y1[a:b], x2[a:b], y2[a:b], area[a:b]), iou):
                    free = False
                    break
            if free:
                if n % _BLOCK == 0:
                    for k in range(n, n + _BLOCK):
                        x1[k], area[k] = np.inf, 0.0  # overlap nothing
                x1[n], y1[n], x2[n], y2[n], area[n] = box
                chosen[total + n] = own
                n += 1
        total += n
    return chosen[:total]


@njit(cache=True, error_model="numpy")
def _hits(box: Sides, block: ManySides, iou: float) -> bool:
    """Whether a box has an IoU above iou with one of a block (each array (32,)); alike but faster than :func:`overlaps`."""
    left, top, right, bottom, own = box
    x1, y1, x2, y2, area = block
    hits = 0
    for k in range(_BLOCK):
        width = max(min(right, x2[k]) - max(left, x1[k]), 0.0)
        height = max(min(bottom, y2[k]) - max(top, y1[k]), 0.0)
        common = width * height
        hits += common / (own + area[k] - common) > iou
    return hits > 0


@njit(cache=True, nogil=True, error_model="numpy")
def soft_nms(
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
    """(K,) int64 and (K,) float64: the rows that stay, set after set as they are chosen, and their lowered scores.

    gaussian: whether scores are lowered by exp(-IoU^2 / sigma), else by 1 - IoU where it is above iou
    min_score: rows go whose score is lowered to it
    """
    chosen, total = np.empty(start[last] - start[first], np.int64), 0
    lowered = np.empty(len(chosen))
    room = most_rows(start, first, last)
    # the boxes of one set: those chosen, then those left in the order they came; sides, area, score
    sides, rows, overlap = np.empty((6, room)), np.empty(room, np.int64), np.empty(room)
    for s in range(first, last):
        n, best = start[s + 1] - start[s], np.int64(0)  # a plain 0 would compile what it is given to twice
        _load(xyxy, score, row[start[s] : start[s + 1]], sides, rows)
        for i in range(n):
            if sides[5, best] <= min_score:
                break
            _bring_forward(sides, rows, i, best)
            chosen[total], lowered[total] = rows[i], sides[5, i]
            total += 1
            box = sides[0, i], sides[1, i], sides[2, i], sides[3, i], sides[4, i]
            overlaps(box, (sides[0][i:n], sides[1][i:n], sides[2][i:n], sides[3][i:n], sides[4][i:n]), overlap)
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
