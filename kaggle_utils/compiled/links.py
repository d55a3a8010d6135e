"""The best paths of Seq-NMS, compiled, in time that grows with the links and not with their square.

A box's best sum is its score and the highest best sum of the boxes that lead to it. Choosing a path takes
boxes away, and that changes the sums of those boxes only that had theirs from one taken away, of those
that had theirs from these, and so on; they are done anew in the order of time, each once. The highest
sum is found in a heap whose entries may be out of date: sums only fall, so an entry is looked at
again when it comes up. The plain algorithm, with the same answers, is in :mod:`kaggle_utils.boxes.seqnms`.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

import numpy as np
from numba import njit

from kaggle_utils.boxes.table import Boxes

__all__ = ["best_paths"]


def best_paths(boxes: Boxes, clip_of_frame: np.ndarray, link_iou: float, nms_iou: float) -> np.ndarray:
    """(N,) int64: the number of the path each box is on, in the order they were chosen; -1 for none.

    boxes: by ascending frame; clip_of_frame, link_iou, nms_iou: see :func:`kaggle_utils.boxes.seqnms.seq_nms`

    >>> film = Boxes([0, 1, 1], [[0, 0, 9, 9], [0, 0, 9, 9], [0, 0, 9, 7]], [0.5, 0.9, 0.4])
    >>> best_paths(film, np.zeros(2, np.int64), 0.5, 0.3)
    array([ 0,  0, -1])
    """
    n, columns = len(boxes), (boxes.frame, boxes.xyxy, boxes.label)
    start = np.searchsorted(boxes.frame, np.arange(len(clip_of_frame) + 1))
    earlier, later = _overlapping(*columns, start, clip_of_frame, 1, float(link_iou))
    rivals = _by_row(*_overlapping(*columns, start, clip_of_frame, 0, float(nms_iou)), n)
    return _best_paths(boxes.score, *_by_row(later, earlier, n), *_by_row(earlier, later, n), *rivals)


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
    room, n = max(4 * len(frame), 16), 0
    one, other = np.empty(room, np.int64), np.empty(room, np.int64)
    for i in range(len(frame)):
        f = frame[i] + step
        if f >= len(clip) or clip[f] != clip[frame[i]]:
            continue
        for j in range(start[f], start[f + 1]):
            if i != j and label[i] == label[j] and _iou(xyxy[i], xyxy[j]) > limit:
                if n == len(one):
                    one, other = np.append(one, np.empty_like(one)), np.append(other, np.empty_like(other))
                one[n], other[n] = i, j
                n += 1
    return one[:n], other[:n]


@njit(cache=True)
def _iou(a: np.ndarray, b: np.ndarray) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


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
