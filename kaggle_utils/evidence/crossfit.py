"""The best operating point, found exactly, and what it is worth on rows it was not fitted on.

A threshold that is chosen on the rows it is then scored on flatters itself, the more so the more
thresholds there are (17 of them on the Amazon labels: .9209 on their own rows, .9174 on others, where
a single one has .919). So every fit here comes with its cross-fitted figure: fitted on all folds but
one, judged on that one, counts added up over the folds, scored once.

:func:`cross_fit` does this for any decision and any metric made of counts; F2 over boxes (reef) is the
first to use it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from kaggle_utils.boxes.f2 import f2, f2_counts, f2_curve
from kaggle_utils.boxes.table import Boxes

__all__ = ["TIE", "CrossFit", "best_cut", "cross_fit", "cross_fitted_f2", "first_of_best"]

TIE = 1e-9  # scores and sums of scores that differ by less are equal


@dataclass(frozen=True)
class CrossFit:
    """A decision with its flattering and its honest score.

    decision: fitted on all rows; fitted: its score on the same rows
    decisions: for each fold the decision fitted on the other folds
    cross_fitted: the score where each fold is judged by the decision that has not seen it
    """

    decision: Any
    fitted: float
    decisions: dict[Any, Any]
    cross_fitted: float

    def __str__(self) -> str:
        """
        >>> print(CrossFit(0.31, 0.7123, {0: 0.28, 1: 0.35}, 0.7051))
        0.7051 cross-fitted over 2 folds (0.28, 0.35), 0.7123 on the rows it was fitted on (0.31)
        """
        each = ", ".join(_short(decision) for decision in self.decisions.values())
        return (
            f"{self.cross_fitted:.4f} cross-fitted over {len(self.decisions)} folds ({each}), "
            f"{self.fitted:.4f} on the rows it was fitted on ({_short(self.decision)})"
        )


def _short(decision: Any) -> str:
    return f"{decision:.3g}" if isinstance(decision, float) else str(decision)


def cross_fit(
    fold_of_row: np.ndarray,
    fit: Callable[[np.ndarray], Any],
    judge: Callable[[np.ndarray, Any], Any],
    score: Callable[[Any], float],
) -> CrossFit:
    """Fits a decision on the folds but one, judges it on that one, and scores the sum of the counts.

    fold_of_row: (N,) the fold of each row (frame, image); at least two folds, else ValueError
    fit: (N,) bool of the rows to fit on -> decision
    judge: (N,) bool of the rows to judge, decision -> counts that add up with ``+``
    score: counts -> score

    >>> values, folds = np.array([1.0, 3.0, 8.0]), np.array([0, 0, 1])  # the decision is a mean
    >>> error = lambda rows, mean: np.abs(values[rows] - mean).sum()
    >>> cross_fit(folds, fit=lambda rows: float(values[rows].mean()), judge=error, score=lambda total: total / 3)
    CrossFit(decision=4.0, fitted=2.6666666666666665, decisions={0: 8.0, 1: 2.0}, cross_fitted=6.0)
    """
    fold_of_row = np.asarray(fold_of_row)
    folds = np.unique(fold_of_row).tolist()
    if len(folds) < 2:
        raise ValueError(f"the rows lie in the folds {folds}, expected at least two folds")
    everything = np.ones(len(fold_of_row), bool)
    decision = fit(everything)
    decisions = {fold: fit(fold_of_row != fold) for fold in folds}
    counts = reduce(add, (judge(fold_of_row == fold, decisions[fold]) for fold in folds))
    fitted = score(judge(everything, decision))
    return CrossFit(decision, float(fitted), decisions, float(score(counts)))


def first_of_best(scores: Sequence[float]) -> int:
    """The place of the highest score; of those equal to it the first.

    >>> first_of_best([0.5, 0.7, 0.7 + 1e-12])
    1
    """
    scores = np.asarray(scores, np.float64)
    return int(np.argmax(scores >= scores.max() - TIE))


def best_cut(truth: Boxes, predictions: Boxes, **how: Any) -> tuple[float, float]:
    """(cut, F2): keeping boxes with score >= cut gives the highest F2; of equal cuts the highest.

    how: thresholds, plus_one and engine, as for :func:`kaggle_utils.boxes.matching.match`

    >>> best_cut(Boxes([0], [[0, 0, 9, 9]]), Boxes([0, 1], [[0, 0, 9, 9]] * 2, [0.7, 0.2]))
    (0.7, 1.0)
    """
    return f2_curve(truth, predictions, **how).best


def cross_fitted_f2(truth: Boxes, predictions: Boxes, fold_of_frame: np.ndarray, **how: Any) -> CrossFit:
    """The best cut and F2 on all frames, and F2 with each fold cut where the others have their best.

    fold_of_frame: (n_frames,) the fold of each frame; how: as for :func:`best_cut`

    >>> truth = Boxes([0, 1], [[0, 0, 9, 9]] * 2)
    >>> predictions = Boxes([0, 0, 1], [[0, 0, 9, 9], [50, 50, 59, 59], [0, 0, 9, 9]], [0.9, 0.6, 0.4])
    >>> print(cross_fitted_f2(truth, predictions, fold_of_frame=np.array([0, 1])))
    0.5000 cross-fitted over 2 folds (0.4, 0.9), 0.9091 on the rows it was fitted on (0.4)
    """

    def fit(frames: np.ndarray) -> float:
        return best_cut(truth[frames[truth.frame]], predictions[frames[predictions.frame]], **how)[0]

    def judge(frames: np.ndarray, cut: float):
        kept = predictions[frames[predictions.frame] & (predictions.score >= cut)]
        return f2_counts(truth[frames[truth.frame]], kept, **how)

    return cross_fit(fold_of_frame, fit, judge, f2)
