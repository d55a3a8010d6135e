"""Segmenters asked about items: a fold's own in the training, and all folds' for the submission, a few items at a time.

The same function predicts in both, so what stage 3 measured is what is submitted.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from kaggle_utils.images.decode import threaded
from kaggle_utils.learning.models import load_model
from kaggle_utils.learning.own import beside
from kaggle_utils.learning.predict import predict
from kaggle_utils.learning.views import in_views
from kaggle_utils.tasks.masks.decision import Decision, decided
from kaggle_utils.tasks.masks.examples import MaskExamples
from kaggle_utils.tasks.masks.parameters import MaskTraining

if TYPE_CHECKING:
    from kaggle_utils.tasks.competition import Competition, Look
    from kaggle_utils.tasks.runs import PredictionSet, Runs


def predictions(
    model: nn.Module, pixels: np.ndarray, rows: Sequence[int], view: str, shape: tuple[int, int],
    batch: int, device: str, mixed: bool = True, progress: str | None = None,
) -> Iterator[tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]]:  # fmt: skip
    """(rows (B,), (masks (B, K, *shape), labels (B, K))) float32, batch by batch, rows ascending.

    The labels of a model without a label head are its masks' maxima.

    pixels: (N, H, W, C) uint8, of which ``rows`` are asked; view: as :mod:`kaggle_utils.learning.views` names it
    shape: (height, width) that masks are resized to; mixed: as the training was
    """
    ask = in_views([view])

    def asked(model: nn.Module, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        answer = ask(model, inputs)
        masks, labels = answer if isinstance(answer, tuple) else (answer, answer.amax((2, 3)))
        masks = nn.functional.interpolate(masks, shape, mode="bilinear", align_corners=False, antialias=True)
        return masks.clamp(0, 1), labels

    return predict(model, MaskExamples(pixels), rows, batch=batch, device=device, mixed=mixed, asked=asked, progress=progress)


class MaskPredictor:
    """Items to masks: every set of a decision is the mean over the folds' models, then it is decided.

    runs: of the training stage; models: "all" folds', the "first", for items that it left out, or those of "full"
    """

    def __init__(
        self, competition: Competition, runs: Runs, decision: Decision, device: str = "cpu", models: str = "all"
    ) -> None:
        self.runs, self.decision, self.device, self.kind = runs, decision, device, competition.KIND
        self.folds = runs.folds_of(models)
        self.sets = runs.named(decision.merge.sets)
        self.trained = {one.member: self._training(one) for one in self.sets}
        self.model = functools.cache(partial(load_model, device=device))  # views share their models

    def __call__(self, looks: Sequence[Look]) -> Iterator[np.ndarray]:
        """(K, height, width) uint8, 0 or 1, of each of some items; they are one batch."""
        read: dict[str, np.ndarray] = {}  # members of one size and colour read once
        answers = [self._mean_of_folds(one, self._pixels(one, looks, read)) for one in self.sets]
        for row in range(len(looks)):
            masks, labels = ([part[row] for part in parts] for parts in zip(*answers, strict=True))
            yield decided(self.decision, masks, labels)

    def _training(self, asked: PredictionSet) -> MaskTraining:
        weights = self.runs.weights(asked.member, asked.checkpoint, self.folds)
        with beside(weights[self.folds[0]].parent):
            return MaskTraining.chosen(self.runs.parameters(asked.member), classes=self.kind.classes)

    def _pixels(self, asked: PredictionSet, looks: Sequence[Look], read: dict[str, np.ndarray]) -> np.ndarray:
        one = self.trained[asked.member]
        key = f"{one.masks.size} {one.pixels}"
        if key not in read:
            read[key] = np.stack(list(threaded(lambda look: look(one.masks.size, **one.pixels), looks)))
        return read[key]

    def _mean_of_folds(self, asked: PredictionSet, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(masks (B, K, height, width), labels (B, K)) of one prediction set."""
        one, answers = self.trained[asked.member], []
        how = {"batch": len(pixels), "device": self.device, "mixed": one.training.mixed}
        weights = self.runs.weights(asked.member, asked.checkpoint, self.folds)
        for fold in self.folds:
            found = predictions(self.model(weights[fold]), pixels, range(len(pixels)), asked.view, self.kind.shape, **how)
            answers += [answer for _, answer in found]
        return tuple(sum(parts) / len(parts) for parts in zip(*answers, strict=True))
