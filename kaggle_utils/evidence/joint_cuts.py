"""Two cuts at once: which lowest value and which lowest score keep the rows that are worth the most.

A mask is kept where enough of its pixels are sure *and* where a classifier believes in it. Which size is
best depends on the gate and the other way round; fitted one after the other, the second finds little left
to do. Here both are found together and exactly: rows come in by falling score, one gate after another,
and a tree over the values knows after each row the best sum above any cut. With n rows that takes
n log n steps, where trying every pair of cuts takes n^3.

The tree is in :mod:`kaggle_utils.compiled.joint_cuts`.
"""

from __future__ import annotations

import numpy as np

from kaggle_utils.evidence.crossfit import TIE


def best_cuts(values: np.ndarray, scores: np.ndarray | None, gains: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """totals, cuts and gates, (D,) each: the gains of rows with value >= cut and score >= gate sum to the highest total.

    values: (n,) 0 or more, fastest in ascending order; scores: (n,) 0 or more, fastest as uint16, None: every gate is 0
    gains: (n, D) what keeping a row is worth in each of D settings, below 0 where it costs
    A cut is the lowest value that is kept, 0 where all are, above the highest where none is. Of equal totals
    the lowest gate is taken, then the lowest cut. Raises ValueError for shapes that differ.

    >>> values, scores = np.array([5, 9, 7]), np.array([0.2, 0.4, 0.9])
    >>> best_cuts(values, scores, np.array([[1.0], [-2.0], [3.0]]))  # with the first would come the second
    (array([3.]), array([0]), array([0.9]))
    """
    gains = np.asarray(gains, np.float64)
    if gains.ndim != 2 or not len(values) == len(gains) == len(gains if scores is None else scores):
        raise ValueError(f"there are {len(values)} values and gains of shape {gains.shape}, expected (n, D) and n scores")
    values = np.asarray(values)
    order = np.argsort(values, kind="stable")  # takes no time where they are in order
    values, gains = values[order], gains[order]
    if scores is None or not len(gains):
        return *_best_values(values, gains), np.zeros(gains.shape[1])
    scores = np.asarray(scores)[order]
    gates = _best_gates(values, scores, gains)
    return *_best_values(values, np.where(scores[:, None] >= gates, gains, 0.0)), gates


def _best_values(values: np.ndarray, gains: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """totals (D,) and cuts (D,), whatever the scores; values: ascending."""
    lost = np.cumsum(gains, axis=0)
    last = np.append(values[1:] != values[:-1], True)[: len(values)]  # of the rows with its value
    totals = gains.sum(0) - np.vstack([np.zeros((1, gains.shape[1])), lost[last]])
    cuts = np.concatenate([[0], values[1:][last[:-1]], values[-1:] + 1])
    best = np.argmax(totals >= totals.max(0) - TIE, axis=0)
    return totals[best, np.arange(len(best))], cuts[best]


def _best_gates(values: np.ndarray, scores: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """(D,) the lowest score that is kept, 0 where all are; values: ascending."""
    from kaggle_utils.compiled.joint_cuts import highest_above

    place = np.cumsum(np.append(False, values[1:] != values[:-1]))
    order = np.argsort(scores.max() - scores if scores.dtype.kind == "u" else -scores, kind="stable")
    scores = scores[order]
    last = np.append(scores[1:] != scores[:-1], True)  # of the rows with its score
    totals = highest_above(place[order], np.ascontiguousarray(gains[order].T), int(place[-1]) + 1)[:, last]
    reached = totals >= totals.max(1, keepdims=True) - TIE
    gates = np.append(scores[last][:-1], 0)
    return gates[::-1][np.argmax(reached[:, ::-1], axis=1)]
