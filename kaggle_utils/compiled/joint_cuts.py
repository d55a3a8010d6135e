"""The highest sum above any cut while rows are added one by one, compiled: a tree of sums over the places.

Each node holds the sum of its places and the highest sum of the last of them, so a row changes one node a
storey.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def highest_above(place: np.ndarray, gains: np.ndarray, places: int) -> np.ndarray:
    """(D, n) float64: after each row the highest sum of the gains so far with a place of at least any cut, or 0.

    place: (n,) int64, 0 to places - 1; gains: (D, n) float64
    """
    leaves = 1
    while leaves < places:
        leaves *= 2
    highest = np.empty(gains.shape)
    tree = np.empty((2 * leaves, 2))
    for d in range(len(gains)):
        tree[:] = 0
        for i in range(len(place)):
            _add(tree, leaves + place[i], gains[d, i])
            highest[d, i] = tree[1, 1]
    return highest


@njit(cache=True, nogil=True)
def _add(tree: np.ndarray, node: int, gain: float) -> None:
    """Adds to one leaf; tree: (2 * leaves, 2), of each node the sum and the highest sum of its last places."""
    tree[node, 0] += gain
    tree[node, 1] = max(tree[node, 0], 0.0)
    node //= 2
    while node:
        low, high = 2 * node, 2 * node + 1
        tree[node, 0] = tree[low, 0] + tree[high, 0]
        tree[node, 1] = max(tree[high, 1], tree[high, 0] + tree[low, 1])
        node //= 2
