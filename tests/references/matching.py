"""Matching without a loop over boxes: all pairs of a frame, decided round by round in NumPy.

Called as kaggle_utils.boxes.matching.match, of correct arguments, with its answers to the bit.
"""

from __future__ import annotations

import numpy as np

from kaggle_utils.boxes.matching import IOU_THRESHOLDS, Matches
from kaggle_utils.boxes.table import Boxes, iou


def match(truth: Boxes, predictions: Boxes, thresholds=IOU_THRESHOLDS, plus_one: bool = False) -> Matches:
    levels = np.asarray(thresholds, np.float64)
    p, g, overlap = _pairs(truth, predictions, levels[0], plus_one)
    above = (overlap[:, None] > levels) @ np.left_shift(np.uint64(1), np.arange(len(levels), dtype=np.uint64))  # (P,)
    hit, decided = np.zeros((2, len(predictions)), np.uint64)
    found = np.zeros(len(truth), np.uint64)
    for rows in _rounds(predictions.frame[p]):
        free = ~(decided[p[rows]] | found[g[rows]])
        hit[p[rows]] |= free & above[rows]
        found[g[rows]] |= free & above[rows]
        decided[p[rows]] |= free
    return Matches(hit, found, levels)


def _pairs(truth: Boxes, predictions: Boxes, lowest: float, plus_one: bool) -> tuple[np.ndarray, ...]:
    """Rows p, g and IoU (P,) of pairs above the lowest threshold, in the order in which they are decided:
    by frame, then descending score of the prediction, then descending IoU."""
    order, true_order = predictions.order(), np.argsort(truth.frame, kind="stable")
    frames, true_frames = predictions.frame[order], truth.frame[true_order]
    first, stop = (np.searchsorted(true_frames, frames, side) for side in ("left", "right"))
    count = stop - first
    rank = np.repeat(np.arange(len(order)), count)
    within = np.arange(len(rank)) - np.repeat(np.cumsum(count) - count, count)
    p, g = order[rank], true_order[first[rank] + within]
    overlap = iou(truth.xyxy[g], predictions.xyxy[p], plus_one)
    rows = np.flatnonzero((overlap > lowest) & (truth.label[g] == predictions.label[p]))
    rows = rows[np.lexsort((-overlap[rows], rank[rows]))]
    return p[rows], g[rows], overlap[rows]


def _rounds(frame: np.ndarray) -> list[np.ndarray]:
    """Row numbers of each frame's first pair, then of each frame's second, ...; frame (P,) ascends.

    No frame comes twice in a round, so a round can be decided at once.
    """
    nth = np.arange(len(frame)) - np.searchsorted(frame, frame, "left")
    return np.split(np.argsort(nth, kind="stable"), np.cumsum(np.bincount(nth))[:-1]) if len(frame) else []
