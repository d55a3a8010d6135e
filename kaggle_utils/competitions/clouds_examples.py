"""Clouds: pictures and masks as a training reads them, and the Dice that an epoch is judged by.

The four masks of a picture lie beside it as four bits of one byte a pixel, at the size it is trained at,
in a file that all processes map.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kaggle_utils.competitions.clouds import CLASSES, CloudsData
from kaggle_utils.files import replacing
from kaggle_utils.learning.augment import augmentation
from kaggle_utils.masks.dice import dice_counts, dice_from_counts

__all__ = ["CloudExamples", "DiceMetric", "cached_masks", "masks_digest", "unpacked"]

LEVELS = (0.3, 0.4, 0.5, 0.6)  # that an epoch is judged at; stage 3 looks closer


class CloudExamples:
    """What the trainer reads: (image (C, H, W) uint8, (masks (4, H, W), labels (4,)) float32), or images alone.

    images: (N, H, W, 3) uint8, or (N, H, W, 1) grey; bits: (N, H, W) uint8, bit k is class k, None where no truth is known
    augmentations: sets of :mod:`kaggle_utils.learning.augment`, applied where a draw is given
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


def masks_digest(data: CloudsData) -> str:
    """Stands for all masks and the size they are at."""
    key = hashlib.sha256(str(data.shape).encode())
    for text in data.texts.ravel():
        key.update(f"{text};".encode())
    return key.hexdigest()


def cached_masks(data: CloudsData, folder: Path, size: tuple[int, int], progress: str | None = None) -> np.ndarray:
    """(N, height, width) uint8, bit k is class k; made once in ``folder``, then mapped."""
    path = Path(folder) / f"masks_{size[0]}x{size[1]}_{masks_digest(data)[:12]}.npy"
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
        found = ((rows, answer[0] if isinstance(answer, tuple) else answer) for rows, answer in predicted)
        pairs = (pair for rows, masks in found for pair in zip(rows, masks, strict=True))
        mean = np.mean([self._image(row, masks) for row, masks in pairs], axis=(0, 2))  # (L,)
        return {"dice": float(mean.max()), "level": LEVELS[int(mean.argmax())]}

    def _image(self, row: int, probability: np.ndarray) -> np.ndarray:
        """(L, 4)"""
        truth = unpacked(self.bits[row]).transpose(2, 0, 1)
        return np.stack([dice_from_counts(dice_counts(self._drawn(probability >= level), truth)) for level in LEVELS])

    def _drawn(self, masks: np.ndarray) -> np.ndarray:
        return masks & (masks.mean((1, 2), keepdims=True) >= self.fewest)
