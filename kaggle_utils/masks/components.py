"""Connected components of masks: small ones removed, and what every minimum size is worth.

Teams of the clouds competition dropped components below 10,000 to 15,000 pixels, those of contrails
below 10. The natural search labels the components anew for every threshold and size; here they are
labelled once for each threshold, and as leaving out the k smallest only takes their pixels from the
sums, sorted and cumulated sums give the Dice at every size there is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def remove_small(mask: np.ndarray, size: int, connectivity: int = 8) -> np.ndarray:
    """(H, W) uint8, 0 or 1: the mask without its components of fewer than size pixels.

    mask: (H, W) bool or whole numbers, any value but 0 belongs to the mask
    connectivity: 8 where pixels touch at corners, too, 4 where only at sides
    Raises ValueError for another shape or setting.

    >>> remove_small(np.array([[1, 0, 0, 1], [0, 1, 0, 0]]), size=2)
    array([[1, 0, 0, 0],
           [0, 1, 0, 0]], dtype=uint8)
    """
    from kaggle_utils.compiled.components import without_small

    mask = np.asarray(mask)
    _check(mask, connectivity)
    return without_small(np.ascontiguousarray(mask != 0).view(np.uint8), size, int(connectivity == 8))


def component_counts(
    probability: np.ndarray, truth: np.ndarray, levels: Sequence[int], connectivity: int = 8
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each level the components' area (K,) and common (K,) int64, by ascending area.

    probability: (H, W) uint8; pixels of at least a level belong to its mask
    truth: (H, W), any value but 0 belongs to the mask; common pixels are those in it
    levels: T of 1 to 255; connectivity and errors as in :func:`remove_small`

    >>> values, truth = np.array([[200, 90, 0, 120]], np.uint8), np.array([[1, 1, 0, 0]])
    >>> [(area.tolist(), common.tolist()) for area, common in component_counts(values, truth, [80, 128])]
    [([1, 2], [0, 2]), ([1], [1])]
    """
    from kaggle_utils.compiled.components import component_counts as counts
    from kaggle_utils.compiled.components import sums_before

    probability, truth = np.ascontiguousarray(probability), np.asarray(truth) != 0
    _check(probability, connectivity)
    if probability.dtype != np.uint8 or truth.shape != probability.shape:
        raise ValueError(
            f"probability is {probability.dtype} {probability.shape}, truth {truth.shape}, "
            "expected uint8 (H, W) and the same shape"
        )
    wrong = [level for level in levels if not 1 <= level <= 255]
    if wrong:
        raise ValueError(f"level {wrong[0]} is out of range, expected 1 to 255")
    ascending, place = np.unique(np.asarray(levels, np.int64), return_inverse=True)
    before = sums_before(np.ascontiguousarray(truth).view(np.uint8))
    start, area, common = counts(probability, ascending.astype(np.uint8), before, int(connectivity == 8))
    return [(area[start[i] : start[i + 1]], common[start[i] : start[i + 1]]) for i in place]


def _check(mask: np.ndarray, connectivity: int) -> None:
    if mask.ndim != 2 or connectivity not in (4, 8):
        raise ValueError(f"mask has shape {mask.shape}, connectivity is {connectivity!r}, expected (H, W), and 4 or 8")
