"""Probabilities that mean what they say: Platt's and the isotonic calibration, a curve a label.

A label set with the highest expected F-beta believes its probabilities, so a network that is too sure costs score.
Whether a calibration pays is a question of data like any other: fitted on few rows it can cost more than it mends
(on two real networks for *Planet: Understanding the Amazon from Space* it does), so it is judged on other rows.
scikit-learn fits, and is not needed where the curves are applied.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kaggle_utils.labels.rules import checked

HOW = ("platt", "isotonic")
_NEVER = 1e-6  # the lowest probability whose odds are believed


@dataclass(frozen=True)
class Calibration:
    """A curve for each label, as numbers.

    how: platt or isotonic
    curves: of each label a pair; platt: ((slope,), (intercept,)) of a line in log-odds; isotonic: probabilities,
        ascending, and what each becomes, with straight lines between
    """

    how: str
    curves: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]

    def __str__(self) -> str:
        return self.how


def fit_calibration(probabilities: np.ndarray, truth: np.ndarray, how: str = "platt") -> Calibration:
    """The curves that fit best, label by label.

    probabilities: (N, L) float, 0 to 1; truth: (N, L) bool
    how: platt (a logistic regression on log-odds, with scikit-learn's default penalty; Platt 1999) or isotonic
    A label that all rows have or none keeps its odds in platt. Raises ValueError for another name.

    >>> p, truth = np.array([[0.1], [0.2], [0.6], [0.9]]), np.array([[False], [True], [False], [True]])
    >>> fit_calibration(p, truth, "isotonic").curves
    (((0.1, 0.2, 0.6, 0.9), (0.0, 0.5, 0.5, 1.0)),)
    """
    if how not in HOW:
        raise ValueError(f"how is {how!r}, expected one of {', '.join(HOW)}")
    fit = _platt if how == "platt" else _isotonic
    columns = zip(checked(probabilities).T, np.asarray(truth, bool).T, strict=True)
    return Calibration(how, tuple(fit(*column) for column in columns))


def _platt(probability: np.ndarray, truth: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    from sklearn.linear_model import LogisticRegression

    if truth.all() or not truth.any():
        return (1.0,), (0.0,)
    model = LogisticRegression().fit(log_odds(probability)[:, None], truth)
    return tuple(model.coef_[0].tolist()), tuple(model.intercept_.tolist())


def _isotonic(probability: np.ndarray, truth: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    from sklearn.isotonic import IsotonicRegression

    model = IsotonicRegression().fit(probability.astype(np.float64), truth)
    return tuple(model.X_thresholds_.tolist()), tuple(model.y_thresholds_.tolist())


def calibrated(calibration: Calibration, probabilities: np.ndarray) -> np.ndarray:
    """(N, L) float64 probabilities by their curves; beyond an isotonic curve's ends its last value.

    Raises ValueError where there are not as many curves as labels.

    >>> calibrated(Calibration("platt", (((1.0,), (0.0,)), ((2.0,), (0.0,)))), np.array([[0.25, 0.25]])).round(3)
    array([[0.25, 0.1 ]])
    """
    probabilities = checked(probabilities)
    if len(calibration.curves) != probabilities.shape[1]:
        raise ValueError(f"there are {len(calibration.curves)} curves for {probabilities.shape[1]} labels, expected one each")
    columns = zip(probabilities.T, calibration.curves, strict=True)
    if calibration.how == "isotonic":
        return np.column_stack([np.interp(column, *curve) for column, curve in columns])
    return np.column_stack([logistic(log_odds(column) * slope[0] + shift[0]) for column, (slope, shift) in columns])


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """log(p / (1 - p)) in float64, with p at least a millionth from 0 and 1.

    >>> log_odds(np.array([0.5, 1.0])).round(2).tolist()
    [0.0, 13.82]
    """
    p = np.clip(np.asarray(probabilities, np.float64), _NEVER, 1 - _NEVER)
    return np.log(p / (1 - p))


def logistic(odds: np.ndarray) -> np.ndarray:
    """The inverse of :func:`log_odds`, between its bounds."""
    return 1 / (1 + np.exp(-odds))
