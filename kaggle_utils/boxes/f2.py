"""Counts first, score second: the competitions' metrics.

F2 over boxes (reef, "TensorFlow - Help Protect the Great Barrier Reef"): hits are counted over all
frames at each IoU threshold 0.30, 0.35, ... 0.80, each threshold has F2 = 5TP / (5TP + 4FN + FP), and
the score is the mean of the eleven. As TP + FN is the number of true boxes and TP + FP that of
predictions, whatever the threshold, F2 = 5TP / (4 truths + predictions): counts add up over frames,
videos and thresholds, and one matching pass gives the score at every confidence, because leaving out
the low-scored predictions does not change what the others hit.

A frame without true boxes adds its false positives at every threshold. (The implementation that
public notebooks copy from one another adds them at one of the eleven only.) A score of nothing, with
neither truth nor predictions, is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kaggle_utils.boxes.matching import IOU_THRESHOLDS, match
from kaggle_utils.boxes.table import Boxes


def f2_from_counts(tp: np.ndarray, truths: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """F2 = 5TP / (4 truths + predictions), elementwise on arrays that broadcast; 0/0 is NaN.

    tp: true positives, truths: TP + FN, predictions: TP + FP

    >>> f2_from_counts(np.array([3, 0]), np.array([4, 0]), np.array([5, 0]))
    array([0.71428571,        nan])
    """
    with np.errstate(invalid="ignore"):
        return np.divide(5.0 * np.asarray(tp), 4.0 * np.asarray(truths) + predictions)


@dataclass(frozen=True, eq=False)
class F2Counts:
    """What F2 over boxes is computed from; the counts of two sets of frames add up with ``+``.

    tp: (T,) hits at each IoU threshold; truths, predictions: how many boxes there are.
    For G groups at once tp is (G, T), truths and predictions are (G,).
    """

    tp: np.ndarray
    truths: np.ndarray | int
    predictions: np.ndarray | int

    def __add__(self, other: F2Counts) -> F2Counts:
        return F2Counts(self.tp + other.tp, self.truths + other.truths, self.predictions + other.predictions)


def f2_counts(truth: Boxes, predictions: Boxes, **how: Any) -> F2Counts:
    """The counts of all frames together.

    how: thresholds and plus_one, as for :func:`kaggle_utils.boxes.matching.match`

    >>> truth = Boxes([0], [[0, 0, 10, 10]])
    >>> f2_counts(truth, Boxes([0, 1], [[0, 0, 10, 4], [0, 0, 10, 10]]), thresholds=(0.3, 0.4))
    F2Counts(tp=array([1, 0]), truths=1, predictions=2)
    """
    matches = match(truth, predictions, **how)
    tp = [np.count_nonzero(matches.hit & np.uint64(1 << t)) for t in range(len(matches.thresholds))]
    return F2Counts(np.array(tp), len(truth), len(predictions))


def f2(counts: F2Counts) -> float | np.ndarray:
    """The competition's score: the mean over the thresholds of F2; (G,) for the counts of G groups.

    >>> round(f2(F2Counts(np.array([3, 2]), truths=4, predictions=5)), 4)  # (15 / 21 + 10 / 21) / 2
    0.5952
    """
    tp, n = counts.tp.sum(-1), counts.tp.shape[-1]
    value = f2_from_counts(tp, n * counts.truths, n * counts.predictions)
    return value if np.ndim(value) else float(value)


@dataclass(frozen=True, eq=False)
class F2Curve:
    """F2, precision and recall for every cut that makes a difference; boxes with score >= cut are kept.

    cut: (K,) float64, the distinct confidences, descending
    f2, precision, recall: (K,) float64; the latter two are pooled over the IoU thresholds
    truths: how many true boxes there are
    """

    cut: np.ndarray
    f2: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    truths: int

    @property
    def best(self) -> tuple[float, float]:
        """(cut, F2) of the best cut, of equals the highest; (0, F2 of nothing) if there is no box.

        >>> f2_curve(Boxes([0], [[0, 0, 9, 9]]), Boxes([0, 1], [[0, 0, 9, 9]] * 2, [0.7, 0.2])).best
        (0.7, 1.0)
        """
        if not len(self.cut):
            return 0.0, self._of_nothing
        row = int(np.argmax(self.f2))
        return float(self.cut[row]), float(self.f2[row])

    def at(self, cut: float) -> float:
        """F2 where boxes with score >= cut are kept, for any cut.

        >>> f2_curve(Boxes([0], [[0, 0, 9, 9]]), Boxes([0, 1], [[0, 0, 9, 9]] * 2, [0.7, 0.2])).at(0.1)
        0.8333333333333334
        """
        kept = int(np.searchsorted(-self.cut, -cut, "right"))
        return float(self.f2[kept - 1]) if kept else self._of_nothing

    @property
    def _of_nothing(self) -> float:
        return 0.0 if self.truths else float("nan")


def f2_curve(truth: Boxes, predictions: Boxes, **how: Any) -> F2Curve:
    """F2, precision and recall at every distinct confidence, from one matching pass.

    how: thresholds and plus_one, as for :func:`kaggle_utils.boxes.matching.match`

    >>> curve = f2_curve(Boxes([0], [[0, 0, 9, 9]]), Boxes([0, 1], [[0, 0, 9, 9]] * 2, [0.7, 0.2]))
    >>> curve.cut, curve.precision, curve.recall
    (array([0.7, 0.2]), array([1. , 0.5]), array([1., 1.]))
    """
    matches = match(truth, predictions, **how)
    n, order = len(matches.thresholds), np.argsort(-predictions.score)
    score = predictions.score[order]
    last = np.flatnonzero(np.append(score[1:] != score[:-1], True)[: len(score)])  # of equal scores
    tp = np.cumsum(np.bitwise_count(matches.hit[order]), dtype=np.int64)[last]
    truths, kept = n * len(truth), n * (last + 1)
    recall = tp / truths if truths else np.full(len(tp), np.nan)
    return F2Curve(score[last], f2_from_counts(tp, truths, kept), tp / kept, recall, len(truth))


def f2_by_iou(truth: Boxes, predictions: Boxes, **how: Any) -> dict[float, float]:
    """F2 at each IoU threshold; the score is their mean.

    >>> f2_by_iou(Boxes([0], [[0, 0, 10, 10]]), Boxes([0], [[0, 0, 10, 4]]), thresholds=(0.3, 0.4))
    {0.3: 1.0, 0.4: 0.0}
    """
    counts = f2_counts(truth, predictions, **how)
    values = f2_from_counts(counts.tp, counts.truths, counts.predictions)
    return dict(zip(how.get("thresholds", IOU_THRESHOLDS), values.tolist(), strict=True))


def f2_counts_by_group(truth: Boxes, predictions: Boxes, group_of_frame: np.ndarray, **how: Any) -> tuple[np.ndarray, F2Counts]:
    """Counts for each group of frames (video, sequence, fold): they sum up to those of the whole.

    group_of_frame: (n_frames,) numbers or texts, the group of each frame
    Returns the G groups, ascending, and counts of shape (G, T), (G,), (G,). Raises ValueError where a
    box lies in a frame that has no group.

    >>> truth = Boxes([0, 1], [[0, 0, 10, 10]] * 2)
    >>> groups, counts = f2_counts_by_group(truth, truth[:1], np.array(["a", "b"]), thresholds=(0.5,))
    >>> groups.tolist(), counts.tp.tolist(), f2(counts)
    (['a', 'b'], [[1], [0]], array([1., 0.]))
    """
    groups, number = np.unique(np.asarray(group_of_frame), return_inverse=True)
    of_truth, of_prediction = (number[_known(boxes, len(number)).frame] for boxes in (truth, predictions))
    tp = _tally(match(truth, predictions, **how).hits, of_prediction, len(groups))
    truths, predicted = (np.bincount(rows, minlength=len(groups)) for rows in (of_truth, of_prediction))
    return groups, F2Counts(tp, truths, predicted)


def _known(boxes: Boxes, n_frames: int) -> Boxes:
    if len(boxes) and boxes.frame.max() >= n_frames:
        raise ValueError(f"a box lies in frame {boxes.frame.max()}, but the groups of only {n_frames} frames are given")
    return boxes


def _tally(matched: np.ndarray, bin_of_row: np.ndarray, n_bins: int) -> np.ndarray:
    """(N, T) bool and the bin of each row (N,) -> (n_bins, T), how many of a bin are matched."""
    return np.stack([np.bincount(bin_of_row[rows], minlength=n_bins) for rows in matched.T], axis=1)


def f2_by_group(truth: Boxes, predictions: Boxes, group_of_frame: np.ndarray, **how: Any) -> dict[Any, float]:
    """F2 of each group of frames; arguments as for :func:`f2_counts_by_group`.

    >>> truth = Boxes([0, 1], [[0, 0, 10, 10]] * 2)
    >>> f2_by_group(truth, truth[:1], group_of_frame=np.array([7, 8]))
    {7: 1.0, 8: 0.0}
    """
    groups, counts = f2_counts_by_group(truth, predictions, group_of_frame, **how)
    return dict(zip(groups.tolist(), f2(counts).tolist(), strict=True))


def f2_by_size(
    truth: Boxes, predictions: Boxes, edges: Sequence[float] = (0, 32, 48, 64, np.inf), **how: Any
) -> dict[tuple[float, float], float]:
    """F2 of small and large boxes; size is the square root of the area, in pixels.

    All boxes are matched together. Hits and misses then count for the size of the true box, a false
    positive for its own size, so the counts of all sizes sum up to those of the whole.
    edges: (B + 1,) ascending; a bin holds low <= size < high, boxes beyond the outer edges count nowhere
    Returns {(low, high): F2}. The default splits the reef's true boxes about into quarters.

    >>> truth = Boxes([0, 0], [[0, 0, 10, 10], [100, 100, 150, 150]])
    >>> f2_by_size(truth, truth[:1], edges=(0, 32, np.inf))
    {(0.0, 32.0): 1.0, (32.0, inf): 0.0}
    """
    matches, n_bins = match(truth, predictions, **how), len(edges) - 1
    of_truth, of_prediction = (_size_bin(boxes, edges) for boxes in (truth, predictions))
    tp = _tally(matches.unpack(matches.found), of_truth, n_bins + 1)
    fp = _tally(~matches.hits, of_prediction, n_bins + 1)
    truths = np.bincount(of_truth, minlength=n_bins + 1)[:, None]
    values = f2_from_counts(tp, truths, tp + fp).mean(1)[:n_bins]
    return {(float(low), float(high)): float(f) for low, high, f in zip(edges, edges[1:], values, strict=False)}


def _size_bin(boxes: Boxes, edges: Sequence[float]) -> np.ndarray:
    """(N,) int64: the bin of each box by the root of its area, or the number of bins if it is in none."""
    size = np.sqrt((boxes.xyxy[:, 2:] - boxes.xyxy[:, :2]).prod(1))
    number = np.searchsorted(edges, size, "right") - 1
    return np.where(number < 0, len(edges) - 1, number)
