"""The best operating point, found exactly, and what it is worth on rows it was not fitted on.

A threshold that is chosen on the rows it is then scored on flatters itself, the more so the more
thresholds there are (17 of them on the Amazon labels: .9209 on their own rows, .9174 on others, where
a single one has .919). So every fit here comes with its cross-fitted figure: fitted on all folds but
one, judged on that one, counts added up over the folds, scored once; for any decision and any metric made
of counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np

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
