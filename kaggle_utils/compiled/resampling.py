"""Counts of resamples, compiled: how often each group was drawn, and what the drawn ones add up to."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def add_drawn(rows: np.ndarray, counts: np.ndarray, sums: np.ndarray) -> None:
    """Adds the counts of each resample's rows to its sums; equal columns of counts get equal sums, to the last bit.

    rows: (B, G) uint32, the groups that were drawn in each of B resamples; counts: (G, K) float64; sums: (B, K) float64
    """
    drawn = np.zeros((len(counts), len(rows)), np.uint32)
    for b in range(rows.shape[0]):
        for i in range(rows.shape[1]):
            drawn[rows[b, i], b] += 1
    for group in range(len(counts)):
        for b in range(len(rows)):
            for k in range(counts.shape[1]):
                sums[b, k] += drawn[group, b] * counts[group, k]
