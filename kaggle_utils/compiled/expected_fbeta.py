"""The label set with the highest expected F-beta, compiled, for rows of independent labels.

The best set of k labels are the k most probable ones (Lewis, "Evaluating and optimizing autonomous text
classification systems", SIGIR 1995), so there are L + 1 sets to compare. Of each, how many of its labels are true
and how many of the others are two independent sums of unlike coins (Poisson-binomial), and the expectation is a sum over
both: Ye, Chai, Lee and Chieu, "Optimizing F-measures: a tale of two approaches" (ICML 2012); Jansche, "A maximum
expected utility framework for binary sequence labeling" (ACL 2007). L^3 / 6 additions a row.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def best_sizes(probability: np.ndarray, beta: float, tie: float) -> np.ndarray:
    """(N,) int64: how many of each row's most probable labels to give; of equal expectations the fewest.

    probability: (N, L) float64, 0 to 1, each row falling
    """
    n_labels, b2 = probability.shape[1], beta * beta
    sizes = np.zeros(len(probability), np.int64)
    given, left = np.zeros(n_labels + 1), np.zeros((n_labels + 1, n_labels + 1))
    for row in range(len(probability)):
        _true_among_the_rest(probability[row], left)
        for m in range(n_labels + 1):
            given[m] = m == 0
        best = 0.0
        for size in range(1, n_labels + 1):
            _one_more(given, probability[row, size - 1], size)
            expected = 0.0
            for hits in range(1, size + 1):
                inner = 0.0
                for others in range(n_labels - size + 1):
                    inner += left[size, others] / (size + b2 * (hits + others))
                expected += given[hits] * hits * inner
            if expected > best + tie:
                best, sizes[row] = expected, size
    return sizes


@njit(cache=True, nogil=True)
def _true_among_the_rest(probability: np.ndarray, left: np.ndarray) -> None:
    """left[k, m]: the probability that m of the labels from number k on are true; (L + 1, L + 1), filled in place."""
    n_labels = len(probability)
    for m in range(n_labels + 1):
        left[n_labels, m] = m == 0
    for k in range(n_labels - 1, -1, -1):
        for m in range(n_labels + 1):
            left[k, m] = left[k + 1, m]
        _one_more(left[k], probability[k], n_labels - k)


@njit(cache=True, nogil=True)
def _one_more(counts: np.ndarray, probability: float, most: int) -> None:
    """From the distribution of how many are true to that with one more label; most: how many there are then."""
    for m in range(most, 0, -1):
        counts[m] = counts[m] * (1 - probability) + counts[m - 1] * probability
    counts[0] *= 1 - probability
