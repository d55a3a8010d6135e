"""Connected components of masks: small ones removed, and what every minimum size is worth.

Teams of the clouds competition dropped components below 10,000 to 15,000 pixels, those of contrails
below 10. The natural search labels the components anew for every threshold and size; here they are
labelled once for each threshold, and as leaving out the k smallest only takes their pixels from the
sums, sorted and cumulated sums give the Dice at every size there is.

Components are found by a kernel that numba compiles; the twin uses OpenCV's labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np

from kaggle_utils.masks.dice import dice_from_counts

__all__ = ["remove_small", "component_counts", "dice_by_removed", "mask_size_table"]


def remove_small(mask: np.ndarray, size: int, connectivity: int = 8, engine: str | None = None) -> np.ndarray:
    """(H, W) uint8, 0 or 1: the mask without its components of fewer than size pixels.

    mask: (H, W) bool or whole numbers, any value but 0 belongs to the mask
    connectivity: 8 where pixels touch at corners, too, 4 where only at sides
    engine: "compiled" (numba), "numpy" (the same answers) or None, compiled where numba is there
    Raises ValueError for another shape or setting.

    >>> remove_small(np.array([[1, 0, 0, 1], [0, 1, 0, 0]]), size=2)
    array([[1, 0, 0, 0],
           [0, 1, 0, 0]], dtype=uint8)
    """
    mask = np.asarray(mask)
    mask = np.ascontiguousarray(mask != 0).view(np.uint8)
    if _compiles(mask, connectivity, engine):
        from kaggle_utils.compiled.components import without_small

        return without_small(mask, size, int(connectivity == 8))
    labels, area = _labelled(mask, connectivity)
    large = area >= size
    large[0] = False
    return large[labels].view(np.uint8)


def component_counts(
    probability: np.ndarray,
    truth: np.ndarray,
    levels: Sequence[int],
    connectivity: int = 8,
    engine: str | None = None,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each level the components' area (K,) and common (K,) int64, by ascending area.

    probability: (H, W) uint8; pixels of at least a level belong to its mask
    truth: (H, W), any value but 0 belongs to the mask; common pixels are those in it
    levels: T of 1 to 255; connectivity, engine and errors as in :func:`remove_small`

    >>> values, truth = np.array([[200, 90, 0, 120]], np.uint8), np.array([[1, 1, 0, 0]])
    >>> [(area.tolist(), common.tolist()) for area, common in component_counts(values, truth, [80, 128])]
    [([1, 2], [0, 2]), ([1], [1])]
    """
    probability, truth = np.ascontiguousarray(probability), np.asarray(truth) != 0
    if probability.dtype != np.uint8 or truth.shape != probability.shape:
        raise ValueError(
            f"probability is {probability.dtype} {probability.shape}, truth {truth.shape}, "
            "expected uint8 (H, W) and the same shape"
        )
    wrong = [level for level in levels if not 1 <= level <= 255]
    if wrong:
        raise ValueError(f"level {wrong[0]} is out of range, expected 1 to 255")
    counts = _compiled if _compiles(probability, connectivity, engine) else _numpy
    return [_by_area(*pair) for pair in counts(probability, truth, levels, connectivity)]


_Counts = list[tuple[np.ndarray, np.ndarray]]


def _compiled(probability: np.ndarray, truth: np.ndarray, levels: Sequence[int], connectivity: int) -> _Counts:
    from kaggle_utils.compiled.components import component_counts, sums_before

    before = sums_before(np.ascontiguousarray(truth).view(np.uint8))
    return [component_counts(probability, level, before, int(connectivity == 8)) for level in levels]


def _numpy(probability: np.ndarray, truth: np.ndarray, levels: Sequence[int], connectivity: int) -> _Counts:
    counts = []
    for level in levels:
        labels, area = _labelled((probability >= level).view(np.uint8), connectivity)
        counts.append((area[1:], np.bincount(labels[truth], minlength=len(area))[1:]))
    return counts


def _labelled(mask: np.ndarray, connectivity: int) -> tuple[np.ndarray, np.ndarray]:
    """labels (H, W), 0 outside, and the area of each label (K + 1,) int64."""
    import cv2

    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=connectivity)
    return labels, stats[:, cv2.CC_STAT_AREA].astype(np.int64)


def _by_area(area: np.ndarray, common: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.lexsort((common, area))
    return area[order], common[order]


def _compiles(mask: np.ndarray, connectivity: int, engine: str | None) -> bool:
    """Whether the compiled kernel is to be used; ValueError for what does not fit."""
    if mask.ndim != 2 or connectivity not in (4, 8) or engine not in (None, "compiled", "numpy"):
        raise ValueError(
            f"mask has shape {mask.shape}, connectivity is {connectivity!r}, engine {engine!r}; "
            "expected (H, W), 4 or 8, and 'compiled', 'numpy' or None"
        )
    return engine == "compiled" or (engine is None and find_spec("numba") is not None)


def dice_by_removed(area: np.ndarray, common: np.ndarray, true: int) -> np.ndarray:
    """(K + 1,) float64: the Dice where the 0, 1, ... K smallest components are left out.

    area, common: (K,) by ascending area, see :func:`component_counts`; true: pixels of the truth

    >>> dice_by_removed(np.array([1, 2]), np.array([0, 2]), true=2)
    array([0.8, 1. , 0. ])
    """
    left = np.zeros((len(area) + 1, 3), np.int64)
    left[:-1, 0], left[:-1, 1], left[:, 2] = common[::-1].cumsum()[::-1], area[::-1].cumsum()[::-1], true
    return dice_from_counts(left)


def mask_size_table(
    probability: np.ndarray,
    truth: np.ndarray,
    levels: Sequence[int],
    sizes: Sequence[int],
    connectivity: int = 8,
    engine: str | None = None,
) -> np.ndarray:
    """(T, S) float64: one image's Dice for each level and minimum size of its components.

    sizes: (S,) pixels, in any order; components of fewer are left out
    The other arguments, and errors, as in :func:`component_counts`.

    >>> values, truth = np.array([[200, 90, 0, 120]], np.uint8), np.array([[1, 1, 0, 0]])
    >>> mask_size_table(values, truth, levels=[80, 128], sizes=[0, 2, 3]).round(3)
    array([[0.8  , 1.   , 0.   ],
           [0.667, 0.   , 0.   ]])
    """
    true = int(np.count_nonzero(truth))
    found = component_counts(probability, truth, levels, connectivity, engine)
    rows = [dice_by_removed(area, common, true)[np.searchsorted(area, sizes)] for area, common in found]
    return np.array(rows).reshape(len(found), len(sizes))
