"""A set of predicted labels on one card: the mean F2, and what macro, micro and weighted F1 say of the same rows.

The macro F1 counts a label that one image in 400 has as much as one that nine in ten have, so it can be far below
the weighted one; which labels make the difference is said by their own figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kaggle_utils.evidence.card import FigureCard
from kaggle_utils.labels.metrics import LabelMetric, fbeta_from_counts, label_counts, mean_f2, precision_and_recall


@dataclass(frozen=True)
class LabelScorecard(FigureCard):
    """Figures of N rows with L labels; NaN where there is nothing to divide by.

    f2: mean over rows; macro_f1, micro_f1, weighted_f1: over labels
    by_label: {label: (precision, recall, F1, true rows)}; rows, truths, predictions: how many
    """

    f2: float
    macro_f1: float
    micro_f1: float
    weighted_f1: float
    by_label: dict[str, tuple[float, float, float, int]]
    rows: int
    truths: int
    predictions: int

    def __str__(self) -> str:
        counts = f"{self.rows} rows, {self.truths} true labels, {self.predictions} predicted"
        f1 = f"macro {self.macro_f1:.4f}, micro {self.micro_f1:.4f}, weighted {self.weighted_f1:.4f}"
        return f"F2 {self.f2:.4f} ({counts}); F1 {f1}"


def label_scorecard(truth: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> LabelScorecard:
    """Scores (N, L) labels, bool or 0 and 1, against true ones; names: (L,).

    >>> print(label_scorecard(np.array([[1, 0], [1, 1]]), np.array([[1, 1], [1, 0]]), ["primary", "mine"]))
    F2 0.6944 (2 rows, 3 true labels, 3 predicted); F1 macro 0.5000, micro 0.6667, weighted 0.6667
    """
    counts = label_counts(truth, predicted, axis=0)
    columns = (*precision_and_recall(truth, predicted), fbeta_from_counts(counts, 1), counts[:, 2])
    each = zip(*(column.tolist() for column in columns), strict=True)
    f1 = (LabelMetric(average, beta=1).of(truth, predicted) for average in ("macro", "micro", "weighted"))
    by_label = dict(zip(names, each, strict=True))
    return LabelScorecard(mean_f2(truth, predicted), *f1, by_label, len(truth), *counts[:, [2, 1]].sum(0).tolist())
