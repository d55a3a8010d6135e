"""Sums of Dice over small maps at every level and least size, compiled: what a search over ensembles asks for.

Arguments that both have:

truths: (N, C, P) uint8, 0 or 1; fold: (N,) int64, 0 to G - 1
levels: (L,) uint8; least: (S,) float64, pixels a mask must have, else it is empty
pooled: whether one Dice is taken of all images' pixels together
first, last: the images first to last (not included) are looked at; other threads may look at others
Both return (K, G, C, L, S, 2) float64, whose ratio is the score: the sum of the images' Dice and how many there are;
pooled, the sums of the pixels in common, doubled, and of those of both masks.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_HALF = np.float32(0.5)


@njit(cache=True, nogil=True)
def dice_of_means(
    members: np.ndarray,
    weights: np.ndarray,
    truths: np.ndarray,
    fold: np.ndarray,
    folds: int,
    levels: np.ndarray,
    least: np.ndarray,
    pooled: bool,
    first: int,
    last: int,
) -> np.ndarray:
    """Of K means of M members; members: (N, M, C, P) uint8; weights: (K, M) float32, rows summing to 1."""
    n_classes, n_pixels = truths.shape[1:]
    sums = np.zeros((len(weights), folds, n_classes, len(levels), len(least), 2))
    mean, values = np.empty(n_pixels, np.float32), np.empty(n_pixels, np.uint8)
    for i in range(first, last):
        for c in range(n_classes):
            for k in range(len(weights)):
                mean[:] = _HALF
                for m in range(weights.shape[1]):
                    if weights[k, m] > 0:
                        one, weight = members[i, m, c], weights[k, m]
                        for p in range(n_pixels):
                            mean[p] += np.float32(one[p]) * weight
                for p in range(n_pixels):
                    values[p] = np.uint8(np.int32(mean[p]))
                _add_dice(values, truths[i, c], levels, least, pooled, sums[k, fold[i], c])
    return sums


@njit(cache=True, nogil=True)
def dice_of_maps(
    maps: np.ndarray,
    truths: np.ndarray,
    fold: np.ndarray,
    folds: int,
    levels: np.ndarray,
    least: np.ndarray,
    pooled: bool,
    first: int,
    last: int,
) -> np.ndarray:
    """Of K maps as they are; maps: (last - first, K, C, P) uint8, those of image first come first."""
    n_classes = truths.shape[1]
    sums = np.zeros((maps.shape[1], folds, n_classes, len(levels), len(least), 2))
    for i in range(first, last):
        for k in range(maps.shape[1]):
            for c in range(n_classes):
                _add_dice(maps[i - first, k, c], truths[i, c], levels, least, pooled, sums[k, fold[i], c])
    return sums


@njit(cache=True, nogil=True)
def _add_dice(
    values: np.ndarray, truth: np.ndarray, levels: np.ndarray, least: np.ndarray, pooled: bool, sums: np.ndarray
) -> None:
    """Adds to sums (L, S, 2) what one map is worth."""
    counts = np.zeros((2, 256), np.int64)
    for p in range(len(values)):
        counts[truth[p], values[p]] += 1
    true = counts[1].sum()
    for number in range(len(levels)):
        common = counts[1, levels[number] :].sum()
        pixels = common + counts[0, levels[number] :].sum()
        for s in range(len(least)):
            above, below = (2.0 * common, float(pixels + true)) if pixels >= least[s] else (0.0, float(true))
            if not pooled:
                above, below = above / below if below > 0 else 1.0, 1.0
            sums[number, s, 0] += above
            sums[number, s, 1] += below
