"""Which predicted box hits which true box, at many IoU thresholds in one pass.

The rule of the reef competition (and of COCO, but for "above" instead of "at least"): within a frame
predictions are visited by descending score, each takes the true box it overlaps most among those not
yet found, and it is a hit if that IoU is above the threshold. Each threshold is matched for itself.
A prediction can only take a true box of its own label; where there is one class, all labels are 0.

The organisers' IoU convention is not public: ``plus_one`` chooses between the plain one and the one
that counts a box from pixel 3 to pixel 3 as one pixel wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from kaggle_utils.boxes.table import Boxes

IOU_THRESHOLDS = (0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.65, 0.70, 0.75, 0.80)


@dataclass(frozen=True, eq=False)
class Matches:
    """Who hits and who is found, at each of T IoU thresholds, in the row order of the two tables.

    hit: (N,) uint64, bit t of row i is set where prediction i is a hit at thresholds[t]
    found: (M,) uint64, bit t of row j is set where true box j is found at thresholds[t]
    thresholds: (T,) float64
    """

    hit: np.ndarray
    found: np.ndarray
    thresholds: np.ndarray

    def unpack(self, bits: np.ndarray) -> np.ndarray:
        """(N,) bits, of hit or found or some rows of them -> (N, T) bool.

        >>> Matches(np.array([3], np.uint64), np.array([1, 2], np.uint64), np.array([0.3, 0.4])).hits
        array([[ True,  True]])
        """
        powers = np.left_shift(np.uint64(1), np.arange(len(self.thresholds), dtype=np.uint64))
        return (bits[:, None] & powers) > 0

    @property
    def hits(self) -> np.ndarray:
        """(N, T) bool, the predictions' bits as columns."""
        return self.unpack(self.hit)


def match(truth: Boxes, predictions: Boxes, thresholds: Sequence[float] = IOU_THRESHOLDS, plus_one: bool = False) -> Matches:
    """Greedy matching within each frame.

    thresholds: (T,) ascending, 0 <= t < 1, T at most 64; a hit lies strictly above
    plus_one: see :func:`kaggle_utils.boxes.table.iou`
    Equal scores go in the given order, equal IoUs to the earlier true box.

    >>> truth = Boxes([0], [[0, 0, 10, 10]])
    >>> predictions = Boxes([0, 0], [[0, 0, 10, 4.2], [0, 0, 10, 9]], score=[0.9, 0.8])
    >>> match(truth, predictions, thresholds=(0.3, 0.4, 0.5)).hits
    array([[ True,  True, False],
           [False, False,  True]])
    """
    from kaggle_utils.compiled.matching import match_frames, rows_by_frame
    from kaggle_utils.compiled.threads import side_by_side

    levels = _levels(thresholds)
    n_frames = 1 + max(boxes.frame.max(initial=-1) for boxes in (truth, predictions))
    hit, found = np.zeros(len(predictions), np.uint64), np.zeros(len(truth), np.uint64)
    true, predicted = ((*rows_by_frame(b.frame, n_frames), b.xyxy, b.label) for b in (truth, predictions))
    side_by_side(partial(match_frames, true, predicted, predictions.score, levels, float(plus_one), hit, found), predicted[0])
    return Matches(hit, found, levels)


def _levels(thresholds: Sequence[float]) -> np.ndarray:
    levels = np.asarray(thresholds, dtype=np.float64)
    fine = levels.ndim == 1 and 1 <= levels.size <= 64 and (np.diff(levels) > 0).all()
    if not (fine and levels[0] >= 0 and levels[-1] < 1):
        raise ValueError(f"IoU thresholds are {levels.tolist()}, expected 1 to 64 ascending numbers in 0 <= t < 1")
    return levels
