"""Every n-th pixel of stored masks, for questions that are asked of many ensembles: which weights are best?

A search over weights looks at hundreds of ensembles of the same predictions. In the clouds competition a set
of predictions is 4 GB, yet which of two ensembles is better shows in every fifth pixel of each row and column:
160 MB a set. They lie in temporary files that are mapped, so they are the system's to keep in memory or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

SIZES = (0.0, 0.02, 0.05, 0.08)  # least share of the picture: the clouds competition's were .04 to .08
_AT_ONCE = 256  # images


@dataclass(frozen=True, eq=False)
class ThinnedMasks:
    """members: (N, M, C, h, w) uint8 probabilities by M members; truths: (N, C, h, w) uint8, 0 or 1; both mapped.

    pooled: whether one Dice is taken of all images' pixels together
    """

    members: np.ndarray
    truths: np.ndarray
    stride: int = 5
    pooled: bool = False

    @classmethod
    def create(
        cls, folder: Path, images: int, members: int, shape: tuple[int, int, int], stride: int = 5, pooled: bool = False
    ) -> ThinnedMasks:
        """To be filled by :meth:`put`; the files have no name, and go when this goes.

        folder: on whose disk they lie; shape: (C, H, W) of the whole maps; stride: one pixel of so many is kept, both ways
        """
        size = [len(range(stride // 2, length, stride)) for length in shape[1:]]
        Path(folder).mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder) as spot:
            shapes = {"members": (images, members, shape[0], *size), "truths": (images, shape[0], *size)}
            maps = {
                name: np.lib.format.open_memmap(f"{spot}/{name}.npy", mode="w+", dtype=np.uint8, shape=each)
                for name, each in shapes.items()
            }
            return cls(**maps, stride=stride, pooled=pooled)

    def put(self, image: int, values: np.ndarray, truth: np.ndarray) -> None:
        """values: (M, C, H, W) uint8, 255 is certain; truth: (C, H, W), any value but 0 belongs to the mask."""
        kept = slice(self.stride // 2, None, self.stride)
        self.members[image] = values[..., kept, kept]
        self.truths[image] = truth[..., kept, kept] != 0


def dice_by_fold(
    masks: ThinnedMasks, fold_of_image: np.ndarray, levels: Sequence[int], sizes: Sequence[float] = SIZES
) -> Callable[[np.ndarray], np.ndarray]:
    """What :func:`kaggle_utils.evidence.weights.select_weights` asks: (K, M) weights -> (K, G, C, L, S, 2).

    fold_of_image: (N,) of G folds, in ascending order of their ids
    levels: L of 1 to 255 that masks are drawn from; sizes: S, a mask of a smaller share of the picture is empty
    The last axis is the sum of the images' Dice and how many there are; pooled, of pixels in common, doubled, and of both.
    """
    from kaggle_utils.compiled.thinned import dice_of_means
    from kaggle_utils.compiled.threads import at_once

    members, truths = (_flat(maps) for maps in (masks.members, masks.truths))
    fold, asked = _asked(masks, fold_of_image, levels, sizes)

    def counts(weights: np.ndarray) -> np.ndarray:
        kernel = partial(dice_of_means, members, weights.astype(np.float32), truths, *asked)
        return sum(at_once([partial(kernel, *stretch) for stretch in _stretches(len(fold))]))

    return counts


def dice_of_merges(
    masks: ThinnedMasks,
    merges: Sequence[Callable[[np.ndarray], np.ndarray]],
    fold_of_image: np.ndarray,
    levels: Sequence[int],
    sizes: Sequence[float] = SIZES,
) -> np.ndarray:
    """(K, G, C, L, S, 2) as of :func:`dice_by_fold`; merges: K that make (n, C, h, w) uint8 of (M, n, C, h, w)."""
    from kaggle_utils.compiled.thinned import dice_of_maps
    from kaggle_utils.compiled.threads import at_once

    truths = _flat(masks.truths)
    fold, asked = _asked(masks, fold_of_image, levels, sizes)

    def of_stretch(first: int, last: int) -> np.ndarray:
        values = np.ascontiguousarray(np.swapaxes(masks.members[first:last], 0, 1))
        maps = np.stack([merge(values) for merge in merges], axis=1)
        return dice_of_maps(_flat(maps), truths, *asked, first, last)

    return sum(at_once([partial(of_stretch, *stretch) for stretch in _stretches(len(fold), _AT_ONCE // 8)]))


def _asked(masks: ThinnedMasks, fold_of_image: np.ndarray, levels: Sequence[int], sizes: Sequence[float]) -> tuple:
    """The fold number of each image; and as the kernels take them it, how many folds, levels and least pixels."""
    fold = np.unique(fold_of_image, return_inverse=True)[1]
    least = np.asarray(sizes) * masks.truths[0, 0].size
    return fold, (fold, int(fold.max()) + 1, np.array(levels, np.uint8), least, masks.pooled)


def _flat(maps: np.ndarray) -> np.ndarray:
    """(..., h * w), no longer known as a file's."""
    return np.asarray(maps).reshape(*maps.shape[:-2], -1)


def _stretches(images: int, length: int = _AT_ONCE) -> Iterator[tuple[int, int]]:
    return ((first, min(first + length, images)) for first in range(0, images, length))


def best_dice(sums: np.ndarray) -> float:
    """The Dice at each class's best level and size: (C, L, S, 2) of :func:`dice_by_fold` -> float.

    Pooled sums are one ratio for all classes, so the best of one class depends on the others': exact by Dinkelbach's
    rounds, see :mod:`kaggle_utils.masks.search`; where every class counts alike they end after the first.

    >>> best_dice(np.array([[[[3.0, 10.0], [6.0, 10.0]]], [[[1.0, 10.0], [0.0, 10.0]]]]))  # .6 and .1
    0.35
    """
    ways, price = sums.reshape(len(sums), -1, 2), 0.0
    while True:
        above, below = ways[np.arange(len(ways)), (ways @ (1.0, -price)).argmax(1)].sum(0)
        found = above / below if below else 0.0
        if not found > price:
            return float(price)
        price = found
