"""What kinds have in common whose members are networks of :mod:`kaggle_utils.tasks.networks`, trained by the shared trainer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_utils.tasks.competition import FoldSize

if TYPE_CHECKING:
    import numpy as np

    from kaggle_utils.tasks.competition import Competition, Items
    from kaggle_utils.tasks.jobs import Order
    from kaggle_utils.tasks.networks import Lesson
    from kaggle_utils.tasks.parameters import NetworkTraining
    from kaggle_utils.tasks.runs import Job


class NetworkKind:
    """Base of a kind; it says its lesson, the parameters of one member, and the rest of :class:`Kind`."""

    def lesson(self) -> Lesson:
        """What its networks learn from, and what is kept of them."""
        raise NotImplementedError

    def parameters(self, names: Mapping[str, Any], preset: Mapping[str, Any] | None = None) -> NetworkTraining:
        """One member's training from a notebook's variables."""
        raise NotImplementedError

    def members(self, names: Mapping[str, Any], preset: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Each member's training, see :func:`kaggle_utils.tasks.members.members_of`; alone it is named after its model."""
        from kaggle_utils.tasks.members import members_of

        return members_of(names, preset, self.parameters, _name_of)

    def train(
        self, competition: Competition, items: Items, fold_of_item: np.ndarray, wanted: Sequence[Order], output: Path,
        **how: Any,
    ) -> list[Job]:  # fmt: skip
        """Each order trained, and its prediction sets written, see :func:`kaggle_utils.tasks.networks.train_all`."""
        from kaggle_utils.tasks.networks import train_all

        return train_all(self.lesson(), competition, items, fold_of_item, wanted, output, **how)

    def fold_size(self, items: Items, fold_of_item: np.ndarray, fold: int, parameters: NetworkTraining) -> FoldSize:
        """How many items an epoch of this fold trains on, and how many it leaves out."""
        left_out = int((fold_of_item == fold).sum())
        return FoldSize(len(fold_of_item) - left_out, left_out)


def _name_of(alone: NetworkTraining) -> str:
    """What a member is called that is named after its model alone, without the file of one's own; a classifier's network."""
    model = alone.model
    return re.sub(r".*:|[^a-z0-9]", "", (model.encoder if model.architecture == "classifier" else model.architecture).lower())
