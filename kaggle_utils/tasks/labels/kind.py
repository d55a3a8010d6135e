"""The kind of competitions that are answered with labels: what a competition says of its own, and what it is given.

    KIND = Labels(classes=17, exclusive=((5, 6, 10, 11),), alone=(6,))

A competition of this kind reads pixels, (H, W, C) uint8, and has its items' labels as a table of true and false;
everything between is in this folder: a classifier a member (:mod:`~kaggle_utils.tasks.labels.training`), its
probabilities in 32 bits, decided upon (:mod:`~kaggle_utils.tasks.labels.candidates`), and answered with
(:mod:`~kaggle_utils.tasks.labels.prediction`). The rules themselves are :mod:`kaggle_utils.labels`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_utils.tasks.network_kind import NetworkKind

if TYPE_CHECKING:
    import pandas as pd

    from kaggle_utils.tasks.competition import Competition, Items
    from kaggle_utils.tasks.labels.out_of_fold import OutOfFold
    from kaggle_utils.tasks.labels.parameters import LabelTraining
    from kaggle_utils.tasks.labels.prediction import LabelPredictor
    from kaggle_utils.tasks.networks import Lesson
    from kaggle_utils.tasks.runs import Runs


@dataclass(frozen=True)
class Labels(NetworkKind):
    """What a competition says of its labels.

    classes: how many; exclusive: groups of them, by number, of which an item has exactly one
    alone: those, by number, that an item has without any other
    """

    classes: int
    exclusive: tuple[tuple[int, ...], ...] = ()
    alone: tuple[int, ...] = ()

    METRIC = "F2"

    def lesson(self) -> Lesson:
        """Of :mod:`kaggle_utils.tasks.labels.training`."""
        from kaggle_utils.tasks.labels.training import LabelLesson

        return LabelLesson()

    def parameters(self, names: Mapping[str, Any], preset: Mapping[str, Any] | None = None) -> LabelTraining:
        """One member's training from a notebook's variables, see :meth:`LabelTraining.chosen`.

        >>> list(Labels(17).members({})), list(Labels(17).members({"members": {"a": {}, "b": {"encoder": "resnet34"}}}))
        (['efficientnetb0'], ['a', 'b'])
        """
        from kaggle_utils.tasks.labels.parameters import LabelTraining

        return LabelTraining.chosen(names, preset, self.classes)

    def out_of_fold(
        self, competition: Competition, items: Items, runs: Runs, folds: pd.DataFrame, cache: Path, progress: str | None = None
    ) -> OutOfFold:
        """What a decision is made of, see :func:`kaggle_utils.tasks.labels.out_of_fold.out_of_fold`."""
        from kaggle_utils.tasks.labels.out_of_fold import out_of_fold

        return out_of_fold(competition, items, runs, folds)

    def predictor(
        self, competition: Competition, runs: Runs, decision: Mapping[str, Any], device: str = "cpu", models: str = "all"
    ) -> LabelPredictor:
        """Looks of some items -> (L,) bool of each, by the rules that stage 3 measured.

        decision: as decision.json has it; models: "all" folds', the "first", for items that it left out, or those of "full"
        """
        from kaggle_utils.tasks.labels.decision import Decision
        from kaggle_utils.tasks.labels.prediction import LabelPredictor

        return LabelPredictor(competition, runs, Decision.from_plain(decision), device, models)

    def same(self, one: str, other: str) -> bool:
        """Whether two answers, an item's labels with spaces between, are the same but for one that may lie on a threshold.

        >>> Labels(17).same("clear primary", "primary clear road"), Labels(17).same("clear primary", "cloudy")
        (True, False)
        """
        return len(set(one.split()) ^ set(other.split())) <= 1
