"""Cross-fitting: any decision, any counts."""

import numpy as np
import pytest

from kaggle_utils.evidence.crossfit import cross_fit


def test_any_decision_and_any_counts_will_do():
    # Rows of two labels; the decision is one threshold a label, the counts are right answers.
    probability = np.array([[0.9, 0.2], [0.8, 0.3], [0.6, 0.6], [0.1, 0.7]])
    truth = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], bool)

    def fit(rows):
        options = [(a, b) for a in (0.5, 0.7) for b in (0.25, 0.5)]
        return max(options, key=lambda option: judge(rows, option))

    def judge(rows, thresholds):
        return ((probability[rows] > thresholds) == truth[rows]).sum()

    result = cross_fit(np.array([0, 1, 0, 1]), fit, judge, score=lambda right: right / 8)
    assert result.decision == (0.7, 0.5) and result.fitted == 1
    assert str(result).startswith(f"{result.cross_fitted:.4f} cross-fitted over 2 folds ((")


def test_one_fold_is_refused():
    with pytest.raises(ValueError, match=r"folds \[3\], expected at least two"):
        cross_fit(np.array([3]), fit=lambda rows: 0, judge=lambda rows, decision: 0, score=float)
