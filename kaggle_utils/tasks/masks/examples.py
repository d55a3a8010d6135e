"""Items with their masks as a training reads them, and the Dice that an epoch is judged by.

The masks that are learnt are those of the truth, bits of one byte a pixel; or what several people drew, their mean or one
of them, another one each time. What an epoch is judged by stays the truth.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from kaggle_utils.learning.augment import augmentation
from kaggle_utils.masks.dice import dice_counts, dice_from_counts
from kaggle_utils.tasks.masks.cache import ANNOTATORS, unpacked

LEVELS = (0.3, 0.4, 0.5, 0.6)  # that an epoch is judged at; stage 3 looks closer


class MaskExamples:
    """What the trainer reads: (image (C, H, W) uint8, (masks (K, H, W), labels (K,)) float32), or images alone.

    images: (N, H, W, C) uint8; bits: (N, H, W) uint8, bit k is class k, None where no truth is known
    classes: K; augmentations: sets of :mod:`kaggle_utils.learning.augment`, applied where a draw is given
    target: "mean" or "annotator": bits are those of :func:`kaggle_utils.tasks.masks.cache.cached_targets`
    """

    def __init__(
        self,
        images: np.ndarray,
        bits: np.ndarray | None = None,
        classes: int = 1,
        augmentations: str = "none",
        target: str = "",
    ) -> None:
        self.images, self.bits, self.classes, self.target = images, bits, classes, target
        self.augmented = augmentation(augmentations, size=images.shape[2:0:-1], channels=images.shape[3])

    def __getitem__(self, key: tuple[int, int | None]) -> Any:
        row, draw = key
        image = np.asarray(self.images[row])
        if self.bits is None:
            return torch.from_numpy(image.transpose(2, 0, 1).copy())
        image, masks = self.augmented(image, self._learnt(row, draw), draw)
        masks = torch.from_numpy(masks.transpose(2, 0, 1).astype(np.float32) / (255 if self.target == "mean" else 1))
        return torch.from_numpy(image.transpose(2, 0, 1).copy()), (masks, masks.amax((1, 2)))


    def _learnt(self, row: int, draw: int | None) -> np.ndarray:
        """(H, W, K) uint8"""
        if self.target == "mean":
            return np.array(self.bits[row])[..., None]
        if self.target == "annotator":
            return self.bits[row][..., None] >> np.uint8(np.random.default_rng(draw or 0).integers(ANNOTATORS)) & 1
        return unpacked(self.bits[row], self.classes)


@dataclass(frozen=True)
class DiceMetric:
    """The Dice at the best of LEVELS, at the size of the input: the mean over pairs, or pooled, of all pixels together.

    bits: (N, H, W) of :func:`kaggle_utils.tasks.masks.cache.cached_truths`; classes: K
    least_share: masks of a smaller share of the picture count as empty
    """

    bits: np.ndarray
    classes: int
    least_share: float
    pooled: bool = False

    def __call__(self, predicted: Iterable[tuple[np.ndarray, Any]]) -> dict[str, float]:
        found = ((rows, answer[0] if isinstance(answer, tuple) else answer) for rows, answer in predicted)
        pairs = (pair for rows, masks in found for pair in zip(rows, masks, strict=True))
        counts = np.array([self._image(row, masks) for row, masks in pairs])  # (N, L, K, 3)
        dice = dice_from_counts(counts.sum((0, 2))) if self.pooled else dice_from_counts(counts).mean((0, 2))  # (L,)
        return {"dice": float(dice.max()), "level": LEVELS[int(dice.argmax())]}

    def _image(self, row: int, probability: np.ndarray) -> np.ndarray:
        """(L, K, 3)"""
        truth = unpacked(self.bits[row], self.classes).transpose(2, 0, 1)
        return np.stack([dice_counts(self._drawn(probability >= level), truth) for level in LEVELS])

    def _drawn(self, masks: np.ndarray) -> np.ndarray:
        return masks & (masks.mean((1, 2), keepdims=True) >= self.least_share)
