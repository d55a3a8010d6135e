"""Clouds: a model trained on each fold, and what it says of the pictures it has not seen, on disk.

A picture is decoded once at each input size and kept in a file that all processes map; its four masks
lie beside it as four bits of one byte a pixel. Predictions are resized to the submission's 350x525
before they are stored, so whatever the input size, they can be averaged and decided on alike. The
submission asks through :func:`predictions`, the same as here.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from kaggle_utils.augment import augmentation
from kaggle_utils.checkpoints import load_weights
from kaggle_utils.competitions.clouds import CLASSES, SUBMISSION_SHAPE, CloudsData
from kaggle_utils.competitions.clouds_parameters import CloudsRun
from kaggle_utils.dice import dice_counts, dice_from_counts
from kaggle_utils.files import replacing
from kaggle_utils.fold_runs import each_fold
from kaggle_utils.frame_cache import cached_frames
from kaggle_utils.inference import predict
from kaggle_utils.losses import loss, masks_and_labels
from kaggle_utils.models import build
from kaggle_utils.prediction_store import PredictionStore
from kaggle_utils.training import Fold, train
from kaggle_utils.tta_batches import in_views

__all__ = [
    "CloudExamples",
    "DiceMetric",
    "FoldResult",
    "cached_masks",
    "parsed_name",
    "predictions",
    "set_name",
    "train_fold",
    "train_folds",
    "unpacked",
]

LEVELS = (0.3, 0.4, 0.5, 0.6)  # that an epoch is judged at; stage 3 looks closer
Size = tuple[int, int]  # (width, height) in pixels


class CloudExamples:
    """What the trainer reads: (image (C, H, W) uint8, (masks (4, H, W), labels (4,)) float32), or images alone.

    images: (N, H, W, 3) uint8, or (N, H, W, 1) grey; bits: (N, H, W) uint8, bit k is class k, None where no truth is known
    augmentations: sets of :mod:`kaggle_utils.augment`, applied where a draw is given
    """

    def __init__(self, images: np.ndarray, bits: np.ndarray | None = None, augmentations: str = "none") -> None:
        self.images, self.bits = images, bits
        self.augmented = augmentation(augmentations, size=images.shape[2:0:-1], channels=images.shape[3])

    def __getitem__(self, key: tuple[int, int | None]) -> Any:
        row, draw = key
        image = np.asarray(self.images[row])
        if self.bits is None:
            return torch.from_numpy(image.transpose(2, 0, 1).copy())
        image, masks = self.augmented(image, unpacked(self.bits[row]), draw)
        masks = torch.from_numpy(masks.transpose(2, 0, 1).astype(np.float32))
        return torch.from_numpy(image.transpose(2, 0, 1).copy()), (masks, masks.amax((1, 2)))


def unpacked(bits: np.ndarray) -> np.ndarray:
    """(H, W) bits -> (H, W, 4) uint8, 0 or 1.

    >>> unpacked(np.array([[5]], np.uint8)).tolist()
    [[[1, 0, 1, 0]]]
    """
    return bits[..., None] >> np.arange(len(CLASSES), dtype=np.uint8) & 1


def cached_masks(data: CloudsData, folder: Path, size: Size, progress: str | None = None) -> np.ndarray:
    """(N, height, width) uint8, bit k is class k; made once in ``folder``, then mapped."""
    key = hashlib.sha256(str(data.shape).encode())
    for text in data.texts.ravel():
        key.update(f"{text};".encode())
    path = Path(folder) / f"masks_{size[0]}x{size[1]}_{key.hexdigest()[:12]}.npy"
    if not path.is_file():
        from tqdm import tqdm

        with replacing(path) as part:
            shape = (len(data.texts), size[1], size[0])
            bits = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
            for row in tqdm(range(len(bits)), desc=progress, disable=progress is None, unit="image"):
                bits[row] = np.packbits(data.masks(row, size[::-1]), axis=0, bitorder="little")[0]
            bits.flush()
    return np.load(path, mmap_mode="r")


@dataclass(frozen=True)
class DiceMetric:
    """The mean Dice over pairs at the best of LEVELS, at the size of the input.

    bits: (N, H, W) of :func:`cached_masks`; fewest: masks of a smaller share of the picture count as empty
    """

    bits: np.ndarray
    fewest: float

    def __call__(self, predicted: Iterable[tuple[np.ndarray, Any]]) -> dict[str, float]:
        pairs = (pair for rows, (masks, _) in predicted for pair in zip(rows, masks, strict=True))
        mean = np.mean([self._image(row, masks) for row, masks in pairs], axis=(0, 2))  # (L,)
        return {"dice": float(mean.max()), "level": LEVELS[int(mean.argmax())]}

    def _image(self, row: int, probability: np.ndarray) -> np.ndarray:
        """(L, 4)"""
        truth = unpacked(self.bits[row]).transpose(2, 0, 1)
        return np.stack([dice_from_counts(dice_counts(self._drawn(probability >= level), truth)) for level in LEVELS])

    def _drawn(self, masks: np.ndarray) -> np.ndarray:
        return masks & (masks.mean((1, 2), keepdims=True) >= self.fewest)


def set_name(size: Size, view: str, checkpoint: str = "best") -> str:
    """The name of a prediction set: a model's input size, the view it was asked in, and its epoch where not the best.

    >>> set_name((480, 320), "hflip"), set_name((480, 320), "hflip", "last")
    ('480x320_hflip', '480x320_hflip_last')
    """
    return f"{size[0]}x{size[1]}_{view}" + ("" if checkpoint == "best" else f"_{checkpoint}")


def parsed_name(name: str) -> tuple[Size, str, str]:
    """The inverse of :func:`set_name`.

    >>> parsed_name("480x320_identity@1.25_last")
    ((480, 320), 'identity@1.25', 'last')
    """
    size, view, *rest = name.split("_")
    width, height = map(int, size.split("x"))
    return (width, height), view, rest[0] if rest else "best"


def predictions(
    model: nn.Module, images: np.ndarray, rows: Sequence[int], view: str, batch: int, device: str, progress: str | None = None
) -> Iterator[tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]]:
    """(rows (B,), (masks (B, 4, 350, 525), labels (B, 4))) float32, batch by batch, rows ascending.

    images: (N, H, W, C) uint8, of which ``rows`` are asked; view: as :mod:`kaggle_utils.tta_batches` names it
    """
    ask = in_views([view])

    def asked(model: nn.Module, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        masks, labels = ask(model, inputs)
        masks = nn.functional.interpolate(masks, SUBMISSION_SHAPE, mode="bilinear", align_corners=False, antialias=True)
        return masks.clamp(0, 1), labels

    return predict(model, CloudExamples(images), rows, batch=batch, device=device, asked=asked, progress=progress)


@dataclass(frozen=True)
class FoldResult:
    """One size's model of one fold: its best Dice while training, and where its weights and predictions lie.

    stores: {set name: (path of the masks, path of the labels)}; rows: (M,) of the data, that it has not seen
    """

    fold: int
    size: Size
    dice: float
    minutes: float
    stopped: str
    rows: np.ndarray
    weights: Path
    stores: dict[str, tuple[Path, Path]]
    history: list[dict[str, float]]


def train_fold(
    data: CloudsData,
    fold_of_image: np.ndarray,
    fold: int,
    size: Size,
    output: Path,
    run: CloudsRun,
    *,
    cache: Path,
    device: str = "cpu",
    seconds_left: Callable[[], float] = lambda: math.inf,
    progress: str | None = None,
) -> FoldResult:
    """Train on all folds but one, predict that one in every view; what is done is not done again.

    data: images that are all there; cache: folder for resized pictures; output: folder for weights and stores
    progress: title of the bars, None for none
    """
    began = time.time()
    pictures = data.images["path"].tolist()
    images = cached_frames(pictures, cache, size, progress=progress and "pictures", grayscale=run.clouds.grayscale)
    bits = cached_masks(data, cache, size, progress and "masks")
    rows, others = np.flatnonzero(fold_of_image == fold), np.flatnonzero(fold_of_image != fold)
    examples = CloudExamples(images, bits, run.clouds.augmentations)
    model = build(run.model, seed=run.training.seed + fold)
    outcome = train(
        model, masks_and_labels(loss(run.clouds.loss), loss("bce"), run.clouds.label_weight), Fold(examples, others, rows),
        DiceMetric(bits, run.clouds.fewest), output / f"{size[0]}x{size[1]}_fold{fold}", run.training, device=device,
        seconds_left=seconds_left, facts={"model": run.model.plain(), "size": size, "fold": fold}, progress=progress,
    )  # fmt: skip
    facts = {"run": run.plain(), "epoch": outcome.best_epoch, "size": size}
    stores = {}
    for checkpoint, view in product(run.clouds.checkpoints, run.clouds.views):
        model.load_state_dict(load_weights(outcome.folder / f"{checkpoint}.pth")["state"])
        name = set_name(size, view, checkpoint)
        asked = (model, images, view, run.training.batch, device, progress and f"{progress}, {view}")
        stores[name] = _stored(output / f"{name}_fold{fold}", rows, facts, asked)
    return FoldResult(
        fold, size, float(outcome.best or np.nan), (time.time() - began) / 60, outcome.stopped, rows,
        outcome.folder / "best.pth", stores, outcome.history,
    )  # fmt: skip


def train_folds(
    data: CloudsData,
    fold_of_image: np.ndarray,
    folds: Sequence[int],
    output: Path,
    run: CloudsRun,
    *,
    devices: Sequence[str] = ("cpu",),
    progress: bool = False,
    **where: Any,
) -> list[FoldResult]:
    """:func:`train_fold` for every input size and fold, as many folds at a time as there are devices.

    where: cache and seconds_left, as for :func:`train_fold`; progress: show bars
    """
    results = []
    for size in run.clouds.sizes:

        def one(fold: int, device: str, size: Size = size) -> FoldResult:
            title = f"{size[0]}x{size[1]} fold {fold}" if progress else None
            return train_fold(data, fold_of_image, fold, size, output, run, device=device, progress=title, **where)

        results += each_fold(folds, one, devices)
    return results


def _stored(place: Path, rows: np.ndarray, facts: Mapping[str, Any], asked: tuple) -> tuple[Path, Path]:
    """Masks and labels of the rows in two stores; only what is missing is predicted."""
    model, images, view, batch, device, progress = asked
    shapes = {"masks": (len(CLASSES), *SUBMISSION_SHAPE), "labels": (len(CLASSES),)}
    paths = {kind: place.with_name(f"{place.name}_{kind}.npy") for kind in shapes}
    masks, labels = (PredictionStore.create(paths[kind], rows, shape, facts) for kind, shape in shapes.items())
    missing = np.union1d(masks.missing(), labels.missing())
    if len(missing):
        for numbers, (some_masks, some_labels) in predictions(model, images, missing, view, batch, device, progress):
            masks.write(numbers, some_masks)
            labels.write(numbers, some_labels)
    return paths["masks"], paths["labels"]
