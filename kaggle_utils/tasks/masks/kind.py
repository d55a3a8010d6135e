"""The kind of competitions that are answered with masks: what a competition says of its own, and what it is given.

    KIND = Masks(classes=4, shape=(350, 525))

A competition of this kind reads pixels, (H, W, C) uint8, and truths, (classes, H, W) of 0 and 1; everything between is
in this folder: a segmenter a member (:mod:`~kaggle_utils.tasks.masks.training`), its predictions in 8 bits, decided upon
(:mod:`~kaggle_utils.tasks.masks.candidates`), and answered with (:mod:`~kaggle_utils.tasks.masks.prediction`).

Candidates are compared by counts, a numerator and a denominator an item. The mean Dice over pairs of item and class sums
each pair's Dice and counts the pairs. A Dice of all pixels together, pooled, sums those in common, doubled, and those of
both masks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_utils.masks.dice import dice_counts, dice_from_counts
from kaggle_utils.masks.rle import mask_from_rle
from kaggle_utils.tasks.network_kind import NetworkKind

if TYPE_CHECKING:
    import pandas as pd

    from kaggle_utils.tasks.competition import Competition, Items
    from kaggle_utils.tasks.masks.out_of_fold import OutOfFold
    from kaggle_utils.tasks.masks.parameters import MaskTraining
    from kaggle_utils.tasks.masks.prediction import MaskPredictor
    from kaggle_utils.tasks.networks import Lesson
    from kaggle_utils.tasks.runs import Runs

_SAME_DICE = 0.99  # of two answers; a batch of another size may round differently


@dataclass(frozen=True)
class Masks(NetworkKind):
    """What a competition says of its masks.

    classes: how many an item has; at most eight
    shape: (height, width) of the submission's masks, in which all is decided, whatever a model's input is
    top_pixels: what is tried: how many of the highest pixels the gate looks at beside the label head
    pooled: whether the score is one Dice of the pixels of all items together, not the mean over pairs of item and class
    frames: that an item has, counted from the labelled one
    defaults: parameters of the training that are others here, where nothing is chosen
    """

    classes: int
    shape: tuple[int, int]
    top_pixels: tuple[int, ...] = (0,)
    pooled: bool = False
    frames: tuple[int, ...] = (0,)
    defaults: Mapping[str, Any] = field(default_factory=dict, hash=False)

    METRIC = "Dice"

    def __post_init__(self) -> None:
        if not 1 <= self.classes <= 8:
            raise ValueError(f"there are {self.classes} classes, expected 1 to 8: they are the bits of a byte")

    def lesson(self) -> Lesson:
        """Of :mod:`kaggle_utils.tasks.masks.training`."""
        from kaggle_utils.tasks.masks.training import MaskLesson

        return MaskLesson()

    def parameters(self, names: Mapping[str, Any], preset: Mapping[str, Any] | None = None) -> MaskTraining:
        """One member's training from a notebook's variables, see :meth:`MaskTraining.chosen`.

        >>> pyramid = Masks(4, (350, 525)).members({"members": {"small": {}, "large": {"size": (640, 448)}}})
        >>> {name: one.masks.size for name, one in pyramid.items()}
        {'small': (480, 320), 'large': (640, 448)}
        """
        from kaggle_utils.tasks.masks.parameters import MaskTraining

        found = MaskTraining.chosen(names, {**self.defaults, **(preset or {})}, self.classes)
        if odd := sorted({*found.masks.frames} - {*self.frames}):
            raise ValueError(f"frames has {odd[0]}, expected some of {list(self.frames)}, counted from the labelled one")
        return found

    def out_of_fold(
        self, competition: Competition, items: Items, runs: Runs, folds: pd.DataFrame, cache: Path, progress: str | None = None
    ) -> OutOfFold:
        """What a decision is made of, see :func:`kaggle_utils.tasks.masks.out_of_fold.out_of_fold`."""
        from kaggle_utils.tasks.masks.out_of_fold import out_of_fold

        return out_of_fold(competition, items, runs, folds, cache, progress)

    def predictor(
        self, competition: Competition, runs: Runs, decision: Mapping[str, Any], device: str = "cpu", models: str = "all"
    ) -> MaskPredictor:
        """Looks of some items -> (classes, height, width) uint8, 0 or 1, of each, by the rules that stage 3 measured.

        decision: as decision.json has it; models: "all" folds', the "first", for items that it left out, or those of "full"
        """
        from kaggle_utils.tasks.masks.decision import Decision
        from kaggle_utils.tasks.masks.prediction import MaskPredictor

        return MaskPredictor(competition, runs, Decision.from_plain(decision), device, models)

    def same(self, one: str, other: str) -> bool:
        """Whether two answers, an item's run lengths joined by ``|``, are the same but for a few pixels.

        >>> kind = Masks(4, (350, 525))
        >>> kind.same("1 900||5 5|", "1 899||5 5|"), kind.same("1 900|||", "|||")
        (True, False)
        """
        pairs = zip(one.split("|"), other.split("|"), strict=True)
        masks = ([mask_from_rle(text, self.shape) for text in pair] for pair in pairs)
        return all(dice_from_counts(dice_counts(*pair)) >= _SAME_DICE for pair in masks)
