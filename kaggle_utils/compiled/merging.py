"""NMW and WBF over a whole table, compiled: clusters of overlapping boxes become their mean.

Boxes come surest first and join the cluster they overlap most. What they are compared with lies in
five arrays (left, top, right, bottom, area), which lets the processor's vector units work on them,
and a cluster keeps running sums, so a box costs one comparison per cluster and nothing per member. The
NumPy twin, with the same answers, is :mod:`kaggle_utils.boxes.fusion_numpy`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numba import njit

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.compiled.grouping import Sets, in_order, sets_of, side_by_side

__all__ = ["nmw", "wbf"]

_AVG, _MAX, _BOX_AND_MODEL, _ABSENT = range(4)  # as in kaggle_utils.boxes.fusion.CONF_TYPES
_CONF_TYPES = {"avg": _AVG, "max": _MAX, "box_and_model_avg": _BOX_AND_MODEL, "absent_model_aware_avg": _ABSENT}


class Clusters(NamedTuple):
    """Room for the clusters of one set; what each array holds per cluster.

    x1, y1, x2, y2, area: (R,) float64, what the next box is compared with
    total: (R, 4) float64, sum of share * xyxy; mass: (R,) float64, sum of share
    first: (R,) float64, the highest score; score: (R,) float64, their sum
    count: (R,) int64, boxes; weight: (R,) float64, sum of their tables' weights
    there: (R, M) bool, the tables that have a box in it
    """

    x1: np.ndarray
    y1: np.ndarray
    x2: np.ndarray
    y2: np.ndarray
    area: np.ndarray
    total: np.ndarray
    mass: np.ndarray
    first: np.ndarray
    score: np.ndarray
    count: np.ndarray
    weight: np.ndarray
    there: np.ndarray


def nmw(tables: Sequence[Boxes], weights: np.ndarray | None, skip_below: float, iou: float) -> Boxes:
    """See :func:`kaggle_utils.boxes.fusion.nmw`; weights (M,) as they multiply the scores, or None.

    >>> nmw([Boxes([0, 0], [[0, 0, 9, 9]] * 2, [0.5, 0.8])], None, 0.0, 0.5).score
    array([0.8])
    """
    sets = sets_of(tables, weights, skip_below)
    return _merged(sets, partial(_nmw, sets.xyxy, sets.score, sets.row, sets.start, float(iou)))


def wbf(
    tables: Sequence[Boxes],
    weights: np.ndarray | None,
    skip_below: float,
    iou: float,
    conf_type: str,
    allows_overflow: bool,
) -> Boxes:
    """See :func:`kaggle_utils.boxes.fusion.wbf`; weights as in :func:`nmw`.

    >>> wbf([Boxes([0, 0], [[0, 0, 9, 9]] * 2, [0.5, 0.8])], None, 0.0, 0.5, "avg", False).score
    array([0.65])
    """
    sets = sets_of(tables, weights, skip_below)
    of_model = np.ones(len(tables)) if weights is None else weights
    model = np.repeat(np.arange(len(tables)), sets.size)
    options = of_model, _CONF_TYPES[conf_type], bool(allows_overflow)
    return _merged(sets, partial(_wbf, sets.xyxy, sets.score, model, sets.row, sets.start, float(iou), *options))


def _merged(sets: Sets, kernel: Callable) -> Boxes:
    """What kernel(first, last) returns for all sets, as a table: first row of each box's set, xyxy, score."""
    row, xyxy, score = (np.concatenate(parts) for parts in zip(*side_by_side(kernel, sets.start), strict=True))
    frame, label = sets.frame[row], sets.label[row]
    order, _ = in_order(frame, label, score, np.ones(len(row), np.bool_))
    return Boxes(frame[order], xyxy[order], score[order], label[order])


