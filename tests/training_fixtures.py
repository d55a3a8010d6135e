"""A task that is learnt in a second: is the left or the right half of a small picture brighter?"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from kaggle_utils.training import Fold

ROWS = 48


class Halves:
    """examples[row, draw]: ((1, 4, 8) float32, (1,) float32); a draw adds noise."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int | None]] = []

    def __getitem__(self, key: tuple[int, int | None]) -> tuple[np.ndarray, np.ndarray]:
        self.asked.append(key)
        row, draw = key
        left = row % 2 == 0
        image = np.random.default_rng(row).normal(size=(1, 4, 8)).astype(np.float32)
        image[..., :4] += 1.0 if left else 0.0
        image[..., 4:] += 0.0 if left else 1.0
        if draw is not None:
            image += np.random.default_rng(draw).normal(size=image.shape).astype(np.float32) * 0.1
        return image, np.float32([left])


def small_model(seed: int = 0) -> nn.Module:
    """Two convolutions with a norm, dropout and a head; parts named encoder and head."""
    torch.manual_seed(seed)
    encoder = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1))
    head = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(128, 1))
    return nn.Sequential(encoder, head)


def halves_fold() -> Fold:
    return Fold(Halves(), range(32), range(32, ROWS))


def accuracy(predictions) -> dict[str, float]:
    right = [(answer[:, 0] > 0.5) == (rows % 2 == 0) for rows, answer in predictions]
    return {"accuracy": float(np.concatenate(right).mean())}


def brier(predictions) -> dict[str, float]:
    """1 - mean squared error; never the same for two models, so it shows every difference."""
    wrong = [(answer[:, 0] - (rows % 2 == 0)) ** 2 for rows, answer in predictions]
    return {"brier": 1 - float(np.concatenate(wrong).mean())}
