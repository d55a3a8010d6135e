"""A set of predicted masks on one card: the mean Dice over pairs of image and class, and its parts.

The score of "Understanding Clouds from Satellite Images": Dice = 2|A and B| / (|A| + |B|) of each pair,
1 where both masks are empty, averaged over all pairs. So a set of empty masks already scores the share
of pairs that have none, and every figure stands beside that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from kaggle_utils.evidence.card import FigureCard
from kaggle_utils.masks.dice import dice_counts, dice_from_counts
from kaggle_utils.masks.rle import mask_from_rle


@dataclass(frozen=True)
class MaskScorecard(FigureCard):
    """Mean Dice over pairs of image and class; NaN where there are no pairs.

    dice: of all pairs; by_class: {class: mean Dice}; all_empty: what empty masks would score on them
    pairs: how many; truths, predictions: how many of them are not empty
    """

    dice: float
    by_class: dict[str, float]
    all_empty: float
    pairs: int
    truths: int
    predictions: int

    @property
    def short(self) -> str:
        """The figure, and what empty masks would score."""
        return f"{self.dice:.4f}; all empty {self.all_empty:.4f}"

    def __str__(self) -> str:
        counts = f"{self.pairs} pairs, {self.truths} true masks, {self.predictions} predicted"
        classes = ", ".join(f"{name} {value:.4f}" for name, value in self.by_class.items())
        return f"Dice {self.dice:.4f} ({counts}; all empty {self.all_empty:.4f}): {classes}"


def mask_scorecard(
    truth: np.ndarray,
    predictions: np.ndarray,
    classes: Sequence[str],
    shape: tuple[int, int],
    truth_shape: tuple[int, int] | None = None,
) -> MaskScorecard:
    """Scores (N, K) run lengths, a column a class, against true ones.

    shape: (height, width) of the predicted masks, which is where they are compared
    truth_shape: of the true ones where it is another; they are resized
    Raises ValueError naming the row and class of a text that does not hold run lengths of its shape.

    >>> truth = np.array([["1 4", ""]], dtype=object)
    >>> print(mask_scorecard(truth, np.array([["3 4", "9 9"]], dtype=object), ["Fish", "Sugar"], (5, 5)))
    Dice 0.2500 (2 pairs, 1 true masks, 2 predicted; all empty 0.5000): Fish 0.5000, Sugar 0.0000
    """
    names = [f"of row {row}, {name}" for row in range(len(truth)) for name in classes]
    pairs = zip(truth.ravel(), predictions.ravel(), names, strict=True)
    values = np.array([_dice(*pair, truth_shape or shape, shape) for pair in pairs]).reshape(-1, len(classes))
    n, true, predicted = values.size, *(int((texts != "").sum()) for texts in (truth, predictions))
    if not n:
        return MaskScorecard(np.nan, dict.fromkeys(classes, np.nan), np.nan, 0, 0, 0)
    by_class = dict(zip(classes, values.mean(0).tolist(), strict=True))
    return MaskScorecard(float(values.mean()), by_class, 1 - true / n, n, true, predicted)


def _dice(true: str, predicted: str, name: str, true_shape: tuple[int, int], shape: tuple[int, int]) -> float:
    a = resized_mask(_decoded(true, true_shape, f"truth {name}"), shape)
    return float(dice_from_counts(dice_counts(_decoded(predicted, shape, f"prediction {name}"), a)))


def _decoded(text: str, shape: tuple[int, int], name: str) -> np.ndarray:
    try:
        return mask_from_rle(text, shape)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def resized_mask(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(H, W) mask at another (height, width), bool: a pixel is in when at least half of it is.

    >>> resized_mask(np.array([[1, 1, 0, 0], [1, 1, 1, 0]]), (1, 2)).tolist()
    [[True, False]]
    """
    if mask.shape == tuple(shape):
        return mask.astype(bool)
    how = cv2.INTER_AREA if mask.shape[0] > shape[0] else cv2.INTER_LINEAR
    return cv2.resize(255 * (mask != 0).astype(np.uint8), tuple(shape)[::-1], interpolation=how) > 127
