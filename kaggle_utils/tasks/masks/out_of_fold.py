"""What models said of items they had not seen, beside the truth: all that a decision is made of.

Stores of all folds read as one, in the order of the data, once it is sure that their rows are the items they were.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kaggle_utils.evidence.candidates import Ground
from kaggle_utils.evidence.merging import merged
from kaggle_utils.learning.store import Joined
from kaggle_utils.tasks.masks.cache import cached_truths, planes
from kaggle_utils.tasks.masks.decision import Decision, Merge, decided
from kaggle_utils.tasks.networks import joined_sets, parts_and_groups

if TYPE_CHECKING:
    import pandas as pd

    from kaggle_utils.tasks.competition import Competition, Items
    from kaggle_utils.tasks.runs import Runs


@dataclass(frozen=True)
class OutOfFold:
    """Out-of-fold predictions, of M items.

    rows: (M,) of the data, ascending; part: (M,) what decisions are cross-fitted over
    group: (M,) ids of items that belong together
    masks, labels: {set name: store that holds all rows}, of (K, height, width) and (K,)
    bits: (M, height, width) their truth in the shape of the submission, bit k is class k; decoded once
    top_pixels: that the gates may look at
    """

    rows: np.ndarray
    part: np.ndarray
    group: np.ndarray
    masks: Mapping[str, Joined]
    labels: Mapping[str, Joined]
    bits: np.ndarray
    top_pixels: tuple[int, ...] = (0,)

    @property
    def sets(self) -> list[str]:
        """Names of the prediction sets, in order of training."""
        return list(self.masks)

    @property
    def ground(self) -> Ground:
        """What candidates are judged on: items, as counts whose ratio is a score."""
        return Ground(self.part, self.group, lambda sums: sums[:, 0] / sums[:, 1], "dice")

    @property
    def classes(self) -> int:
        """K."""
        return self.masks[self.sets[0]].shape[0]

    def __str__(self) -> str:
        return f"{len(self.rows)} items, predicted by {' '.join(self.sets)}"

    def answer(self, decision: Decision, row: int) -> np.ndarray:
        """(K, height, width) uint8, 0 or 1: what a decision answers to one of the data's rows."""
        return decided(decision, *([each[name].read([row])[0] for name in decision.sets] for each in (self.masks, self.labels)))

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the masks."""
        return self.bits.shape[1:]

    def truth(self, item: int) -> np.ndarray:
        """(K, height, width) uint8, 0 or 1, of one of the M items."""
        return planes(self.bits[item], self.classes)

    def truths(self) -> Iterator[np.ndarray]:
        """(K, height, width) uint8, 0 or 1, of each item in turn."""
        return map(self.truth, range(len(self.bits)))

    def merged_labels(self, merge: Merge) -> np.ndarray:
        """(M, K) float32, the label head's probabilities, the sets merged."""
        return merged([self.labels[name].read(self.rows) for name in merge.sets], **merge.settings)


def out_of_fold(
    competition: Competition, items: Items, runs: Runs, folds: pd.DataFrame, cache: Path, progress: str | None = None
) -> OutOfFold:
    """The predictions of a training, of all sets that every fold has.

    items: those it was trained on; folds: a row an item, as :func:`kaggle_utils.tasks.runs.read_folds` gives, with the
    column part, and group where there is one; cache: folder for the truth
    Raises ValueError when the rows of a fold are not the items they were.
    """
    stores = joined_sets(items, competition.KEY, runs)
    masks, labels = ({name: both[i] for name, both in stores.items()} for i in (0, 1))
    rows = next(iter(masks.values())).rows
    truth = cached_truths(competition, items.take(rows), cache, competition.KIND.shape[::-1], progress)
    return OutOfFold(rows, *parts_and_groups(folds, rows), masks, labels, truth, competition.KIND.top_pixels)

