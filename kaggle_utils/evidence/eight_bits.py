"""Probabilities as 8 bit: a quarter of the memory and of the disk of float32, and what the rounding costs in score."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def as_bytes(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities 0 to 1 -> uint8 0 to 255, rounded. Raises ValueError for others and for NaN.

    >>> as_bytes(np.array([0.0, 0.5, 1.0])).tolist()
    [0, 128, 255]
    """
    low, high = (probabilities.min(), probabilities.max()) if probabilities.size else (0, 0)
    if not (low >= 0 and high <= 1):
        raise ValueError(f"probabilities run from {low} to {high}, expected 0 to 1 without NaN")
    return (probabilities * 255 + 0.5).astype(np.uint8)


def from_bytes(values: np.ndarray) -> np.ndarray:
    """The inverse of :func:`as_bytes` in float32, off by 1/510 at most.

    >>> from_bytes(np.array([0, 51, 255], np.uint8)).round(6).tolist()
    [0.0, 0.20000000298023224, 1.0]
    """
    return values.astype(np.float32) / np.float32(255)


def eight_bit_cost(probabilities: np.ndarray, score: Callable[[np.ndarray], float]) -> float:
    """What a score of probabilities loses when they have been through 8 bits; below 0 where it gains.

    >>> eight_bit_cost(np.array([0.5, 0.9]), lambda p: float((p > 0.5).mean()))  # .5 becomes 128/255, above .5
    -0.5
    """
    return score(probabilities) - score(from_bytes(as_bytes(probabilities)))
