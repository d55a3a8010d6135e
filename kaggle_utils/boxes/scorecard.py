"""A set of predictions on one card: the score, the best cut, and where the score comes from.

What ``kaggle-utils score`` prints and what the decision notebook compares: F2 over boxes (reef) with
all boxes as they are, then by IoU threshold, by video and by size of the box. A cut that is best on
these rows is no promise for others, so the two figures stand side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kaggle_utils.boxes.f2 import f2, f2_by_group, f2_by_iou, f2_by_size, f2_counts, f2_curve
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.evidence.card import FigureCard
from kaggle_utils.files import json_text


@dataclass(frozen=True)
class Scorecard(FigureCard):
    """F2 of a set of predictions and its parts; NaN where there is neither truth nor prediction.

    f2: with all boxes as they are, what the leaderboard would show
    best_cut, best_f2: the confidence below which boxes should go, and what that gives on these rows
    frames, truths, predictions: how many
    by_iou: {threshold: F2}; by_group: {video or sequence: F2}; by_size: {(low, high) pixels: F2}
    """

    f2: float
    best_cut: float
    best_f2: float
    frames: int
    truths: int
    predictions: int
    by_iou: dict[float, float]
    by_group: dict[object, float]
    by_size: dict[tuple[float, float], float]

    def to_json(self) -> str:
        """All numbers as one line of JSON; a size is named ``32-48``, NaN is null."""
        by_size = {f"{low:g}-{high:g}": value for (low, high), value in self.by_size.items()}
        return json_text(vars(self) | {"by_size": by_size})

    def __str__(self) -> str:
        counts = f"{self.frames} frames, {self.truths} true boxes, {self.predictions} predicted"
        return f"F2 {self.f2:.4f} ({counts}); {self.best_f2:.4f} with the cut {self.best_cut:.4g}"


def scorecard(truth: Boxes, predictions: Boxes, group_of_frame: np.ndarray, plus_one: bool = False) -> Scorecard:
    """F2 over IoU 0.30 to 0.80 with its breakdowns.

    group_of_frame: (n_frames,) the video, say, of each frame
    plus_one: whether a box of width w covers w + 1 pixels (:func:`kaggle_utils.boxes.matching.match`)

    >>> box = [[0, 0, 9, 9]]
    >>> print(scorecard(Boxes([0], box), Boxes([0, 1], box * 2, [0.9, 0.2]), group_of_frame=[0, 0]))
    F2 0.8333 (2 frames, 1 true boxes, 2 predicted); 1.0000 with the cut 0.9
    """
    pair, how = (truth, predictions), {"plus_one": plus_one}
    best_cut, best_f2 = f2_curve(*pair, **how).best
    return Scorecard(
        f2=f2(f2_counts(*pair, **how)),
        best_cut=best_cut,
        best_f2=best_f2,
        frames=len(group_of_frame),
        truths=len(truth),
        predictions=len(predictions),
        by_iou=f2_by_iou(*pair, **how),
        by_group=f2_by_group(*pair, group_of_frame, **how),
        by_size=f2_by_size(*pair, **how),
    )
