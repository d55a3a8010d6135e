"""Thresholds on labels, compiled: the sum of F-betas at every single one, and the best of one label after another."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def totals_along(order: np.ndarray, truth: np.ndarray, weights: np.ndarray, beta: float) -> np.ndarray:
    """(R C,) float64: the weighted sum of the rows' F-beta when the first 1, 2, ... entries in order are predicted.

    order: (R C,) int64, entries of truth as if it were flat; truth: (R, C) bool; weights: (R,)
    """
    true, common, predicted = np.zeros(len(truth)), np.zeros(len(truth)), np.zeros(len(truth))
    for row in range(len(truth)):
        for column in range(truth.shape[1]):
            true[row] += truth[row, column]
    totals, total, b2 = np.empty(len(order)), 0.0, beta * beta
    for i in range(len(order)):
        row, column = order[i] // truth.shape[1], order[i] % truth.shape[1]
        total += _gain(truth[row, column], common[row], b2 * true[row] + predicted[row]) * weights[row]
        common[row] += truth[row, column]
        predicted[row] += 1
        totals[i] = total * (1 + b2)
    return totals


@njit(cache=True, nogil=True)
def _gain(hit: bool, common: float, below: float) -> float:
    """What one more predicted label adds to common / below, which is F-beta / (1 + beta^2)."""
    return (common + hit) / (below + 1) - (common / below if common > 0 else 0.0)


@njit(cache=True, nogil=True)
def ascend(order: np.ndarray, ends: np.ndarray, truth: np.ndarray, kept: np.ndarray, beta: float, tie: float) -> np.ndarray:
    """(L,) int64: how many rows each label is given to, where no other number is better for it by more than tie.

    order: (L, N) int64, the rows by falling probability of each label; ends: (L, N) bool, whether a threshold can fall
    behind a row; truth: (L, N) bool; kept: (L,) int64, where the ascent begins
    """
    b2, kept = beta * beta, kept.copy()
    true, common, predicted = np.zeros(order.shape[1]), np.zeros(order.shape[1]), np.zeros(order.shape[1])
    for label in range(len(order)):
        for row in range(order.shape[1]):
            true[row] += truth[label, row]
        _give(order[label], truth[label], kept[label], 1, common, predicted)
    unchanged, label = 0, 0
    while unchanged < len(order):
        _give(order[label], truth[label], kept[label], -1, common, predicted)
        total, now, best, best_kept = 0.0, 0.0, 0.0, 0
        for k in range(order.shape[1]):
            row = order[label, k]
            total += _gain(truth[label, row], common[row], b2 * true[row] + predicted[row])
            if k + 1 == kept[label]:
                now = total
            if ends[label, k] and total > best + tie:
                best, best_kept = total, k + 1
        unchanged += 1
        if best > now + tie:
            kept[label], unchanged = best_kept, 1
        _give(order[label], truth[label], kept[label], 1, common, predicted)
        label = (label + 1) % len(order)
    return kept


@njit(cache=True, nogil=True)
def _give(order: np.ndarray, truth: np.ndarray, kept: int, sign: int, common: np.ndarray, predicted: np.ndarray) -> None:
    """Adds a label to its first rows, or takes it from them."""
    for k in range(kept):
        row = order[k]
        predicted[row] += sign
        common[row] += sign * truth[row]
