"""One Dice of all pixels of all records: its curve over the levels, and the level and gate that are best together.

*Google Research - Identify Contrails* is scored so. A record without a mask may still cost: whatever is drawn in it is
below the line. So a gate (draw nothing where a classifier, or the mean of a record's highest pixels, does not believe in a
mask) and the level that draws the rest are looked for together. Components of a least size and several classes are the
search's (:mod:`kaggle_utils.masks.search`, with ``pooled`` statistics).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from kaggle_utils.masks.dice import LEVELS, dice_from_counts, dice_table

_AT_ONCE = 2048  # records whose tables are summed together: 12 MB


def global_curve(probabilities: Iterable[np.ndarray], truths: Iterable[np.ndarray]) -> np.ndarray:
    """(256, 3) int64: pixels in common, predicted and true of all records, predicting pixels of at least level 0, 1, ... 255.

    probabilities: N times (H, W) uint8, an array, a memory map or one by one, for memory does not grow with N
    truths: N times (H, W), any value but 0 belongs to the mask; ValueError where they are not as many

    >>> curve = global_curve([np.array([[255, 128, 3]], np.uint8)], [np.array([[1, 0, 1]])])
    >>> curve[[0, 4]].tolist()
    [[2, 3, 2], [1, 2, 2]]
    """
    curve = np.zeros((LEVELS, 3), np.int64)
    for one, truth in zip(probabilities, truths, strict=True):
        curve += dice_table(one, truth)
    return curve


def best_level_and_gate(tables: np.ndarray, scores: np.ndarray) -> tuple[int, float, float]:
    """(level, gate, Dice): drawing pixels from this level, in records of at least this score, no Dice is higher.

    tables: (N, 256, 3) of :func:`kaggle_utils.masks.dice.dice_table`, a record each
    scores: (N,) what the gate looks at, the higher the surer; the gate is infinite where nothing at all is best
    Of equals the fewest records are drawn in, then the lowest level. ValueError for shapes that differ.

    >>> tables = dice_table(np.array([[[255, 9]], [[255, 0]]], np.uint8), np.array([[[1, 1]], [[0, 0]]]))
    >>> best_level_and_gate(tables, np.array([0.8, 0.1]))
    (1, 0.8, 1.0)
    """
    tables, scores = np.asarray(tables), np.asarray(scores, np.float64)
    if tables.shape != (len(scores), LEVELS, 3):
        raise ValueError(f"tables have shape {tables.shape}, expected ({len(scores)}, {LEVELS}, 3): a table for each score")
    order, true = np.argsort(-scores, kind="stable"), tables[:, 0, 2].sum()
    best, sums = (0.0, 1, np.inf), np.zeros((LEVELS, 2), np.int64)
    last = np.append(scores[order][1:] != scores[order][:-1], True)[: len(order)]  # records of one score come together
    for start in range(0, len(order), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        summed = sums + tables[order[some], :, :2].cumsum(0)  # (n, 256, 2)
        dice = dice_from_counts(np.stack([*np.moveaxis(summed, -1, 0), np.full(summed.shape[:2], true)], -1), empty=0.0)
        dice[~last[some]], dice[:, 0] = -1, -1
        record, level = np.unravel_index(dice.argmax(), dice.shape)
        if dice[record, level] > best[0]:
            best = float(dice[record, level]), int(level), float(scores[order[some]][record])
        sums = summed[-1]
    return best[1], best[2], best[0]
