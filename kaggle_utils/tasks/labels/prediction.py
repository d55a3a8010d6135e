"""Classifiers and a decision asked about items, a few at a time: for the submission, and for items whose truth is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kaggle_utils.tasks.labels.training import LabelLesson
from kaggle_utils.tasks.networks import NetworkPredictor

if TYPE_CHECKING:
    from kaggle_utils.tasks.competition import Competition, Look
    from kaggle_utils.tasks.labels.decision import Decision
    from kaggle_utils.tasks.runs import Runs


class LabelPredictor(NetworkPredictor):
    """Items to labels, by a decision; the rest as for :class:`kaggle_utils.tasks.networks.NetworkPredictor`."""

    def __init__(self, competition: Competition, runs: Runs, decision: Decision, *how: str) -> None:
        super().__init__(LabelLesson(), competition, runs, decision.sets, *how)
        self.decision = decision

    def __call__(self, looks: Sequence[Look]) -> Iterator[np.ndarray]:
        """(L,) bool of each of some items; they are one batch."""
        yield from self.decision.labels(np.stack([labels for (labels,) in self.answers(looks)]))
