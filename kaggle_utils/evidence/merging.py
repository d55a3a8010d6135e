"""Several probabilities for the same place made one: means, their sharpened and geometric kin, the maximum.

Used alike for the views of one image, several models and several input sizes (the clouds diary's
"image pyramid"). NumPy arrays and torch tensors are both taken, and neither is converted.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import prod
from typing import TypeVar

Array = TypeVar("Array")  # numpy.ndarray or torch.Tensor

HOW = ("mean", "geometric", "sharpened", "maximum")


def merged(
    answers: Sequence[Array], weights: Sequence[float] | None = None, how: str = "mean", temperature: float = 0.5
) -> Array:
    """Probabilities of one shape, merged place by place.

    weights: one an answer, 0 or more, default all 1; the maximum knows none
    how: mean, geometric (mean), sharpened (mean of :func:`sharpened`, the clouds diary's) or maximum
    Raises ValueError for another name, no answers, or weights that do not fit.

    >>> import numpy as np
    >>> answers = [np.array([0.2, 0.9]), np.array([0.8, 0.9])]
    >>> [merged(answers, how=how).round(2).tolist() for how in HOW]
    [[0.5, 0.9], [0.4, 0.9], [0.5, 0.99], [0.8, 0.9]]
    """
    if how not in HOW:
        raise ValueError(f"how is {how!r}, expected one of {', '.join(HOW)}")
    shares = _shares(len(answers), weights, how)
    if how == "maximum":
        return reduce(lambda highest, answer: highest.clip(min=answer), answers)
    if how == "geometric":
        return prod(answer**share for answer, share in zip(answers, shares, strict=True))
    parts = answers if how == "mean" else [sharpened(answer, temperature) for answer in answers]
    return sum(part * share for part, share in zip(parts, shares, strict=True))


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
    if not count:
        raise ValueError("there are no answers to merge, expected at least one")
    if weights is None:
        return [1 / count] * count
    if how == "maximum":
        raise ValueError(f"weights are {list(weights)}, but the maximum knows none")
    if len(weights) != count or min(weights) < 0 or sum(weights) <= 0:
        raise ValueError(f"weights are {list(weights)}, expected {count} of 0 or more, not all 0")
    return [weight / sum(weights) for weight in weights]
