"""Histograms of 8-bit maps inside and outside of a mask, compiled: a pass over the pixels for all 256 levels."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def joint_histogram(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(2, 256) int64: pixels outside and inside of the mask that have each value; values, inside: (P,) uint8, 0: outside."""
    counts = np.zeros((4, 512), np.int64)  # four tables, for a pixel would wait for its neighbour of the same value
    whole = len(values) // 4 * 4
    for p in range(0, whole, 4):
        for k in range(4):
            counts[k, np.intp(values[p + k]) + (256 if inside[p + k] else 0)] += 1
    for p in range(whole, len(values)):
        counts[0, np.intp(values[p]) + (256 if inside[p] else 0)] += 1
    return counts.sum(0).reshape(2, 256)
