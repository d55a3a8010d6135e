"""Connected components, compiled: runs along the rows, joined where they touch the row above.

A mask has far fewer runs than pixels, so the pixels are read once and all else is done on runs.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def sums_before(truth: np.ndarray) -> np.ndarray:
    """(H, W + 1) int32 of a (H, W) uint8 mask: how many of its pixels lie in the row before column x."""
    sums = np.zeros((truth.shape[0], truth.shape[1] + 1), np.int32)
    for y in range(truth.shape[0]):
        for x in range(truth.shape[1]):
            sums[y, x + 1] = sums[y, x] + (truth[y, x] != 0)
    return sums


@njit(cache=True, nogil=True)
def component_counts(values: np.ndarray, level: int, before: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """area (K,) and common (K,) int64: pixels of each component, and those of them in the truth.

    values: (H, W) uint8, pixels of at least level belong to the mask
    before: of :func:`sums_before`
    reach: 1 where corners touch (8 neighbours), 0 where only sides do (4)
    """
    row, first, stop, root = _components(values, level, reach)
    area, common = np.zeros(len(row), np.int64), np.zeros(len(row), np.int64)
    for i in range(len(row)):
        area[root[i]] += stop[i] - first[i]
        common[root[i]] += before[row[i], stop[i]] - before[row[i], first[i]]
    there = area > 0
    return area[there], common[there]


@njit(cache=True, nogil=True)
def without_small(mask: np.ndarray, size: int, reach: int) -> np.ndarray:
    """(H, W) uint8, 0 or 1: the mask's components of at least size pixels."""
    row, first, stop, root = _components(mask, 1, reach)
    area, kept = np.zeros(len(row), np.int64), np.zeros(mask.shape, np.uint8)
    for i in range(len(row)):
        area[root[i]] += stop[i] - first[i]
    for i in range(len(row)):
        if area[root[i]] >= size:
            kept[row[i], first[i] : stop[i]] = 1
    return kept


@njit(cache=True, nogil=True)
def _components(values: np.ndarray, level: int, reach: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """row, first, stop (exclusive) of each run and the number of the first run of its component."""
    row, first, stop, start = _runs(values, level)
    root = np.arange(len(row)).astype(np.int32)
    for y in range(1, values.shape[0]):
        above, i = start[y - 1], start[y]
        while above < start[y] and i < start[y + 1]:
            if first[i] < stop[above] + reach and first[above] < stop[i] + reach:
                one, other = _root(root, above), _root(root, i)
                root[max(one, other)] = min(one, other)  # so that roots never lie after their runs
            if stop[above] < stop[i]:
                above += 1
            else:
                i += 1
    for i in range(len(root)):
        root[i] = root[root[i]]
    return row, first, stop, root


@njit(cache=True, nogil=True)
def _runs(values: np.ndarray, level: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """row, first, stop (R,) int32 of the runs; those of row y have the numbers start[y] to start[y + 1] - 1."""
    height, width = values.shape
    most = height * ((width + 1) // 2)
    row, first, stop = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.int32)
    start, n = np.zeros(height + 1, np.int32), 0
    for y in range(height):
        inside = False
        for x in range(width):
            if (values[y, x] >= level) != inside:
                if inside:
                    stop[n] = x
                    n += 1
                else:
                    row[n], first[n] = y, x
                inside = not inside
        if inside:
            stop[n] = width
            n += 1
        start[y + 1] = n
    return row[:n], first[:n], stop[:n], start


@njit(cache=True, nogil=True)
def _root(root: np.ndarray, run: int) -> int:
    while root[run] != run:
        root[run] = root[root[run]]
        run = root[run]
    return run
