"""Segmenters asked about items: a fold's own in the training, and all folds' for the submission, a few items at a time.

The same function predicts in both, so what stage 3 measured is what is submitted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from kaggle_utils.learning.predict import predict
from kaggle_utils.learning.views import in_views
from kaggle_utils.tasks.masks.decision import Decision, decided
from kaggle_utils.tasks.masks.examples import MaskExamples
from kaggle_utils.tasks.networks import NetworkPredictor

if TYPE_CHECKING:
    from kaggle_utils.tasks.competition import Competition, Look
    from kaggle_utils.tasks.runs import Runs


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


class MaskPredictor(NetworkPredictor):
    """Items to masks, by a decision; the rest as for :class:`kaggle_utils.tasks.networks.NetworkPredictor`."""

    def __init__(self, competition: Competition, runs: Runs, decision: Decision, *how: str) -> None:
        from kaggle_utils.tasks.masks.training import MaskLesson

        super().__init__(MaskLesson(), competition, runs, decision.sets, *how)
        self.decision = decision

    def __call__(self, looks: Sequence[Look]) -> Iterator[np.ndarray]:
        """(K, height, width) uint8, 0 or 1, of each of some items; they are one batch."""
        answers = self.answers(looks)
        for row in range(len(looks)):
            masks, labels = ([part[row] for part in parts] for parts in zip(*answers, strict=True))
            yield decided(self.decision, masks, labels)
