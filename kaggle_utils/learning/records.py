"""What a training is told and tells: its rows, what an epoch gave, how it ended."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from kaggle_utils.learning.batches import Examples

__all__ = ["Epoch", "Fold", "Outcome"]


@dataclass(frozen=True)
class Fold:
    """Rows to learn from and rows to be judged on, out of the same examples."""

    examples: Examples
    train: Sequence[int]
    valid: Sequence[int]

    def digest(self) -> str:
        """Stands for the rows learnt from and those judged on.

        >>> Fold([], [1, 0], [2]).digest() == Fold([], [0, 1], [2]).digest() != Fold([], [0], [1, 2]).digest()
        True
        """
        sides = [np.sort(np.asarray(rows, np.int64)).tobytes() for rows in (self.train, self.valid)]
        return hashlib.sha1(b"|".join(sides)).hexdigest()


@dataclass(frozen=True)
class Epoch:
    """What a callback is told after an epoch; the model is the one that was judged."""

    number: int  # from 1
    loss: float  # mean over the training rows
    figures: Mapping[str, float]  # the metric's
    better: bool  # than all before
    model: nn.Module


@dataclass(frozen=True)
class Outcome:
    """How a training ended.

    best: the best epoch's first figure; best_epoch: its number, from 1. None and 0 when no epoch was judged
    seconds: that it took, over all sessions
    stopped: why it ended, in words; finished: False when the deadline stopped it
    history: a mapping an epoch; folder: where best.pth and last.pth lie
    """

    best: float | None
    best_epoch: int
    stopped: str
    finished: bool
    seconds: float
    history: list[dict[str, float]]
    folder: Path
