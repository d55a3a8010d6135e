"""What models said of items they had not seen, beside the truth: all that a decision is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kaggle_utils.evidence.candidates import Ground
from kaggle_utils.labels.metrics import LabelMetric
from kaggle_utils.labels.search import MEAN_F2
from kaggle_utils.tasks.networks import joined_sets, parts_and_groups

if TYPE_CHECKING:
    import pandas as pd

    from kaggle_utils.tasks.competition import Competition
    from kaggle_utils.tasks.labels.items import LabelItems
    from kaggle_utils.tasks.labels.kind import Labels
    from kaggle_utils.tasks.runs import Runs


@dataclass(frozen=True)
class OutOfFold:
    """Out-of-fold predictions, of M items in S prediction sets.

    rows: (M,) of the data, ascending; part: (M,) what decisions are cross-fitted over
    group: (M,) ids of items that belong together; sets: S names, in order of training
    answers: (S, M, L) float32 probabilities; truth: (M, L) bool; kind: which labels exclude one another
    """

    rows: np.ndarray
    part: np.ndarray
    group: np.ndarray
    sets: list[str]
    answers: np.ndarray
    truth: np.ndarray
    kind: Labels

    def __str__(self) -> str:
        return f"{len(self.rows)} items, predicted by {' '.join(self.sets)}"

    def ground(self, metric: LabelMetric = MEAN_F2) -> Ground:
        """What candidates are judged on: items, as counts of a metric."""
        return Ground(self.part, self.group, metric.score, str(metric))

    def of(self, sets: Sequence[str]) -> np.ndarray:
        """(n, M, L): the probabilities of these sets."""
        return self.answers[[self.sets.index(name) for name in sets]]


def out_of_fold(competition: Competition, items: LabelItems, runs: Runs, folds: pd.DataFrame) -> OutOfFold:
    """The predictions of a training, of all sets that every fold has.

    items: those it was trained on; folds: a row an item, as :func:`kaggle_utils.tasks.runs.read_folds` gives, with the
    column part, and group where there is one
    Raises ValueError when the rows of a fold are not the items they were.
    """
    stores = {name: labels for name, (labels,) in joined_sets(items, competition.KEY, runs).items()}
    rows = next(iter(stores.values())).rows
    answers = np.stack([labels.read(rows) for labels in stores.values()])
    return OutOfFold(rows, *parts_and_groups(folds, rows), [*stores], answers, items.labels[rows], competition.KIND)
