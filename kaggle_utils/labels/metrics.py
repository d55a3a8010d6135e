"""F-beta over labels: counts first, score second; as a mean over images, over labels, pooled and weighted.

F-beta = (1 + b^2) TP / (b^2 true + predicted), with b = 2 for *Planet: Understanding the Amazon from Space*,
which takes each image's and averages them: precision and recall of the image's labels, where recall weighs more.
The same predictions have other figures when F1 is taken label by label (macro: each label counts alike, however rare),
over all labels pooled (micro), or label by label weighted by how frequent they are. Where there is neither truth
nor prediction F-beta is 0, as in scikit-learn, whose names the averages have. The last axis of counts is (common,
predicted, true), as for masks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

AVERAGES = {"samples": "mean", "macro": "macro", "micro": "micro", "weighted": "weighted"}  # and how each is called


def label_counts(truth: np.ndarray, predicted: np.ndarray, axis: int) -> np.ndarray:
    """int64 counts, common, predicted and true: (N, 3) of the rows with axis 1, (L, 3) of the labels with axis 0.

    truth, predicted: (N, L) bool, or 0 and 1; else ValueError, which names the place of a probability

    >>> label_counts(np.array([[1, 1, 0]]), np.array([[1, 0, 1]]), axis=1)
    array([[1, 2, 2]])
    """
    truth, predicted = _decided(truth, "truth"), _decided(predicted, "predicted")
    if truth.shape != predicted.shape or truth.ndim != 2:
        raise ValueError(f"truth has shape {truth.shape}, predicted {predicted.shape}, expected one (N, L)")
    return np.stack([np.count_nonzero(part, axis) for part in (truth & predicted, predicted, truth)], axis=-1)


def _decided(labels: np.ndarray, name: str) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.dtype == bool:
        return labels
    wrong = np.argwhere((labels != 0) & (labels != 1))
    if len(wrong):
        where, value = wrong[0].tolist(), labels[tuple(wrong[0])]
        raise ValueError(f"{name} at {where} is {value}, expected 0 or 1; a rule makes labels of probabilities")
    return labels.astype(bool)


def fbeta_from_counts(counts: np.ndarray, beta: float = 2.0) -> np.ndarray:
    """(...) float64, the F-beta of each (..., 3) counts; 0 where there is neither truth nor prediction.

    >>> fbeta_from_counts([[2, 4, 3], [0, 0, 0]]).tolist()  # 5 x 2 / (4 x 3 + 4)
    [0.625, 0.0]
    """
    common, predicted, true = np.moveaxis(np.asarray(counts, np.float64), -1, 0)
    return (1 + beta**2) * common / np.maximum(beta**2 * true + predicted, np.finfo(float).tiny)


def mean_f2(truth: np.ndarray, predicted: np.ndarray) -> float:
    """The mean of each row's F2, the competition's metric. Of no rows: NaN.

    truth, predicted: as for :func:`label_counts`

    >>> mean_f2(np.array([[1, 0, 1], [0, 1, 0]]), np.array([[1, 1, 1], [0, 0, 0]]))  # (10 / 11 + 0) / 2
    0.45454545454545453
    """
    return LabelMetric().of(truth, predicted)


def precision_and_recall(truth: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each label, (L,) float64 both; NaN where nothing is predicted, or nothing true.

    >>> precision_and_recall(np.array([[1, 0], [1, 0]]), np.array([[1, 0], [0, 0]]))
    (array([ 1., nan]), array([0.5, nan]))
    """
    common, predicted, true = label_counts(truth, predicted, axis=0).T
    with np.errstate(invalid="ignore"):
        return common / predicted, common / true


@dataclass(frozen=True)
class LabelMetric:
    """An F-beta by its average: counts of rows that add up, so :mod:`kaggle_utils.evidence` can be asked about it.

    average: samples (mean over rows), macro (over labels), micro (pooled), weighted (over labels, by true rows)
    Raises ValueError for another.

    >>> str(LabelMetric()), str(LabelMetric("macro", beta=1))
    ('mean F2', 'macro F1')
    """

    average: str = "samples"
    beta: float = 2.0

    def __post_init__(self) -> None:
        if self.average not in AVERAGES:
            raise ValueError(f"average is {self.average!r}, expected one of {', '.join(AVERAGES)}")

    def __str__(self) -> str:
        return f"{AVERAGES[self.average]} F{self.beta:g}"

    def counts(self, truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """(N, K) float64 of the rows, which add up over rows and groups, for :meth:`score`.

        truth, predicted: as for :func:`label_counts`. K is 2 for samples (F-beta, and one row), else 3 L.
        """
        of_rows = label_counts(truth, predicted, axis=1)
        if self.average == "samples":
            return np.column_stack([fbeta_from_counts(of_rows, self.beta), np.ones(len(of_rows))])
        truth, predicted = _decided(truth, "truth"), _decided(predicted, "predicted")
        return np.hstack([truth & predicted, predicted, truth]).astype(np.float64)

    def score(self, sums: np.ndarray) -> np.ndarray:
        """(R,) scores of (R, K) sums of counts.

        >>> metric = LabelMetric("macro", beta=1)
        >>> metric.score(metric.counts([[1, 0], [1, 1]], [[1, 0], [0, 1]]).sum(0, keepdims=True)).round(3)
        array([0.833])
        """
        if self.average == "samples":
            with np.errstate(invalid="ignore"):
                return sums[:, 0] / sums[:, 1]
        of_labels = np.moveaxis(sums.reshape(len(sums), 3, -1), 1, -1)  # (R, L, 3)
        if self.average == "micro":
            return fbeta_from_counts(of_labels.sum(1), self.beta)
        weights = of_labels[..., 2] if self.average == "weighted" else np.ones(of_labels.shape[:2])
        return (fbeta_from_counts(of_labels, self.beta) * weights).sum(1) / np.maximum(weights.sum(1), 1)

    def of(self, truth: np.ndarray, predicted: np.ndarray) -> float:
        """The score of all rows together."""
        if self.average == "samples":
            sums = self.counts(truth, predicted).sum(0)
        else:
            sums = label_counts(truth, predicted, axis=0).T.ravel()
        return float(self.score(sums[None])[0])
