"""Greedy matching of predicted to true boxes, compiled: the loop behind F2 over boxes.

One pass serves all IoU thresholds: the thresholds a true box is found at, and a prediction is a hit
at, are the bits of one whole number, so IoUs are computed and sorted once.
"""

from __future__ import annotations

import numpy as np
from numba import njit

Table = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
_GAPS = (701, 301, 132, 57, 23, 10, 4, 1)  # Ciura's, for Shell sort


@njit(cache=True)
def rows_by_frame(frame: np.ndarray, n_frames: int) -> tuple[np.ndarray, np.ndarray]:
    """start (F + 1,) and rows (N,): the rows of frame f, in their order, are rows[start[f]:start[f + 1]]."""
    start = np.zeros(n_frames + 1, np.int64)
    for f in frame:
        start[f + 1] += 1
    for f in range(n_frames):
        start[f + 1] += start[f]
    fill, rows = start.copy(), np.empty(len(frame), np.int64)
    for row in range(len(frame)):
        f = frame[row]
        rows[fill[f]] = row
        fill[f] += 1
    return start, rows


@njit(cache=True, nogil=True)
def match_frames(
    true: Table, predicted: Table, score: np.ndarray, thresholds: np.ndarray, extra: float, hit: np.ndarray, found: np.ndarray,
    first: int, stop: int,
) -> None:  # fmt: skip
    """Matches the frames first to stop - 1; other threads may match other frames at the same time.

    true, predicted: start and rows, from :func:`rows_by_frame`, xyxy (M, 4) and label (M,) of the M true boxes, and of
        the N predictions, in any order; the predictions' rows are sorted by score (N,), in place
    thresholds: (T,) float64, ascending, T at most 64
    extra: 1.0 for the IoU with +1 pixel, else 0.0
    hit (N,), found (M,): uint64, zeros that are filled; bit t stands for thresholds[t]
    """
    true_start, true_rows, true_xyxy, true_label = true
    start, rows, xyxy, label = predicted
    best, overlap = np.empty(len(found), np.int64), np.empty(len(found), np.float64)
    for f in range(first, stop):
        if true_start[f] == true_start[f + 1]:
            continue
        _sort_by_score(rows, start[f], start[f + 1], score)
        for i in range(start[f], start[f + 1]):
            p, n = rows[i], 0
            for j in range(true_start[f], true_start[f + 1]):
                g = true_rows[j]
                if true_label[g] == label[p]:
                    iou = iou_of_rows(true_xyxy, g, xyxy, p, extra)
                    n += _insert(best, overlap, n, g, iou) if iou > thresholds[0] else 0
            hit[p] = _take(best, overlap, n, found, thresholds)


@njit(cache=True, nogil=True)
def _sort_by_score(rows: np.ndarray, first: int, stop: int, score: np.ndarray) -> None:
    """Sorts rows[first:stop] by descending score, ties by row number: insertion for few, Shell for many."""
    for gap in _GAPS:
        if gap > 1 and stop - first < 8 * gap:
            continue
        for i in range(first + gap, stop):
            row, j = rows[i], i - gap
            while j >= first and (score[rows[j]] < score[row] or (score[rows[j]] == score[row] and rows[j] > row)):
                rows[j + gap] = rows[j]
                j -= gap
            rows[j + gap] = row


@njit(cache=True, nogil=True)
def iou_of_rows(a: np.ndarray, i: int, b: np.ndarray, j: int, extra: float) -> float:
    """Row i of (N, 4) boxes a with row j of b, xyxy; extra: what is added to widths and heights."""
    width = min(a[i, 2], b[j, 2]) - max(a[i, 0], b[j, 0]) + extra
    height = min(a[i, 3], b[j, 3]) - max(a[i, 1], b[j, 1]) + extra
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    area_a = (a[i, 2] - a[i, 0] + extra) * (a[i, 3] - a[i, 1] + extra)
    area_b = (b[j, 2] - b[j, 0] + extra) * (b[j, 3] - b[j, 1] + extra)
    return common / (area_a + area_b - common)


@njit(cache=True, nogil=True)
def _insert(best: np.ndarray, overlap: np.ndarray, n: int, g: int, iou: float) -> int:
    """Adds true box g to the n candidates kept by descending IoU, ties in the given order; returns 1."""
    while n > 0 and overlap[n - 1] < iou:
        best[n], overlap[n] = best[n - 1], overlap[n - 1]
        n -= 1
    best[n], overlap[n] = g, iou
    return 1


@njit(cache=True, nogil=True)
def _take(best: np.ndarray, overlap: np.ndarray, n: int, found: np.ndarray, thresholds: np.ndarray) -> np.uint64:
    """The bits of one prediction: at each threshold it takes its best candidate not yet found there."""
    hit, decided = np.uint64(0), np.uint64(0)
    for i in range(n):
        above = np.uint64(0)
        for t in range(len(thresholds)):
            above |= np.uint64(overlap[i] > thresholds[t]) << np.uint64(t)
        free = ~(decided | found[best[i]])
        hit |= free & above
        found[best[i]] |= free & above
        decided |= free
    return hit