@njit(cache=True, nogil=True)
def _nmw(
    xyxy: np.ndarray, score: np.ndarray, row: np.ndarray, start: np.ndarray, iou: float, first: int, last: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row of the surest box, xyxy and score of every cluster of the sets first to last (not included)."""
    surest, fused, fused_score, total = _answers(start, first, last)
    clusters = _room(start, first, last, 0)
    overlap = np.empty(len(clusters.x1))
    for s in range(first, last):
        n = 0
        for own in row[start[s] : start[s + 1]]:
            c = _most_overlapped(clusters, n, xyxy[own], overlap, iou)
            if c == n:
                _open(clusters, n, score[own])
                _compare_with(clusters, n, xyxy[own])
                surest[total + n], overlap[n] = own, 1.0
                n += 1
            _add(clusters, c, xyxy[own], score[own], overlap[c])
        for c in range(n):
            fused[total + c] = clusters.total[c] / clusters.mass[c]
            fused_score[total + c] = clusters.first[c]
        total += n
    return surest[:total], fused[:total], fused_score[:total]


@njit(cache=True, nogil=True)
def _wbf(
    xyxy: np.ndarray,
    score: np.ndarray,
    model: np.ndarray,
    row: np.ndarray,
    start: np.ndarray,
    iou: float,
    weights: np.ndarray,
    conf_type: int,
    allows_overflow: bool,
    first: int,
    last: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row of the surest box, xyxy and score of every cluster of the sets first to last (not included)."""
    surest, fused, fused_score, total = _answers(start, first, last)
    clusters = _room(start, first, last, len(weights))
    overlap = np.empty(len(clusters.x1))
    for s in range(first, last):
        n = 0
        for own in row[start[s] : start[s + 1]]:
            c = _most_overlapped(clusters, n, xyxy[own], overlap, iou)
            if c == n:
                _open(clusters, n, score[own])
                surest[total + n] = own
                n += 1
            _add(clusters, c, xyxy[own], score[own], 1.0)
            clusters.weight[c] += weights[model[own]]
            clusters.there[c, model[own]] = True
            _compare_with(clusters, c, clusters.total[c] / clusters.mass[c])
        for c in range(n):
            fused[total + c] = clusters.total[c] / clusters.mass[c]
            fused_score[total + c] = _confidence(clusters, c, weights, conf_type, allows_overflow)
        total += n
    return surest[:total], fused[:total], fused_score[:total]


@njit(cache=True)
def _answers(start: np.ndarray, first: int, last: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    most = start[last] - start[first]
    return np.empty(most, np.int64), np.empty((most, 4)), np.empty(most), 0


@njit(cache=True)
def _room(start: np.ndarray, first: int, last: int, n_models: int) -> Clusters:
    most = 0
    for s in range(first, last):
        most = max(most, start[s + 1] - start[s])
    return Clusters(
        np.empty(most),
        np.empty(most),
        np.empty(most),
        np.empty(most),
        np.empty(most),
        np.empty((most, 4)),
        np.empty(most),
        np.empty(most),
        np.empty(most),
        np.empty(most, np.int64),
        np.empty(most),
        np.empty((most, n_models), np.bool_),
    )


@njit(cache=True)
def _open(clusters: Clusters, c: int, score: float) -> None:
    clusters.total[c], clusters.mass[c], clusters.first[c] = 0.0, 0.0, score
    clusters.score[c], clusters.count[c], clusters.weight[c], clusters.there[c] = 0.0, 0, 0.0, False


@njit(cache=True)
def _add(clusters: Clusters, c: int, box: np.ndarray, score: float, part: float) -> None:
    """Adds a box (4,) to cluster c; it counts part * score, or part where even the surest has score 0."""
    share = part * (score / clusters.first[c] if clusters.first[c] > 0 else 1.0)
    for side in range(4):
        clusters.total[c, side] += share * box[side]
    clusters.mass[c] += share
    clusters.score[c] += score
    clusters.count[c] += 1


@njit(cache=True)
def _compare_with(clusters: Clusters, c: int, box: np.ndarray) -> None:
    clusters.x1[c], clusters.y1[c], clusters.x2[c], clusters.y2[c] = box
    clusters.area[c] = (box[2] - box[0]) * (box[3] - box[1])


@njit(cache=True, error_model="numpy")
def _most_overlapped(clusters: Clusters, n: int, box: np.ndarray, overlap: np.ndarray, iou: float) -> int:
    """Which of the first n clusters box (4,) overlaps most; n where none is above iou. Fills overlap (n,)."""
    x1, y1, x2, y2, area = clusters.x1[:n], clusters.y1[:n], clusters.x2[:n], clusters.y2[:n], clusters.area[:n]
    own, left, top, right, bottom = (box[2] - box[0]) * (box[3] - box[1]), box[0], box[1], box[2], box[3]
    for c in range(n):
        width = max(min(right, x2[c]) - max(left, x1[c]), 0.0)
        height = max(min(bottom, y2[c]) - max(top, y1[c]), 0.0)
        common = width * height
        overlap[c] = common / (own + area[c] - common)
    best, most = n, iou
    for c in range(n):
        if overlap[c] > most:
            best, most = c, overlap[c]
    return best


@njit(cache=True)
def _confidence(clusters: Clusters, c: int, weights: np.ndarray, conf_type: int, allows_overflow: bool) -> float:
    """The fused score of cluster c: see :func:`kaggle_utils.boxes.fusion.wbf`."""
    score, weight = clusters.score[c], clusters.weight[c]
    if conf_type == _MAX:
        return clusters.first[c] / weights.max()
    if conf_type == _AVG:
        share = score / weights.sum()
        return share if allows_overflow else min(share * min(len(weights) / clusters.count[c], 1.0), 1.0)
    there = weights[clusters.there[c]].sum()
    if conf_type == _ABSENT:
        return score / (weight + weights.sum() - there)
    return score / weight * there / weights.sum() if weight > 0 else 0.0
