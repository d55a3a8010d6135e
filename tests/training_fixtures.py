"""A task that is learnt in a second: is the left or the right half of a small picture brighter?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from kaggle_utils.learning.batches import Fold
from kaggle_utils.learning.checkpoints import load_weights
from kaggle_utils.learning.parameters import TrainingParameters
from kaggle_utils.learning.trainer import Outcome, train

BCE = nn.functional.binary_cross_entropy_with_logits
SHORT = {"epochs": 4, "batch": 8, "lr": 0.01}
ROWS = 48


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Tiny tensors: threads that wait for one another cost more than they bring."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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


class Session:
    """An hour is left, until it has been asked so many times; then so many seconds."""

    def __init__(self, calls: int, at_last: float = 0.0) -> None:
        self.calls, self.at_last = calls, at_last

    def __call__(self) -> float:
        self.calls -= 1
        return 3600.0 if self.calls > 0 else self.at_last


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


def weights(path: Path) -> dict[str, torch.Tensor]:
    return load_weights(path)["state"]


def worse(predictions) -> dict[str, float]:
    """A score that falls as the model learns, so that the first epoch stays the best."""
    return {"worse": -brier(predictions)["brier"]}


def equal(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def tried(folder: Path, model: nn.Module | None = None, metric=brier, fold: Fold | None = None, **changes) -> Outcome:
    """A short training; changes are parameters or options of train()."""
    options = {k: changes.pop(k) for k in ("callbacks", "seconds_left", "mix", "facts", "progress") if k in changes}
    parameters = TrainingParameters(**SHORT | changes)
    return train(model or small_model(), BCE, fold or halves_fold(), metric, folder, parameters, **options)
