"""Every n-th pixel of stored masks, for questions that are asked of many ensembles: which weights are best?

A search over weights looks at hundreds of ensembles of the same predictions. In the clouds competition a set
of predictions is 4 GB, yet which of two ensembles is better shows in every fifth pixel of each row and column:
160 MB a set. They lie in a temporary file that is mapped, so memory holds one image at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from kaggle_utils.masks.dice import dice_from_counts, dice_table

SIZES = (0.0, 0.02, 0.05, 0.08)  # least share of the picture: the clouds competition's were .04 to .08


@dataclass(frozen=True, eq=False)
class ThinnedMasks:
    """members: (N, M, C, h, w) uint8 probabilities by M members; truths: (N, C, h, w) uint8, 0 or 1; both mapped."""

    members: np.ndarray
    truths: np.ndarray


def thin(
    stores: Sequence[Any],
    rows: Sequence[int],
    truths: Iterable[np.ndarray],
    folder: Path,
    stride: int = 5,
    progress: str | None = None,
) -> ThinnedMasks:
    """Reads each image once from each store.

    stores: M that hold the N rows: shape (C, H, W) of a row, read_bytes(rows) -> (B, C, H, W) uint8, 255 is certain
    truths: N times (C, H, W), any value but 0 belongs to the mask
    folder: where two files are written; stride: one pixel of so many is kept, both ways
    progress: what the bar over the images is called; None: no bar
    """
    start = stride // 2
    c, *size = stores[0].shape
    shape = (c, *(len(range(start, length, stride)) for length in size))
    create = np.lib.format.open_memmap
    members = create(Path(folder) / "members.npy", mode="w+", dtype=np.uint8, shape=(len(rows), len(stores), *shape))
    kept = create(Path(folder) / "truths.npy", mode="w+", dtype=np.uint8, shape=(len(rows), *shape))
    pairs = tqdm(zip(rows, truths, strict=True), total=len(rows), desc=progress, disable=progress is None, unit="image")
    for i, (row, truth) in enumerate(pairs):
        kept[i] = truth[:, start::stride, start::stride] != 0
        for j, store in enumerate(stores):
            members[i, j] = store.read_bytes([row])[0][:, start::stride, start::stride]
    return ThinnedMasks(members, kept)


def dice_by_fold(
    masks: ThinnedMasks, fold_of_image: np.ndarray, levels: Sequence[int], sizes: Sequence[float] = SIZES
) -> Callable[[np.ndarray], np.ndarray]:
    """What :func:`kaggle_utils.evidence.weights.select_weights` asks: (K, M) weights -> (K, G, C, L, S, 2).

    fold_of_image: (N,) of G folds, in ascending order of their ids
    levels: L of 1 to 255 that masks are drawn from; sizes: S, a mask of a smaller share of the picture is empty
    The last axis is the sum of the images' Dice and how many there are.
    """
    fold = np.unique(fold_of_image, return_inverse=True)[1]

    def counts(weights: np.ndarray) -> np.ndarray:
        c = masks.truths.shape[1]
        sums = np.zeros((len(weights), fold.max() + 1, c, len(levels), len(sizes), 2))
        for i in range(len(fold)):
            merged = np.einsum("km,m...->k...", weights.astype(np.float32), masks.members[i].astype(np.float32))
            sums[:, fold[i], ..., 0] += _dice((merged + 0.5).astype(np.uint8), masks.truths[i], levels, sizes)
            sums[:, fold[i], ..., 1] += 1
        return sums

    return counts


def _dice(values: np.ndarray, truth: np.ndarray, levels: Sequence[int], sizes: Sequence[float]) -> np.ndarray:
    """(K, C, L, S) of (K, C, h, w) probabilities and one (C, h, w) truth."""
    table = dice_table(values, np.broadcast_to(truth, values.shape))[:, :, list(levels)]
    reaches = table[..., 1, None] >= np.asarray(sizes) * truth[0].size
    return np.where(reaches, dice_from_counts(table)[..., None], table[..., 2, None] == 0)


def best_dice(sums: np.ndarray) -> float:
    """The mean Dice at each class's best level and size: (C, L, S, 2) of :func:`dice_by_fold` -> float.

    >>> best_dice(np.array([[[[3.0, 10.0], [6.0, 10.0]]], [[[1.0, 10.0], [0.0, 10.0]]]]))  # .6 and .1
    0.35
    """
    means = sums[..., 0] / sums[..., 1]
    return float(means.reshape(len(means), -1).max(1).mean())
