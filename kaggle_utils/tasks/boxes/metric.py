"""The metric that a detector is selected by."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kaggle_utils.boxes.f2 import f2_curve
from kaggle_utils.boxes.matching import IOU_THRESHOLDS
from kaggle_utils.boxes.table import Boxes

__all__ = ["BestF2"]


@dataclass(frozen=True)
class BestF2:
    """F2 over boxes at the cut that gives the most; thresholds: of IoU.

    >>> BestF2()(Boxes([0], [[0, 0, 9, 9]]), Boxes([0, 1], [[0, 0, 9, 9]] * 2, [0.7, 0.2]))
    {'f2': 1.0, 'cut': 0.7}
    """

    thresholds: tuple[float, ...] = IOU_THRESHOLDS

    def __call__(self, truth: Boxes, predictions: Boxes) -> dict[str, float]:
        """``f2`` and its ``cut``; 0 and NaN where nothing is predicted."""
        cut, value = f2_curve(truth, predictions, thresholds=self.thresholds).best if len(predictions) else (math.nan, 0.0)
        return {"f2": value, "cut": cut}
