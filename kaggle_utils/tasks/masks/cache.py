"""Pixels and truths at the size they are asked at, made once and kept in files that all processes map.

The masks of an item are bits of one byte a pixel: bit k is class k. So a training, the search for a decision and the
search for weights each decode a truth once, however often they look at it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kaggle_utils.files import replacing
from kaggle_utils.images.cache import cached_frames

if TYPE_CHECKING:
    from kaggle_utils.tasks.competition import Competition, Items

ANNOTATORS = 8  # that are told apart: the bits of a byte


def cached_pixels(
    competition: Competition, items: Items, folder: Path, size: tuple[int, int], progress: str | None = None, **pixels: Any
) -> np.ndarray:
    """(N, height, width, C) uint8 of all items, read by the competition; pixels: choices of the training.

    Items that are made of several files have the folder of them as their path.
    """

    def read(row: int, size: tuple[int, int], **pixels: Any) -> np.ndarray:
        return competition.read(items, row, size, **pixels)

    return cached_frames(items.table["path"].tolist(), folder, size, progress=progress, read=read, **pixels)


def cached_truths(
    competition: Competition, items: Items, folder: Path, size: tuple[int, int], progress: str | None = None
) -> np.ndarray:
    """(N, height, width) uint8 of all items, bit k is class k."""

    def of(row: int) -> np.ndarray:
        return np.packbits(competition.truth(items, row, size[::-1]).astype(bool), axis=0, bitorder="little")[0]

    return _kept("masks", of, items, folder, size, progress)


def cached_targets(
    competition: Competition, items: Items, folder: Path, size: tuple[int, int], how: str, progress: str | None = None
) -> np.ndarray:
    """(N, height, width) uint8 of what several people drew, of one class: their mean, 255 is all of them; or each one's.

    how: mean; annotator: bit k is what annotator k drew, from the first on again where there are fewer than eight
    """

    def of(row: int) -> np.ndarray:
        if how == "mean":
            return np.rint(255 * competition.target(items, row, size[::-1], how)[0])
        drawn = competition.target(items, row, size[::-1], how, range(ANNOTATORS))
        return np.packbits(drawn >= 0.5, axis=0, bitorder="little")[0]

    return _kept(how, of, items, folder, size, progress)


def _kept(
    name: str, of: Callable[[int], np.ndarray], items: Items, folder: Path, size: tuple[int, int], progress: str | None
) -> np.ndarray:
    """(N, height, width) uint8, mapped from a file that is made unless it is there; of: row -> (height, width)."""
    path = Path(folder) / f"{name}_{size[0]}x{size[1]}_{items.digest[:12]}.npy"
    if not path.is_file():
        from tqdm import tqdm

        with replacing(path) as part:
            kept = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=(len(items), size[1], size[0]))
            for row in tqdm(range(len(items)), desc=progress, disable=progress is None, unit="item"):
                kept[row] = of(row)
            kept.flush()
    return np.load(path, mmap_mode="r")


def unpacked(bits: np.ndarray, classes: int) -> np.ndarray:
    """(H, W) bits -> (H, W, classes) uint8, 0 or 1.

    >>> unpacked(np.array([[5]], np.uint8), 4).tolist()
    [[[1, 0, 1, 0]]]
    """
    return bits[..., None] >> np.arange(classes, dtype=np.uint8) & 1


def planes(bits: np.ndarray, classes: int) -> np.ndarray:
    """The same as (classes, H, W).

    >>> planes(np.array([[5]], np.uint8), 4).tolist()
    [[[1]], [[0]], [[1]], [[0]]]
    """
    return np.stack([bits >> np.uint8(k) & np.uint8(1) for k in range(classes)])
