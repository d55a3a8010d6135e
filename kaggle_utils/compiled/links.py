"""The best paths of Seq-NMS, compiled, in time that grows with the links and not with their square.

A box's best sum is its score and the highest best sum of the boxes that lead to it. Choosing a path takes
boxes away, and that changes the sums of those boxes only that had theirs from one taken away, of those
that had theirs from these, and so on; they are done anew in the order of time, each once. The highest
sum is found in a heap whose entries may be out of date: sums only fall, so an entry is looked at
again when it comes up.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["best_paths"]


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
    return _best_paths(score, *_by_row(later, earlier, n), *_by_row(earlier, later, n), *rivals)


@njit(cache=True)
def _overlapping(
    frame: np.ndarray,
    xyxy: np.ndarray,
    label: np.ndarray,
    start: np.ndarray,
    clip: np.ndarray,
    step: int,
    limit: float,
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
            if i != j and label[i] == label[j] and _iou(xyxy, i, j) > limit:
                if n == pairs.shape[1]:
                    pairs = _twice_as_long(pairs)
                pairs[0, n], pairs[1, n] = i, j
                n += 1
    return pairs[0][:n], pairs[1][:n]


@njit(cache=True)
def _twice_as_long(pairs: np.ndarray) -> np.ndarray:
    """(2, R) -> (2, 2R), with the same pairs first."""
    longer = np.empty((2, 2 * pairs.shape[1]), np.int64)
    for n in range(pairs.shape[1]):
        longer[0, n], longer[1, n] = pairs[0, n], pairs[1, n]
    return longer


@njit(cache=True)
def _iou(xyxy: np.ndarray, a: int, b: int) -> float:
    width = min(xyxy[a, 2], xyxy[b, 2]) - max(xyxy[a, 0], xyxy[b, 0])
    height = min(xyxy[a, 3], xyxy[b, 3]) - max(xyxy[a, 1], xyxy[b, 1])
    if width <= 0 or height <= 0:
        return 0.0
    area_a = (xyxy[a, 2] - xyxy[a, 0]) * (xyxy[a, 3] - xyxy[a, 1])
    area_b = (xyxy[b, 2] - xyxy[b, 0]) * (xyxy[b, 3] - xyxy[b, 1])
    common = width * height
    return common / (area_a + area_b - common)


@njit(cache=True)
def _by_row(row: np.ndarray, partner: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """start (n + 1,) and partners: those of row r are partners[start[r]:start[r + 1]], in their order."""
    start, partners = np.zeros(n + 2, np.int64), np.empty(len(row), np.int64)
    for i in range(len(row)):
        start[row[i] + 2] += 1
    for r in range(n):
        start[r + 2] += start[r + 1]
    for i in range(len(row)):  # start[r + 1] is where the next partner of r goes, in the end where they stop
        partners[start[row[i] + 1]] = partner[i]
        start[row[i] + 1] += 1
    return start[: n + 1], partners


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
    path, came_from, left = np.empty(n, np.int64), np.empty(n, np.int64), np.ones(n, np.bool_)
    total, in_time, waiting = np.zeros(n), np.empty(n), np.zeros(n, np.bool_)
    best, n_best, anew, n_anew = np.empty(n, np.int64), 0, np.empty(n, np.int64), 0  # heaps of rows
    for row in range(n):
        path[row], in_time[row] = -1, -row
        _reckon(row, score, before_start, before, left, total, came_from)
    known = total.copy()  # the sums by which rows lie in the heap
    for row in range(n):
        n_best = _push(best, n_best, known, row)
    while n_best:
        row, n_best = best[0], _pop(best, n_best, known)
        if not left[row]:
            continue
        if known[row] != total[row]:
            known[row] = total[row]
            n_best = _push(best, n_best, known, row)
            continue
        while row >= 0:
            path[row], left[row] = number, False
            n_anew = _spread(row, after_start, after, left, came_from, waiting, anew, n_anew, in_time)
            for i in range(rival_start[row], rival_start[row + 1]):
                if left[rival[i]]:
                    left[rival[i]] = False
                    n_anew = _spread(rival[i], after_start, after, left, came_from, waiting, anew, n_anew, in_time)
            row = came_from[row]
        number += 1
        while n_anew:
            row, n_anew = anew[0], _pop(anew, n_anew, in_time)
            waiting[row] = False
            if left[row] and _reckon(row, score, before_start, before, left, total, came_from):
                n_anew = _spread(row, after_start, after, left, came_from, waiting, anew, n_anew, in_time)
    return path


@njit(cache=True)
def _reckon(
    row: int,
    score: np.ndarray,
    start: np.ndarray,
    before: np.ndarray,
    left: np.ndarray,
    total: np.ndarray,
    came_from: np.ndarray,
) -> bool:
    """Works out a box's best sum and where it comes from; returns whether the sum is another one."""
    old, best, came_from[row] = total[row], -1.0, -1
    for i in range(start[row], start[row + 1]):
        other = before[i]
        if left[other] and total[other] > best:
            best, came_from[row] = total[other], other
    total[row] = score[row] + max(best, 0.0)
    return total[row] != old


@njit(cache=True)
def _spread(
    row: int,
    start: np.ndarray,
    after: np.ndarray,
    left: np.ndarray,
    came_from: np.ndarray,
    waiting: np.ndarray,
    anew: np.ndarray,
    n_anew: int,
    in_time: np.ndarray,
) -> int:
    """Queues the boxes that have their sum from this one; returns how many are queued."""
    for i in range(start[row], start[row + 1]):
        other = after[i]
        if left[other] and came_from[other] == row and not waiting[other]:
            waiting[other] = True
            n_anew = _push(anew, n_anew, in_time, other)
    return n_anew


@njit(cache=True)
def _comes_first(key: np.ndarray, one: int, other: int) -> bool:
    return key[one] > key[other] or (key[one] == key[other] and one < other)


@njit(cache=True)
def _push(heap: np.ndarray, n: int, key: np.ndarray, row: int) -> int:
    """Adds a row to a heap of n rows, the one with the highest key first, of equals the lowest; returns n + 1."""
    place = n
    while place and _comes_first(key, row, heap[(place - 1) // 2]):
        heap[place] = heap[(place - 1) // 2]
        place = (place - 1) // 2
    heap[place] = row
    return n + 1


@njit(cache=True)
def _pop(heap: np.ndarray, n: int, key: np.ndarray) -> int:
    """Takes the first row out of a heap of n rows; returns n - 1."""
    n -= 1
    row, place = heap[n], 0
    while 2 * place + 1 < n:
        child = 2 * place + 1
        if child + 1 < n and _comes_first(key, heap[child + 1], heap[child]):
            child += 1
        if not _comes_first(key, heap[child], row):
            break
        heap[place] = heap[child]
        place = child
    heap[place] = row
    return n
