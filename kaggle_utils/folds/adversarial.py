"""Adversarial validation: can a small classifier tell training images from those of the test?

If it cannot (an AUC near .5), a score on held-out training images is a fair forecast. If it can, its
most test-like training images are the ones to validate on. The classifier is a logistic regression on
a few dozen plain numbers an image (colour, contrast on several scales, brightness by region), fitted
out of fold, so that it cannot know an image by heart. It was tried in the diaries of the clouds competition.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from kaggle_utils.images.decode import image_statistics

_LEVELS = 4  # halvings of the image whose contrast is measured
_GRID = (2, 3)  # regions, down and across


@dataclass(frozen=True)
class Adversarial:
    """How well test and train are told apart.

    auc: of telling test from train out of fold, with its 95 % interval (low, high)
    train, test: (N,) and (M,) float, how test-like each image is, from 0 to 1
    weights: {feature: weight}, of features in standard deviations, largest first
    """

    auc: float
    low: float
    high: float
    train: np.ndarray
    test: np.ndarray
    weights: dict[str, float]

    @property
    def apart(self) -> bool:
        """Whether they are surely told apart at all; else no image is more test-like than another."""
        return self.low > 0.5

    def __str__(self) -> str:
        told = "told apart" if self.apart else "not told apart"
        strongest = ", ".join(f"{name} {weight:+.2f}" for name, weight in list(self.weights.items())[:3])
        return f"AUC {self.auc:.3f} [{self.low:.3f}, {self.high:.3f}]: {told}; strongest: {strongest}"


def image_features(image: np.ndarray) -> dict[str, float]:
    """Plain numbers of an image, (H, W, 3) uint8 RGB: colour, contrast by scale, brightness by region, black share.

    >>> features = image_features(np.full((70, 105, 3), 128, np.uint8))
    >>> features["black"], features["region00"], features["contrast1"]
    (0.0, 128.0, 0.0)
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    features = image_statistics(image) | {"black": float((grey < 6).mean())}
    for level in range(_LEVELS):
        smaller = cv2.pyrDown(grey)
        detail = grey - cv2.pyrUp(smaller, dstsize=grey.shape[::-1])
        features[f"contrast{level}"] = float(np.log1p(detail.std()))
        grey = smaller
    regions = cv2.resize(grey, _GRID[::-1], interpolation=cv2.INTER_AREA)
    return features | {f"region{row}{column}": float(value) for (row, column), value in np.ndenumerate(regions)}


def adversarial_validation(
    train: np.ndarray, test: np.ndarray, names: list[str], n_folds: int = 5, penalty: float = 1.0, seed: int = 0
) -> Adversarial:
    """Tells rows of train, (N, F), from rows of test, (M, F), each row judged by a classifier that has not seen it.

    names: of the F features; penalty: on the squared weights; seed: of the folds and of the interval

    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.normal(size=(200, 2)), rng.normal(size=(100, 2)) + [1.0, 0.0]
    >>> found = adversarial_validation(a, b, ["x", "y"])
    >>> found.low > 0.6, next(iter(found.weights))
    (True, 'x')
    """
    rows, is_test = np.concatenate([train, test]), np.arange(len(train) + len(test)) >= len(train)
    rng = np.random.default_rng(seed)
    fold = rng.permutation(len(rows)) % n_folds
    rows = (rows - rows.mean(0)) / np.maximum(rows.std(0), 1e-9)
    score = np.empty(len(rows))
    for k in range(n_folds):
        weights = fit_logistic(rows[fold != k], is_test[fold != k], penalty)
        score[fold == k] = _probability(rows[fold == k], weights)
    whole = fit_logistic(rows, is_test, penalty)
    order = np.argsort(-np.abs(whole[1:]))
    low, high = _auc_interval(score, is_test, rng)
    weights = {names[i]: float(whole[1 + i]) for i in order}
    return Adversarial(auc(score, is_test), low, high, score[~is_test], score[is_test], weights)


def fit_logistic(rows: np.ndarray, positive: np.ndarray, penalty: float = 1.0, steps: int = 25) -> np.ndarray:
    """(1 + F,) float: bias and weights of the logistic regression with an L2 penalty (Newton's method).

    rows: (N, F); positive: (N,) bool. Both classes weigh the same, however many rows they have.
    """
    x = np.column_stack([np.ones(len(rows)), rows])
    share = np.where(positive, positive.mean(), 1 - positive.mean())
    importance = 0.5 / np.maximum(share, 1e-9)
    ridge = penalty * np.diag([1e-9, *np.ones(x.shape[1] - 1)])
    weights = np.zeros(x.shape[1])
    for _ in range(steps):
        p = _probability(rows, weights)
        gradient = x.T @ (importance * (p - positive)) + ridge @ weights
        curvature = (x * (importance * np.maximum(p * (1 - p), 1e-6))[:, None]).T @ x + ridge
        step = np.linalg.solve(curvature, gradient)
        weights -= step
        if np.abs(step).max() < 1e-8:
            break
    return weights


def _probability(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(weights[0] + rows @ weights[1:], -40, 40)))


def auc(score: np.ndarray, positive: np.ndarray) -> float:
    """The chance that a positive has a higher score than a negative, ties counting half; NaN without either.

    >>> auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True]))
    0.875
    """
    score, positive = np.asarray(score), np.asarray(positive, dtype=bool)
    values, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[place]  # mean rank of ties, from 1
    n, m = positive.sum(), (~positive).sum()
    return float((rank[positive].sum() - n * (n + 1) / 2) / (n * m)) if n and m else float("nan")


def _auc_interval(score: np.ndarray, positive: np.ndarray, rng: np.random.Generator, n: int = 500) -> tuple[float, float]:
    """95 % of resamples, drawn from positives and negatives apart."""
    sides = np.flatnonzero(positive), np.flatnonzero(~positive)
    draws = [np.concatenate([rng.choice(side, len(side)) for side in sides]) for _ in range(n)]
    low, high = np.quantile([auc(score[rows], positive[rows]) for rows in draws], [0.025, 0.975])
    return float(low), float(high)


def most_alike(test_like: np.ndarray, share: float) -> np.ndarray:
    """Rows, ascending, of the share that looks most like the test's, one at least; test_like: (N,), higher is more alike.

    >>> most_alike(np.array([0.1, 0.9, 0.2, 0.8]), share=0.5)
    array([1, 3])
    """
    likest = np.argsort(-np.asarray(test_like), kind="stable")
    return np.sort(likest[: max(1, round(share * len(likest)))])
