"""The best paths of Seq-NMS, compiled, in time that grows with the links and not with their square.

A box's best sum is its score and the highest best sum of the boxes that lead to it. Choosing a path takes
boxes away, and that changes the sums of those boxes only that had theirs from one taken away, of those
that had theirs from these, and so on; they are done anew in the order of time, each once. The highest
sum is found in a heap whose entries may be out of date: sums only fall, so an entry is looked at
again when it comes up. The plain algorithm, with the same answers, is in :mod:`kaggle_utils.seqnms`.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

import numpy as np
from numba import njit

__all__ = ["best_paths"]


def best_paths(
    score: np.ndarray, earlier: np.ndarray, later: np.ndarray, one: np.ndarray, other: np.ndarray
) -> np.ndarray:
    """(N,) int64: the number of the path each box is on, in the order they were chosen; -1 for none.

    score: (N,) float64, 0 or more, boxes by frame; earlier, later (L,) and one, other (P,): row numbers
        as in :class:`kaggle_utils.seqnms.Links`

    >>> best_paths(np.array([0.5, 0.9, 0.4]), *(np.array(rows) for rows in ([0], [1], [1, 2], [2, 1])))
    array([ 0,  0, -1])
    """
    n = len(score)
    return _best_paths(score, *_by_row(later, earlier, n), *_by_row(earlier, later, n), *_by_row(one, other, n))


@njit(cache=True)
def _by_row(row: np.ndarray, partner: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """start (n + 1,) and partners: those of row r are partners[start[r]:start[r + 1]], in their order."""
    start, partners = np.zeros(n + 1, np.int64), np.empty(len(row), np.int64)
    for r in row:
        start[r + 1] += 1
    start = np.cumsum(start)
    fill = start[:-1].copy()
    for i in range(len(row)):
        partners[fill[row[i]]] = partner[i]
        fill[row[i]] += 1
    return start, partners


@njit(cache=True)
def _best_paths(
    score: np.ndarray,
    before_start: np.ndarray,
    before: np.ndarray,
    after_start: np.ndarray,
    after: np.ndarray,
    rival_start: np.ndarray,
    rival: np.ndarray,
) -> np.ndarray:
    n, number = len(score), 0
    path, left = np.full(n, -1), np.ones(n, np.bool_)
    total, came_from, waiting = np.zeros(n), np.full(n, -1), np.zeros(n, np.bool_)
    for row in range(n):
        _reckon(row, score, before[before_start[row] : before_start[row + 1]], left, total, came_from)
    heap = [(-total[row], row) for row in range(n)]
    heapify(heap)
    anew = [0 for _ in range(0)]  # rows to reckon anew, a heap
    while len(heap):
        highest, row = heappop(heap)
        if not left[row]:
            continue
        if -highest != total[row]:
            heappush(heap, (-total[row], row))
            continue
        while row >= 0:
            path[row], left[row] = number, False
            _spread(row, after[after_start[row] : after_start[row + 1]], left, came_from, waiting, anew)
            for r in rival[rival_start[row] : rival_start[row + 1]]:
                if left[r]:
                    left[r] = False
                    _spread(r, after[after_start[r] : after_start[r + 1]], left, came_from, waiting, anew)
            row = came_from[row]
        number += 1
        while len(anew):
            row = heappop(anew)
            waiting[row] = False
            if left[row] and _reckon(
                row, score, before[before_start[row] : before_start[row + 1]], left, total, came_from
            ):
                _spread(row, after[after_start[row] : after_start[row + 1]], left, came_from, waiting, anew)
    return path


@njit(cache=True)
def _reckon(
    row: int, score: np.ndarray, before: np.ndarray, left: np.ndarray, total: np.ndarray, came_from: np.ndarray
) -> bool:
    """Works out a box's best sum and where it comes from; returns whether the sum is another one."""
    old, best, came_from[row] = total[row], -1.0, -1
    for other in before:
        if left[other] and total[other] > best:
            best, came_from[row] = total[other], other
    total[row] = score[row] + max(best, 0.0)
    return total[row] != old


@njit(cache=True)
def _spread(
    row: int, after: np.ndarray, left: np.ndarray, came_from: np.ndarray, waiting: np.ndarray, anew: list
) -> None:
    """Queues the boxes that have their sum from this one."""
    for other in after:
        if left[other] and came_from[other] == row and not waiting[other]:
            waiting[other] = True
            heappush(anew, other)
