"""The highest sum above any cut, built storey by storey for all moments at once.

Called as kaggle_utils.compiled.joint_cuts.highest_above. Of each storey of the tree there are all versions of
all nodes, a version a row that changed it.
"""

from __future__ import annotations

import numpy as np


def highest_above(place: np.ndarray, gains: np.ndarray, places: int) -> np.ndarray:
    node, gains = place, gains.T  # (n, D)
    time = np.argsort(node, kind="stable")  # rows by node, each node's in order of time
    node, sums = node[time], np.cumsum(gains[time], axis=0)
    first = np.searchsorted(node, node)
    sums -= np.where(first[:, None] > 0, sums[first - 1], 0.0)
    highest = np.maximum(sums, 0)
    for _ in range(max(places - 1, 0).bit_length()):
        order = np.lexsort((time, node // 2))
        time, node, sums, highest = time[order], node[order], sums[order], highest[order]
        low, high = (_latest(node, side) for side in (0, 1))
        sums, highest = _padded(sums), _padded(highest)
        highest = np.maximum(highest[high], sums[high] + highest[low])
        node, sums = node // 2, sums[low] + sums[high]
    return highest.T  # of the root, whose rows are all rows in order of time


def _latest(node: np.ndarray, side: int) -> np.ndarray:
    """(n,) the last row up to each whose node is its parent's lower (0) or upper (1) child; -1 where there is none yet."""
    found = np.maximum.accumulate(np.where(node % 2 == side, np.arange(len(node)), -1))
    return np.where(found >= np.searchsorted(node // 2, node // 2), found, -1)


def _padded(versions: np.ndarray) -> np.ndarray:
    """With a row of zeros at -1."""
    return np.vstack([versions, np.zeros((1, versions.shape[1]))])
