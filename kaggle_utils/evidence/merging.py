"""Several probabilities for the same place made one: means, their sharpened and geometric kin, the maximum.

Used alike for the views of one image, several models and several input sizes (the clouds diary's
"image pyramid"). NumPy arrays and torch tensors are both taken, and neither is converted.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import prod
from typing import TypeVar

import numpy as np

from kaggle_utils.evidence.eight_bits import from_bytes

Array = TypeVar("Array")  # numpy.ndarray or torch.Tensor

HOW = ("mean", "geometric", "sharpened", "maximum")


def merged(
    answers: Sequence[Array], weights: Sequence[float] | None = None, how: str = "mean", temperature: float = 0.5
) -> Array:
    """Probabilities of one shape, merged place by place.

    weights: one an answer, 0 or more, default all 1; the maximum knows none
    how: mean, geometric (mean), sharpened (mean of :func:`sharpened`, the clouds diary's) or maximum
    Raises ValueError for another name, no answers, or weights that do not fit.

    >>> answers = [np.array([0.2, 0.9]), np.array([0.8, 0.9])]
    >>> [merged(answers, how=how).round(2).tolist() for how in HOW]
    [[0.5, 0.9], [0.4, 0.9], [0.5, 0.99], [0.8, 0.9]]
    """
    shares = _shares(len(answers), weights, how)
    if how == "maximum":
        return reduce(lambda highest, answer: highest.clip(min=answer), answers)
    together = prod if how == "geometric" else sum
    return together(_part(*each, how, temperature) for each in zip(answers, shares, strict=True))


def _part(answer: Array, share: float, how: str, temperature: float) -> Array:
    """What one answer contributes: a factor of the geometric mean, a summand of the others."""
    if how == "geometric":
        return answer**share
    return (answer if how == "mean" else sharpened(answer, temperature)) * share


def merged_bytes(
    values: np.ndarray,
    members: Sequence[int],
    weights: Sequence[float] | None = None,
    how: str = "mean",
    temperature: float = 0.5,
) -> np.ndarray:
    """(...) uint8: :func:`merged` of probabilities that are kept as bytes, to the bit, several times as fast.

    values: (M, ...) uint8; members: which of the M are merged, in order; the rest as for :func:`merged`
    What a byte contributes to other means than the plain one is looked up, as there are 256 of them.

    >>> merged_bytes(np.array([[255, 0], [0, 0], [51, 51]], np.uint8), [0, 2])  # .6 and .1
    array([153,  26], dtype=uint8)
    """
    from kaggle_utils.compiled.byte_merging import bytes_by_tables, highest_bytes, mean_bytes

    shares, chosen, flat = _shares(len(members), weights, how), np.array(members), values.reshape(len(values), -1)
    if how == "maximum":
        found = highest_bytes(flat, chosen)
    elif how == "mean":
        found = mean_bytes(flat, chosen, np.array(shares, np.float32))
    else:
        known = from_bytes(np.arange(256, dtype=np.uint8))
        tables = np.stack([_part(known, share, how, temperature) for share in shares])
        found = bytes_by_tables(flat, chosen, tables, how == "geometric")
    return found.reshape(values.shape[1:])


def sharpened(probability: Array, temperature: float = 0.5) -> Array:
    """p^(1/T) / (p^(1/T) + (1 - p)^(1/T)): below T = 1 away from a half, above it towards it.

    Source: MixMatch (Berthelot et al. 2019), for two classes. The likelier of the two is raised as 1, so that a low T
    does not take both to 0.

    >>> sharpened(0.8, temperature=0.5)  # .64 / (.64 + .04)
    0.9411764705882353
    """
    likelier = abs(probability - 0.5) + 0.5
    true, false = (probability / likelier) ** (1 / temperature), ((1 - probability) / likelier) ** (1 / temperature)
    return true / (true + false)


def _shares(count: int, weights: Sequence[float] | None, how: str) -> list[float]:
    if how not in HOW:
        raise ValueError(f"how is {how!r}, expected one of {', '.join(HOW)}")
    if not count:
        raise ValueError("there are no answers to merge, expected at least one")
    if weights is None:
        return [1 / count] * count
    if how == "maximum":
        raise ValueError(f"weights are {list(weights)}, but the maximum knows none")
    if len(weights) != count or min(weights) < 0 or sum(weights) <= 0:
        raise ValueError(f"weights are {list(weights)}, expected {count} of 0 or more, not all 0")
    return [weight / sum(weights) for weight in weights]
