"""How much one box overlaps many, compiled: the loop that fusions spend their time in.

The many lie in five arrays (left, top, right, bottom, area), which lets the processor's vector units work on them.
"""

from __future__ import annotations

import numpy as np
from numba import njit

Sides = tuple[float, float, float, float, float]  # left, top, right, bottom, area
ManySides = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # the same of n boxes, (n,) each


@njit(cache=True, error_model="numpy", inline="always")
def overlaps(box: Sides, others: ManySides, overlap: np.ndarray) -> None:
    """Fills overlap (n or more,) with the IoU of a box with each of the others.

    Made part of its callers, which must have the same error model: a call for each box would cost a fifth of NMW's time.
    """
    left, top, right, bottom, own = box
    x1, y1, x2, y2, area = others
    for k in range(len(x1)):
        width = max(min(right, x2[k]) - max(left, x1[k]), 0.0)
        height = max(min(bottom, y2[k]) - max(top, y1[k]), 0.0)
        common = width * height
        overlap[k] = common / (own + area[k] - common)
