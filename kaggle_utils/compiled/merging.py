"""NMW and WBF over a whole table, compiled: clusters of overlapping boxes become their mean.

Boxes come surest first and join the cluster they overlap most. A cluster keeps running sums, so a box
costs one comparison per cluster and nothing per member.
NMW compares with a cluster's surest box, WBF with the mean so far.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from kaggle_utils.compiled.grouping import most_rows
from kaggle_utils.compiled.overlap import ManySides, Sides, overlaps

SUREST, AVG, MAX, BOX_AND_MODEL_AVG, ABSENT_MODEL_AWARE_AVG = range(5)  # how clusters are scored; the first is NMW
_MASS, _FIRST, _SCORE, _WEIGHT, _COUNT = range(4, 9)  # columns of the clusters' sums, after the four sides


@njit(cache=True, nogil=True)
def clusters(
    xyxy: np.ndarray,
    score: np.ndarray,
    table: np.ndarray,
    weights: np.ndarray,
    row: np.ndarray,
    start: np.ndarray,
    iou: float,
    confidence: int,
    allows_overflow: bool,
    first: int,
    last: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(K,) int64 row of the surest box, (K, 4) xyxy and (K,) score of every cluster, set after set.

    xyxy: (N, 4) float64; score: (N,) float64, weighted; table: (N,) int64, below M; weights: (M,) float64
    row, start: of :func:`kaggle_utils.compiled.grouping.in_order`
    iou: a box joins no cluster that it overlaps by this or less
    confidence: one of the numbers above, see :func:`kaggle_utils.boxes.fusion.wbf`; SUREST: the surest box's score,
        and boxes are compared with that box
    first, last: the sets first to last (not included) are done; other threads may do others
    """
    total, most, room = 0, start[last] - start[first], most_rows(start, first, last)
    surest, fused, fused_score = np.empty(most, np.int64), np.empty((most, 4)), np.empty(most)
    x1, y1, x2, y2, area = np.empty(room), np.empty(room), np.empty(room), np.empty(room), np.empty(room)
    overlap, sums, there = np.empty(room), np.empty((room, 9)), np.empty((room, len(weights)), np.bool_)
    for s in range(first, last):
        n = 0
        for i in range(start[s], start[s + 1]):
            own = row[i]
            left, top, right, bottom = xyxy[own, 0], xyxy[own, 1], xyxy[own, 2], xyxy[own, 3]
            box = left, top, right, bottom, (right - left) * (bottom - top)
            c = _most_overlapped(box, (x1[:n], y1[:n], x2[:n], y2[:n], area[:n]), overlap, iou)
            is_new = c == n
            if is_new:
                sums[c, :], there[c, :], sums[c, _FIRST] = 0.0, False, score[own]
                surest[total + c], overlap[c] = own, 1.0
                n += 1
            share = _share(score[own], sums[c, _FIRST]) * (overlap[c] if confidence == SUREST else 1.0)
            _add(sums, c, left, top, right, bottom, share)
            if confidence != SUREST:
                mass = sums[c, _MASS]
                left, top, right, bottom = sums[c, 0] / mass, sums[c, 1] / mass, sums[c, 2] / mass, sums[c, 3] / mass
                sums[c, _SCORE] += score[own]
                sums[c, _WEIGHT] += weights[table[own]]
                there[c, table[own]] = True
            if is_new or confidence != SUREST:
                x1[c], y1[c], x2[c], y2[c], area[c] = left, top, right, bottom, (right - left) * (bottom - top)
        for c in range(n):
            for side in range(4):
                fused[total + c, side] = sums[c, side] / sums[c, _MASS]
            fused_score[total + c] = _confidence(sums, there, c, weights, confidence, allows_overflow)
        total += n
    return surest[:total], fused[:total], fused_score[:total]


@njit(cache=True)
def _share(score: float, first: float) -> float:
    """A member's part in its cluster, relative to the surest; alike where even that has score 0."""
    return score / first if first > 0 else 1.0


@njit(cache=True)
def _add(sums: np.ndarray, c: int, left: float, top: float, right: float, bottom: float, share: float) -> None:
    sums[c, 0] += share * left
    sums[c, 1] += share * top
    sums[c, 2] += share * right
    sums[c, 3] += share * bottom
    sums[c, _MASS] += share
    sums[c, _COUNT] += 1


@njit(cache=True, error_model="numpy")
def _most_overlapped(box: Sides, clusters: ManySides, overlap: np.ndarray, iou: float) -> int:
    """Which of the clusters (n,) a box overlaps most; n where none is above iou. Fills overlap (n or more,)."""
    overlaps(box, clusters, overlap)
    best, most = len(clusters[0]), iou
    for c in range(len(clusters[0])):
        if overlap[c] > most:
            best, most = c, overlap[c]
    return best


@njit(cache=True)
def _confidence(
    sums: np.ndarray, there: np.ndarray, c: int, weights: np.ndarray, confidence: int, allows_overflow: bool
) -> float:
    """The fused score of cluster c."""
    if confidence == SUREST:
        return sums[c, _FIRST]
    score, weight, everyone, present, highest = sums[c, _SCORE], sums[c, _WEIGHT], 0.0, 0.0, 0.0
    for table in range(len(weights)):
        everyone, highest = everyone + weights[table], max(highest, weights[table])
        present += weights[table] if there[c, table] else 0.0
    if confidence == MAX:
        return sums[c, _FIRST] / highest
    if confidence == AVG:
        share = score / everyone
        return share if allows_overflow else min(share * min(len(weights) / sums[c, _COUNT], 1.0), 1.0)
    if confidence == ABSENT_MODEL_AWARE_AVG:
        return score / (weight + everyone - present)
    return score / weight * present / everyone if weight > 0 else 0.0
