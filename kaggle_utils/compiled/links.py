"""The best paths of Seq-NMS, compiled, in time that grows with the links and not with their square.

A box's best sum is its score and the highest best sum of the boxes that lead to it. Choosing a path takes
boxes away, and that changes the sums of those boxes only that had theirs from one taken away, of those
that had theirs from these, and so on; they are done anew in the order of time, each once. The highest
sum is found in a heap whose entries may be out of date: sums only fall, so an entry is looked at
again when it comes up.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

import numpy as np
from numba import njit

from kaggle_utils.compiled.matching import iou_of_rows, rows_by_frame

Links = tuple[np.ndarray, np.ndarray]  # start (N + 1,) and partners: those of row r are partners[start[r]:start[r + 1]]


def best_paths(
    frame: np.ndarray,
    xyxy: np.ndarray,
    score: np.ndarray,
    label: np.ndarray,
    clip_of_frame: np.ndarray,
    link_iou: float,
    nms_iou: float,
) -> np.ndarray:
    """(N,) int64: the number of the path each box is on, in the order they were chosen; -1 for none.

    frame: (N,) int64, ascending; xyxy: (N, 4) float64; score: (N,) float64, 0 or more; label: (N,) int64
    clip_of_frame: (n_frames,); link_iou, nms_iou: see :func:`kaggle_utils.boxes.seqnms.seq_nms`

    >>> frame, xyxy = np.array([0, 1, 1]), np.array([[0.0, 0, 9, 9], [0, 0, 9, 9], [0, 0, 9, 7]])
    >>> best_paths(frame, xyxy, np.array([0.5, 0.9, 0.4]), np.zeros(3, int), np.zeros(2, int), 0.5, 0.3)
    array([ 0,  0, -1])
    """
    n, start = len(frame), np.searchsorted(frame, np.arange(len(clip_of_frame) + 1))
    earlier, later = _overlapping(frame, xyxy, label, start, clip_of_frame, 1, float(link_iou))
    rivals = _by_row(*_overlapping(frame, xyxy, label, start, clip_of_frame, 0, float(nms_iou)), n)
    return _best_paths(score, _by_row(later, earlier, n), _by_row(earlier, later, n), rivals)


@njit(cache=True)
def _overlapping(
    frame: np.ndarray, xyxy: np.ndarray, label: np.ndarray, start: np.ndarray, clip: np.ndarray, step: int, limit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows, the second step (0 or 1) frames later in the clip, of one label and an IoU above limit.

    start: (n_frames + 1,), frame f is rows start[f] to start[f + 1]
    """
    pairs, n = np.empty((2, max(4 * len(frame), 16)), np.int64), 0
    for i in range(len(frame)):
        f = frame[i] + step
        if f >= len(clip) or clip[f] != clip[frame[i]]:
            continue
        for j in range(start[f], start[f + 1]):
            if i != j and label[i] == label[j] and iou_of_rows(xyxy, i, xyxy, j, 0.0) > limit:
                if n == pairs.shape[1]:
                    pairs = np.concatenate((pairs, np.empty_like(pairs)), axis=1)
                pairs[0, n], pairs[1, n] = i, j
                n += 1
    return pairs[0][:n], pairs[1][:n]


def _by_row(row: np.ndarray, partner: np.ndarray, n: int) -> Links:
    """The partners of n rows, each row's in their order."""
    start, order = rows_by_frame(row, n)
    return start, partner[order]


@njit(cache=True)
def _best_paths(score: np.ndarray, before: Links, after: Links, rivals: Links) -> np.ndarray:
    n, number = len(score), 0
    path, came_from, left, total = np.full(n, -1), np.empty(n, np.int64), np.ones(n, np.bool_), np.zeros(n)
    start, rival = rivals
    for row in range(n):
        _reckon(row, score, before, left, total, came_from)
    best, anew = [(-total[row], row) for row in range(n)], list(range(0))  # heaps
    heapify(best)
    while best:
        known, row = heappop(best)
        if not left[row]:
            continue
        if known != -total[row]:
            heappush(best, (-total[row], row))
            continue
        while row >= 0:
            path[row], left[row] = number, False
            _spread(row, after, left, came_from, anew)
            for i in range(start[row], start[row + 1]):
                if left[rival[i]]:
                    left[rival[i]] = False
                    _spread(rival[i], after, left, came_from, anew)
            row = came_from[row]
        number += 1
        while anew:
            row = heappop(anew)  # perhaps not for the first time, and then nothing is new
            if left[row] and _reckon(row, score, before, left, total, came_from):
                _spread(row, after, left, came_from, anew)
    return path


@njit(cache=True)
def _reckon(row: int, score: np.ndarray, before: Links, left: np.ndarray, total: np.ndarray, came_from: np.ndarray) -> bool:
    """Works out a box's best sum and where it comes from; returns whether the sum is another one."""
    start, earlier = before
    old, best, came_from[row] = total[row], -1.0, -1
    for i in range(start[row], start[row + 1]):
        other = earlier[i]
        if left[other] and total[other] > best:
            best, came_from[row] = total[other], other
    total[row] = score[row] + max(best, 0.0)
    return total[row] != old


@njit(cache=True)
def _spread(row: int, after: Links, left: np.ndarray, came_from: np.ndarray, anew: list[int]) -> None:
    """Queues the boxes that have their sum from this one."""
    start, later = after
    for i in range(start[row], start[row + 1]):
        if left[later[i]] and came_from[later[i]] == row:
            heappush(anew, later[i])
