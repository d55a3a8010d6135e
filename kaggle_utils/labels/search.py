"""The best thresholds for a metric, found exactly: one for all labels, or one a label.

Trying thresholds .00 to .99 one label after another, with the metric of all rows each time, is what everybody copies.
Instead rows are sorted by a label's probability once, and what each gains by one label more is cumulated: that knows
the score at **every** threshold. Thresholds that are judged on the rows they were fitted on look better than they
are, and those of 17 labels more so than a single one: see :mod:`kaggle_utils.labels.candidates`.
"""

from __future__ import annotations

import numpy as np

from kaggle_utils.evidence.crossfit import TIE, first_of_best
from kaggle_utils.labels.metrics import LabelMetric, fbeta_from_counts
from kaggle_utils.labels.rules import LabelRule, checked

MEAN_F2 = LabelMetric()


def fit_one_cut(probabilities: np.ndarray, truth: np.ndarray, metric: LabelMetric = MEAN_F2) -> LabelRule:
    """The threshold for all labels that is best on these rows, of all thresholds there are.

    probabilities: (N, L) float, 0 to 1; truth: (N, L) bool
    A threshold is the lowest probability that is kept, above 1 where none is; of equals the highest is taken.

    >>> fit_one_cut(np.array([[0.9, 0.3], [0.8, 0.4]]), np.array([[True, False], [True, True]]))
    LabelRule(cuts=(0.4,), beta=2.0, exclusive=(), alone=())
    """
    from kaggle_utils.compiled.label_cuts import totals_along

    probabilities, truth = _pair(probabilities, truth)
    if metric.average != "samples":  # an F-beta a label, or one of all
        probabilities, truth = (part.reshape(1, -1) if metric.average == "micro" else part.T for part in (probabilities, truth))
    weights = truth.sum(1) if metric.average == "weighted" else np.ones(len(truth))
    order = np.argsort(-probabilities, axis=None)
    totals = totals_along(order, np.ascontiguousarray(truth), weights / max(weights.sum(), 1), metric.beta)
    return LabelRule((_best_cut(np.take(probabilities, order), totals),))


def fit_cuts(probabilities: np.ndarray, truth: np.ndarray, metric: LabelMetric = MEAN_F2) -> LabelRule:
    """A threshold for each label, the best on these rows.

    Macro and weighted scores are sums over labels, so each label's own best is the best of all together. The mean over
    rows is not: there each threshold is the best of all for the others' ones, label by label from the single best
    threshold on, until none moves. That is exact for every label, and not for all at once.
    Arguments as for :func:`fit_one_cut`. Raises ValueError for "micro".

    >>> rule = fit_cuts(np.array([[0.9, 0.3], [0.8, 0.4]]), np.array([[True, False], [False, True]]))
    >>> rule.cuts
    (0.9, 0.4)
    """
    probabilities, truth = _pair(probabilities, truth)
    if metric.average == "micro":
        raise ValueError("metric is micro, expected samples, macro or weighted for a threshold a label")
    columns = np.ascontiguousarray(probabilities.T)  # (L, N)
    order = np.argsort(-columns, axis=1)
    falling, truths = np.take_along_axis(columns, order, 1), np.ascontiguousarray(truth.T)
    if metric.average != "samples":
        scores = _fbeta_along(np.take_along_axis(truths, order, 1), metric.beta)
        return LabelRule(tuple(map(_best_cut, falling, scores)))
    from kaggle_utils.compiled.label_cuts import ascend

    single = fit_one_cut(probabilities, truth, metric).cuts[0]
    kept = ascend(order, _ends(falling), truths, (falling >= single).sum(1), metric.beta, TIE * len(truth))
    return LabelRule(tuple(float(one[k - 1] if k else 1 + one[0]) for one, k in zip(falling, kept, strict=True)))


def resampled_cuts(
    probabilities: np.ndarray, truth: np.ndarray, group: np.ndarray, resamples: int = 40, seed: int = 0
) -> np.ndarray:
    """(R, L) thresholds of :func:`fit_cuts` on rows whose groups are drawn with replacement, so many times.

    group: (N,) ids of what is drawn together; the rest as for :func:`fit_cuts`

    >>> p, truth = np.array([[0.9], [0.2]]), np.array([[True], [False]])
    >>> np.unique(resampled_cuts(p, truth, np.arange(2)).round(2)).tolist()  # only the true one, both, only the false one
    [0.9, 1.2]
    """
    number, rng = np.unique(group, return_inverse=True)[1], np.random.default_rng(seed)
    groups = number.max() + 1
    times = (np.bincount(rng.integers(0, groups, groups), minlength=groups) for _ in range(resamples))
    rows = (np.repeat(np.arange(len(number)), drawn[number]) for drawn in times)
    return np.array([fit_cuts(probabilities[some], truth[some]).cuts for some in rows])


def _pair(probabilities: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    probabilities, truth = checked(probabilities), np.asarray(truth, bool)
    if probabilities.shape != truth.shape or not truth.size:
        raise ValueError(f"probabilities have shape {probabilities.shape}, truth {truth.shape}, expected one (N, L)")
    return probabilities, truth


def _fbeta_along(truth: np.ndarray, beta: float) -> np.ndarray:
    """(R, n): the F-beta of each row where its first 1, 2, ... n are predicted; truth: (R, n) bool."""
    common = np.cumsum(truth, axis=1)
    return fbeta_from_counts(np.stack(np.broadcast_arrays(common, 1 + np.arange(truth.shape[1]), common[:, -1:]), -1), beta)


def _best_cut(falling: np.ndarray, scores: np.ndarray) -> float:
    """Where the first 1, 2, ... n of falling values have these scores, and none has 0."""
    ends = np.flatnonzero(_ends(falling))
    best = first_of_best(np.append(0.0, scores[ends]))
    return float(falling[ends[best - 1]] if best else 1 + falling[0])


def _ends(falling: np.ndarray) -> np.ndarray:
    """(..., n) bool: of falling values the last of equal ones, behind which a threshold can fall."""
    return np.concatenate([falling[..., 1:] != falling[..., :-1], np.ones((*falling.shape[:-1], 1), bool)], axis=-1)
