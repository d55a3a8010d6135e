"""What segmenters learn from and what is kept of them; the rest networks share (:mod:`kaggle_utils.tasks.networks`).

An item is decoded once at each input size and kept in a file that all processes map. Predictions are resized to the
submission's shape before they are stored, so whatever a member's input, they can be averaged and decided on alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kaggle_utils.learning.augment import split_sets
from kaggle_utils.tasks.masks.cache import ANNOTATORS, cached_pixels, cached_targets, cached_truths
from kaggle_utils.tasks.masks.examples import DiceMetric, MaskExamples
from kaggle_utils.tasks.masks.parameters import MaskParameters, MaskTraining
from kaggle_utils.tasks.masks.prediction import predictions
from kaggle_utils.tasks.networks import Answers, Given, Lesson, Stacked, answers_file

if TYPE_CHECKING:
    from torch import nn

    from kaggle_utils.tasks.competition import Items
    from kaggle_utils.tasks.masks.kind import Masks


class MaskLesson(Lesson):
    """Masks and labels in 8 bits."""

    TRAINING = MaskTraining

    def stores(self, kind: Masks) -> dict[str, tuple[int, ...]]:
        """Masks in the shape of the submission, and the label head's."""
        return {"masks": (kind.classes, *kind.shape), "labels": (kind.classes,)}

    def digest(self, items: Items) -> str:
        """Of the masks and the size they are at."""
        return items.digest

    def prepare(self, given: Given, progress: str | None) -> None:
        """Pixels and masks at the member's size, in files."""
        _resized(given, progress)
        _targets(given, progress)
        if given.training.masks.learns_from:
            _unlabelled(given, progress)

    def pixels(self, given: Given) -> np.ndarray:
        """Mapped from that file."""
        return _resized(given)[0]

    def said(self, given: Given, parent: nn.Module, facts: Mapping[str, Any], **how: Any) -> Iterator[np.ndarray]:
        """Masks at this member's size, a byte a pixel."""
        own, asked = given.training.masks, (given.competition, given.unlabelled, given.cache, tuple(facts["size"]))
        pixels = cached_pixels(*asked, how["progress"], **MaskParameters(**facts["masks"]).pixels)
        found = predictions(parent, pixels, range(len(pixels)), "identity", own.size[::-1], **how)
        return (_as_learnt(masks, own) for _, (masks, _) in found)

    def examples(self, given: Given) -> tuple[MaskExamples, int]:
        """Pictures and masks, those of another member behind the true ones."""
        pixels, bits = _resized(given)[0], _targets(given)
        if given.training.masks.learns_from:
            pixels, bits = Stacked(pixels, _unlabelled(given)), Stacked(bits, np.load(answers_file(given), "r"))
        one, classes = given.training.masks, given.competition.KIND.classes
        return MaskExamples(pixels, bits, classes, split_sets(one.augmentations)[0], one.target), pixels.shape[0]

    def loss(self, given: Given) -> Callable:
        """As the parameters have it."""
        return given.training.loss()

    def metric(self, given: Given) -> DiceMetric:
        """At the size of the input."""
        kind = given.competition.KIND
        return DiceMetric(_resized(given)[1], kind.classes, given.training.masks.least_share, kind.pooled)

    def predictions(
        self, kind: Masks, model: nn.Module, pixels: np.ndarray, rows: Sequence[int], view: str, **how: Any
    ) -> Iterator[tuple[np.ndarray, Answers]]:
        """See :func:`kaggle_utils.tasks.masks.prediction.predictions`."""
        how.pop("workers", 0)  # what is mapped needs none
        return predictions(model, pixels, rows, view, kind.shape, **how)


def _resized(given: Given, progress: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Pixels and masks at a member's size, mapped from files; the first call makes the files."""
    asked = given.competition, given.items, given.cache, given.training.masks.size
    pixels = cached_pixels(*asked, progress and f"{given.competition.UNIT}s", **given.training.pixels)
    return pixels, cached_truths(*asked, progress and "masks")


def _targets(given: Given, progress: str | None = None) -> np.ndarray:
    """What is learnt of each item: the truth's bits, or what its annotators drew."""
    one = given.training.masks
    if not one.target:
        return _resized(given)[1]
    return cached_targets(given.competition, given.items, given.cache, one.size, one.target, progress and one.target)


def _as_learnt(masks: np.ndarray, one: MaskParameters) -> np.ndarray:
    """(B, H, W) uint8 of another member's (B, K, H, W) probabilities: kept where a mean is learnt, else 0 or 1."""
    if one.target == "mean":
        return np.rint(255 * masks[:, 0]).astype(np.uint8)
    sure = masks >= one.pseudo_from
    drawn = np.repeat(sure, ANNOTATORS, axis=1) if one.target else sure  # every annotator's
    return np.packbits(drawn, axis=1, bitorder="little")[:, 0]


def _unlabelled(given: Given, progress: str | None = None) -> np.ndarray:
    size, as_it_reads = given.training.masks.size, given.training.pixels
    return cached_pixels(given.competition, given.unlabelled, given.cache, size, progress, **as_it_reads)
