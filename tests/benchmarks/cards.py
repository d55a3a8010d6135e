"""What a card gives the trainer: ``python -m tests.benchmarks.cards`` on a machine with a GPU or two.

Three tables: a training step of every architecture in mixed precision; images a second of a training, with
its reading and augmenting, against the same step on tensors that are there already (aim: 95 %); what is left
on the card after each fold. With two cards also the seconds of two folds in turn and side by side, and of one
model trained by one card and by both. Without a card it says so and runs on the CPU; ``--small`` for a look.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from kaggle_utils.learning.batches import Fold
from kaggle_utils.learning.data_parallel import Team, together
from kaggle_utils.learning.devices import each_fold, mixed_precision
from kaggle_utils.learning.losses import loss, masks_and_labels
from kaggle_utils.learning.models import ModelParameters, architectures, build
from kaggle_utils.learning.parameters import TrainingParameters
from kaggle_utils.learning.predict import moved
from kaggle_utils.learning.trainer import Epoch, train
from kaggle_utils.tasks.masks.examples import MaskExamples

ENCODER = "tu-tf_efficientnet_lite0"
AIM = 0.95


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.cards", description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="tiny pictures and two architectures")
    small = parser.parse_args(arguments).small
    devices = [f"cuda:{number}" for number in range(torch.cuda.device_count())] or ["cpu"]
    names = [torch.cuda.get_device_name(d) for d in devices] if devices != ["cpu"] else ["no card, so the CPU"]
    print("; ".join(names), f"torch {torch.__version__}\n", sep="; ")
    size, n, batch = ((96, 64), 16, 4) if small else ((480, 320), 640, 16)
    print("| architecture | ms a step | MB |\n|---|---|---|")
    for name in ["unet", "classifier"] if small else architectures():
        print(f"| {name} | {_step(name, devices[0], size, batch)} |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        fed = n / _seconds_an_epoch(devices[:1], Path(folder) / "fed", size, n, batch)
        held = 1000 * batch / float(_step("unet", devices[0], size, batch).split()[0])
        print(
            f"\n{fed:.0f} images a second with reading and augmenting, {held:.0f} on tensors that are there: {fed / held:.0%}"
        )
        print(f"(aim {AIM:.0%})")
        for title, seconds in _folds_and_cards(devices, Path(folder), size, n, batch):
            print(f"{title}: {seconds:.1f} s")


def _step(architecture: str, device: str, size: tuple[int, int], batch: int, steps: int = 10) -> str:
    """Median milliseconds of a training step after a few, and the most memory it took."""
    classes = {"classes": 4, "labels": 0 if architecture == "classifier" else 4}
    try:
        model = build(ModelParameters(architecture=architecture, encoder=ENCODER, **classes)).to(device).train()
    except ValueError as error:
        return f"{error} | "
    cost = loss("bce") if architecture == "classifier" else masks_and_labels(loss("bce+dice"), loss("bce"), 0.5)
    optimizer, place = torch.optim.AdamW(model.parameters()), torch.device(device)
    inputs = moved(torch.randint(0, 256, (batch, 3, *size[::-1]), dtype=torch.uint8), place)
    labels = torch.rand(batch, 4, device=device).round()
    targets = labels if architecture == "classifier" else (torch.rand(batch, 4, *size[::-1], device=device).round(), labels)
    scaler, spent = torch.amp.GradScaler("cuda", enabled=place.type == "cuda"), []
    for _ in range(steps):
        began = time.perf_counter()
        with mixed_precision(place):
            value = cost(model(inputs), targets)
        scaler.scale(value).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
        value.item()  # waits for the card
        spent.append(time.perf_counter() - began)
    most = torch.cuda.max_memory_allocated(device) / 2**20 if place.type == "cuda" else 0
    return f"{1000 * float(np.median(spent[steps // 2 :])):.1f} | {most:.0f}"


def _learn(team: Team, folder: Path, size: tuple[int, int], n: int, batch: int, epochs: int = 3) -> list[float]:
    """The times at which the epochs of a training on made pictures ended."""
    rng, ends = np.random.default_rng(0), []
    pictures = rng.integers(0, 256, (n, *size[::-1], 3), dtype=np.uint8)
    examples = MaskExamples(
        pictures, rng.integers(0, 16, (n, *size[::-1]), dtype=np.uint8), 4, "brightness_contrast+flips+rotate_rescale"
    )

    def told(epoch: Epoch) -> None:
        ends.append(time.perf_counter())

    train(
        build(ModelParameters(architecture="unet", encoder=ENCODER, classes=4, labels=4)),
        masks_and_labels(loss("bce+dice"), loss("bce"), 0.5), Fold(examples, range(n), range(2)),
        lambda predictions: {"seen": float(sum(len(rows) for rows, _ in predictions))},
        folder, TrainingParameters(epochs=epochs, batch=batch), team=team, callbacks=[told],
    )  # fmt: skip
    return ends


def _seconds_an_epoch(devices: Sequence[str], folder: Path, size: tuple[int, int], n: int, batch: int) -> float:
    """Of the later epochs: the first one finds the fastest kernels."""
    return min(later - earlier for earlier, later in itertools.pairwise(together(devices, _learn, folder, size, n, batch)))


def _fold(fold: int, devices: tuple[str, ...], folder: Path, size: tuple[int, int], n: int, batch: int) -> float:
    return _seconds_an_epoch(devices, folder / f"fold{fold}", size, n, batch)


def _folds_and_cards(
    devices: list[str], folder: Path, size: tuple[int, int], n: int, batch: int
) -> Iterator[tuple[str, float]]:
    """A warning tells of memory that a fold leaves on its card; with one card only the first figure."""
    for title, chosen in {"two folds in turn": devices[:1], "two folds, a card each": devices[:2]}.items():
        if len(chosen) == 1 + ("each" in title):
            began = time.perf_counter()
            each_fold([0, 1], partial(_fold, folder=folder / title, size=size, n=n, batch=batch), chosen)
            yield title, time.perf_counter() - began
    if len(devices) > 1:
        yield "an epoch of one model on one card", _seconds_an_epoch(devices[:1], folder / "one", size, n, batch)
        yield "an epoch of one model on both", _seconds_an_epoch(devices[:2], folder / "both", size, n, batch)


if __name__ == "__main__":
    main()
