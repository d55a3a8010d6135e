"""What classifiers learn from and what is kept of them; the rest networks share (:mod:`kaggle_utils.tasks.networks`).

Nothing is cached: an item's file is small, and is decoded by the processes that make batches, each time it is looked at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from kaggle_utils.labels.metrics import mean_f2
from kaggle_utils.labels.rules import labels_by_rule
from kaggle_utils.labels.search import fit_one_cut
from kaggle_utils.learning.augment import augmentation, split_sets
from kaggle_utils.learning.predict import predict
from kaggle_utils.learning.views import in_views
from kaggle_utils.tasks.labels.parameters import LabelTraining
from kaggle_utils.tasks.networks import Answers, Given, Lesson, Stacked, answers_file

if TYPE_CHECKING:
    from torch import nn

    from kaggle_utils.tasks.competition import Competition, Items
    from kaggle_utils.tasks.labels.items import LabelItems
    from kaggle_utils.tasks.labels.kind import Labels


@dataclass(frozen=True)
class Read:
    """Items as pixels, each read by the competition when it is asked for.

    size: (width, height); pixels: what else the competition is told; channels: that are then expected
    """

    competition: Competition
    items: Items
    size: tuple[int, int]
    pixels: Mapping[str, Any]
    channels: int

    @classmethod
    def of(cls, given: Given, items: Items) -> Read:
        """As a training reads them."""
        one = given.training
        return cls(given.competition, items, one.labels.size, one.pixels, one.channels)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, H, W, C)."""
        return len(self), *self.size[::-1], self.channels

    def __getitem__(self, row: int) -> np.ndarray:
        image = self.competition.read(self.items, row, self.size, **self.pixels)
        if image.shape != self.shape[1:]:
            name = self.items.table[self.competition.KEY].iloc[row]
            raise ValueError(f"{self.competition.UNIT} {name} has shape {image.shape}, expected {self.shape[1:]}")
        return image


class LabelExamples:
    """What the trainer reads: (image (C, H, W) uint8, labels (L,) float32), or images alone.

    pixels: (N, H, W, C) uint8, or what gives a row's; labels: (N, L), from 0 to 1, None where no truth is known
    augmentations: sets of :mod:`kaggle_utils.learning.augment`, applied where a draw is given
    """

    def __init__(self, pixels: Any, labels: np.ndarray | None = None, augmentations: str = "none") -> None:
        self.pixels, self.labels = pixels, None if labels is None else labels.astype(np.float32)
        self.augmented = augmentation(augmentations, size=pixels.shape[2:0:-1], channels=pixels.shape[3])

    def __getitem__(self, key: tuple[int, int | None]) -> Any:
        row, draw = key
        image, _ = self.augmented(np.asarray(self.pixels[row]), None, draw)
        image = torch.from_numpy(image.transpose(2, 0, 1).copy())
        return image if self.labels is None else (image, self.labels[row])


@dataclass(frozen=True)
class F2Metric:
    """The mean F2 over items at the best threshold for all labels; truth: (N, L) bool of all items."""

    truth: np.ndarray

    def __call__(self, predicted: Iterator[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
        rows, answers = (np.concatenate(parts) for parts in zip(*predicted, strict=True))
        rule = fit_one_cut(answers, self.truth[rows])
        return {"f2": mean_f2(self.truth[rows], labels_by_rule(rule, answers)), "cut": rule.cuts[0]}


class LabelLesson(Lesson):
    """Probabilities in 32 bits: stacking and expectations ask for those that 8 bits would make 0."""

    TRAINING, DTYPE = LabelTraining, "float32"

    def stores(self, kind: Labels) -> dict[str, tuple[int, ...]]:
        """Labels."""
        return {"labels": (kind.classes,)}

    def digest(self, items: LabelItems) -> str:
        """Of the labels."""
        return hashlib.sha1(np.packbits(items.labels).tobytes()).hexdigest()

    def pixels(self, given: Given) -> Read:
        """Read one by one."""
        return Read.of(given, given.items)

    def said(self, given: Given, parent: nn.Module, facts: Mapping[str, Any], **how: Any) -> Iterator[np.ndarray]:
        """(B, L) probabilities, or labels where ``pseudo_from`` asks for them."""
        kind, least = given.competition.KIND, given.training.labels.pseudo_from
        asked = self.TRAINING.chosen(facts["labels"] | {"size": facts["size"]}, facts["model"], kind.classes)
        pixels = Read(given.competition, given.unlabelled, asked.labels.size, asked.pixels, asked.channels)
        found = self.predictions(kind, parent, pixels, range(len(pixels)), "identity", **how)
        return (answer >= least if least else answer for _, (answer,) in found)

    def examples(self, given: Given) -> tuple[LabelExamples, int]:
        """Pictures and labels, those of another member behind the true ones."""
        pixels, labels = Read.of(given, given.items), given.items.labels
        if given.training.labels.learns_from:
            pixels = Stacked(pixels, Read.of(given, given.unlabelled))
            labels = np.concatenate([labels, np.load(answers_file(given))])
        return LabelExamples(pixels, labels, split_sets(given.training.labels.augmentations)[0]), len(labels)

    def loss(self, given: Given) -> Callable:
        """As the parameters have it, labels weighed as they are in the rows that are learnt."""
        learnt = given.items.labels[given.learnt]
        return given.training.loss(learnt.sum(0).tolist(), len(learnt))

    def metric(self, given: Given) -> F2Metric:
        """On the items' own labels."""
        return F2Metric(given.items.labels)

    def predictions(
        self, kind: Labels, model: nn.Module, pixels: Any, rows: Sequence[int], view: str, **how: Any
    ) -> Iterator[tuple[np.ndarray, Answers]]:
        """(rows (B,), ((B, L) float32,)) batch by batch; how: as for :func:`kaggle_utils.learning.predict.predict`."""
        found = predict(model, LabelExamples(pixels), rows, asked=in_views([view]), **how)
        return ((numbers, (answer,)) for numbers, answer in found)
