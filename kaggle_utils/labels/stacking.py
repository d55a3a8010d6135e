"""Several members made one: weights climbed for the score itself, and ridge and logistic regressions over all outputs.

The first place of *Planet: Understanding the Amazon from Space* stacked by ridge regression, each label from all 17
outputs of its 11 networks: a road makes habitation likelier, and a regression may know. What it learns is as much fitted
as a threshold, and judged likewise. scikit-learn fits; what remains are weights, applied without it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kaggle_utils.evidence.crossfit import CrossFit
from kaggle_utils.evidence.merging import merged
from kaggle_utils.evidence.weights import select_weights
from kaggle_utils.labels.calibration import log_odds, logistic
from kaggle_utils.labels.metrics import LabelMetric
from kaggle_utils.labels.rules import LabelRule, checked, labels_by_rule

HOW = ("ridge", "logistic")


@dataclass(frozen=True)
class Stack:
    """A regression of each label on all outputs of all members, as numbers.

    how: ridge (of probabilities, cut to 0 to 1) or logistic (of log-odds)
    weights: (L, M L), member after member; shifts: (L,)
    """

    how: str
    weights: tuple[tuple[float, ...], ...]
    shifts: tuple[float, ...]

    def __str__(self) -> str:
        return self.how


def fit_stack(members: np.ndarray, truth: np.ndarray, how: str = "ridge", strength: float = 1.0) -> Stack:
    """The regression of (N, L) truths on (M, N, L) probabilities.

    strength: of the penalty on squared weights
    Raises ValueError for another ``how``, and for shapes that differ.

    >>> members = np.array([[[0.9], [0.2], [0.8], [0.1]]])
    >>> stacked(fit_stack(members, members[0] > 0.5, strength=1e-9), members).round(2).ravel().tolist()
    [1.0, 0.08, 0.92, 0.0]
    """
    from sklearn.linear_model import Ridge

    if how not in HOW:
        raise ValueError(f"how is {how!r}, expected one of {', '.join(HOW)}")
    features, truth = _features(members, how), np.asarray(truth, bool)
    if np.shape(members)[1:] != truth.shape:
        raise ValueError(f"members have shape {np.shape(members)}, truth {truth.shape}, expected (M, N, L) and (N, L)")
    if how == "ridge":
        model = Ridge(strength).fit(features, truth.astype(np.float64))
        weights, shifts = np.reshape(model.coef_, (truth.shape[1], -1)), np.reshape(model.intercept_, -1)
        return Stack(how, tuple(map(tuple, weights.tolist())), tuple(shifts.tolist()))
    each = [_logistic(features, column, strength) for column in truth.T]
    return Stack(how, tuple(weights for weights, _ in each), tuple(shift for _, shift in each))


def _logistic(features: np.ndarray, truth: np.ndarray, strength: float) -> tuple[tuple[float, ...], float]:
    """weights and shift of one label; a label that all rows have or none stays so."""
    from sklearn.linear_model import LogisticRegression

    if truth.all() or not truth.any():
        return (0.0,) * features.shape[1], float(log_odds(truth[0]))
    model = LogisticRegression(C=1 / strength, solver="newton-cholesky").fit(features, truth)
    return tuple(model.coef_[0].tolist()), float(model.intercept_[0])


def stacked(stack: Stack, members: np.ndarray) -> np.ndarray:
    """(N, L) float64 probabilities. members: (M, N, L), as many as it was fitted on, else ValueError."""
    features, weights = _features(members, stack.how), np.array(stack.weights)
    if features.shape[1] != weights.shape[1]:
        raise ValueError(f"members have shape {np.shape(members)}, expected {weights.shape[1]} outputs of an image")
    raw = features @ weights.T + stack.shifts
    return np.clip(raw, 0, 1) if stack.how == "ridge" else logistic(raw)


def _features(members: np.ndarray, how: str) -> np.ndarray:
    """(N, M L) float64."""
    each = np.hstack([checked(member) for member in members])
    return each.astype(np.float64) if how == "ridge" else log_odds(each)


def voted(votes: np.ndarray, weights: tuple[float, ...] | None = None) -> np.ndarray:
    """(N, L) bool: labels that at least half of the members give, by weight.

    votes: (M, N, L) bool, what each member's own rule gives; weights: (M,), default all 1

    >>> voted(np.array([[[True, True]], [[True, False]], [[False, False]]]))
    array([[ True, False]])
    """
    return merged([vote.astype(np.float64) for vote in np.asarray(votes)], weights) >= 0.5 - 1e-9


def fit_weights(
    members: np.ndarray,
    truth: np.ndarray,
    fold_of_row: np.ndarray,
    rule: LabelRule,
    metric: LabelMetric,
    rounds: int = 10,
    progress: str | None = None,
) -> CrossFit:
    """Weights of the members' mean, climbed for the metric of what a given rule makes of it.

    members: (M, N, L) probabilities; truth: (N, L) bool; fold_of_row: (N,), two folds at least
    The figures are honest where the rule has not seen these rows, as that with the highest expectation.
    See :func:`kaggle_utils.evidence.weights.select_weights`.

    >>> truth = np.array([[True, False]] * 6)
    >>> members = np.array([truth * 0.8 + 0.1, np.full((6, 2), 0.5)])
    >>> print(fit_weights(members, truth, np.arange(6) % 2, LabelRule(), LabelMetric()))
    1.0000 cross-fitted over 2 folds ((1, 0), (1, 0)), 1.0000 on the rows it was fitted on ((1, 0))
    """
    fold = np.unique(fold_of_row, return_inverse=True)[1]

    def counts(weights: np.ndarray) -> np.ndarray:
        return np.stack([of_folds(labels_by_rule(rule, mean_of(members, one))) for one in weights])

    def of_folds(given: np.ndarray) -> np.ndarray:
        of_rows = metric.counts(truth, given)
        return np.stack([of_rows[fold == one].sum(0) for one in range(fold.max() + 1)])

    return select_weights(counts, len(members), lambda sums: float(metric.score(sums[None])[0]), rounds, progress)


def mean_of(members: np.ndarray, weights: tuple[float, ...] | None = None) -> np.ndarray:
    """(N, L): the weighted mean of (M, N, L) probabilities, which no rounding takes beyond 1.

    >>> mean_of(np.ones((10, 1, 1), np.float32)).tolist()
    [[1.0]]
    """
    return np.clip(merged([*members], weights), 0, 1)
