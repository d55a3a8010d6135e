"""A set of predicted masks on one card: one Dice over all pixels of all items, and what it is made of.

The score of "Google Research - Identify Contrails": 2|A and B| / (|A| + |B|), counted over everything. An item without a mask
is worth nothing by itself; what is found in it by mistake costs as much as anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from kaggle_utils.evidence.card import FigureCard
from kaggle_utils.masks.dice import dice_counts, global_dice


@dataclass(frozen=True)
class PixelScorecard(FigureCard):
    """The Dice of all pixels together; NaN where no pixel is true and none is predicted.

    items, truths, predictions: how many, and how many of them have a mask
    common, predicted, true: pixels; pixels: of all items
    """

    dice: float
    items: int
    truths: int
    predictions: int
    common: int
    predicted: int
    true: int
    pixels: int

    @property
    def short(self) -> str:
        """The figure, and what masks of every pixel would score."""
        return f"{self.dice:.4f}; all full {self.all_full:.4f}"

    @property
    def all_full(self) -> float:
        """What masks of every pixel would score."""
        return 2 * self.true / max(1, self.true + self.pixels)

    def __str__(self) -> str:
        counts = f"{self.items} items, {self.truths} true masks, {self.predictions} predicted; all full {self.all_full:.4f}"
        return f"Dice {self.dice:.4f} ({counts}): {self.true} pixels true, {self.predicted} predicted, {self.common} both"


def pixel_scorecard(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> PixelScorecard:
    """pairs: (prediction, truth) of each item, of one shape, any value but 0 belongs to the mask; one pair is held at a time.

    >>> print(pixel_scorecard([(np.array([[1, 1, 0]]), np.array([[1, 0, 0]])), (np.zeros((1, 3)), np.zeros((1, 3)))]))
    Dice 0.6667 (2 items, 1 true masks, 1 predicted; all full 0.2857): 1 pixels true, 2 predicted, 1 both
    """
    counts, pixels = [np.zeros(3, np.int64)], 0
    for prediction, truth in pairs:
        counts.append(dice_counts(prediction, truth))
        pixels += np.size(truth)
    common, predicted, true = map(int, np.sum(counts, axis=0))
    _, predictions, truths = map(int, np.count_nonzero(counts, axis=0))
    return PixelScorecard(global_dice(counts), len(counts) - 1, truths, predictions, common, predicted, true, pixels)
