"""Components by OpenCV's labels, and the table that every image's counts stand for.

Called as the functions of kaggle_utils.masks.components, of correct arguments.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from kaggle_utils.masks import components
from kaggle_utils.masks.dice import dice_from_counts


def remove_small(mask: np.ndarray, size: int, connectivity: int = 8) -> np.ndarray:
    labels, area = _labelled(np.asarray(mask) != 0, connectivity)
    large = area >= size
    large[0] = False
    return large[labels].view(np.uint8)


def component_counts(
    probability: np.ndarray, truth: np.ndarray, levels: Sequence[int], connectivity: int = 8
) -> list[tuple[np.ndarray, np.ndarray]]:
    counts = []
    for level in levels:
        labels, area = _labelled(probability >= level, connectivity)
        common = np.bincount(labels[truth != 0], minlength=len(area))[1:]
        order = np.lexsort((common, area[1:]))
        counts.append((area[1:][order], common[order]))
    return counts


def mask_size_table(
    probability: np.ndarray,
    truth: np.ndarray,
    levels: Sequence[int],
    sizes: Sequence[int],
    connectivity: int = 8,
    counts=components.component_counts,
) -> np.ndarray:
    """(T, S) float64: one image's Dice for each level and minimum size of its components.

    counts: what counts the components, the package's function or the one above
    """
    true = int(np.count_nonzero(truth))
    found = counts(probability, truth, levels, connectivity)
    rows = [dice_by_removed(area, common, true)[np.searchsorted(area, sizes)] for area, common in found]
    return np.array(rows).reshape(len(found), len(sizes))


def _labelled(mask: np.ndarray, connectivity: int) -> tuple[np.ndarray, np.ndarray]:
    """labels (H, W), 0 outside, and the area of each label (K + 1,) int64."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=connectivity)
    return labels, stats[:, cv2.CC_STAT_AREA].astype(np.int64)


def dice_by_removed(area: np.ndarray, common: np.ndarray, true: int) -> np.ndarray:
    """(K + 1,) float64: the Dice where the 0, 1, ... K smallest components are left out.

    area, common: (K,) by ascending area, see :func:`component_counts`; true: pixels of the truth

    >>> dice_by_removed(np.array([1, 2]), np.array([0, 2]), true=2)
    array([0.8, 1. , 0. ])
    """
    left = np.zeros((len(area) + 1, 3), np.int64)
    left[:-1, 0], left[:-1, 1], left[:, 2] = common[::-1].cumsum()[::-1], area[::-1].cumsum()[::-1], true
    return dice_from_counts(left)
