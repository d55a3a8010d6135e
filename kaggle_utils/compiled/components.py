"""Connected components, compiled: runs along the rows, joined where they touch the row above.

A mask has far fewer runs than pixels, and the masks of one map at several levels share their pixels: these are
read once, and all else is done on the places where a row passes a level.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_WORD = 8  # bytes that are looked at together


@njit(cache=True, nogil=True)
def sums_before(truth: np.ndarray) -> np.ndarray:
    """(H, W + 1) int32 of a (H, W) uint8 mask: how many of its pixels lie in the row before column x."""
    sums = np.empty((truth.shape[0], truth.shape[1] + 1), np.int32)
    for y in range(truth.shape[0]):
        n = np.int32(0)
        sums[y, 0] = 0
        for x in range(truth.shape[1]):
            n += np.int32(truth[y, x] != 0)
            sums[y, x + 1] = n
    return sums


@njit(cache=True, nogil=True)
def component_counts(
    values: np.ndarray, levels: np.ndarray, before: np.ndarray, reach: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """start (L + 1,), area (K,) and common (K,) int64: pixels of each component, and those of them in the truth.

    values: (H, W) uint8, pixels of at least a level belong to its mask; levels: (L,) uint8, ascending, 1 or more
    before: of :func:`sums_before`
    reach: 1 where corners touch (8 neighbours), 0 where only sides do (4)
    Those of level number i are start[i] to start[i + 1] - 1, by ascending area, of equal ones by ascending common.
    """
    _, first, stop, common, start = _runs(values, levels, before)
    packed, ends, n = np.empty(len(first), np.int64), np.zeros(len(levels) + 1, np.int64), 0
    for level in range(len(levels)):
        begin, root = n, _roots(first, stop, start[level], reach)
        own, a = np.zeros(len(root), np.int64), start[level, 0]
        for i in range(len(root)):
            own[root[i]] += np.int64(stop[a + i] - first[a + i]) << 32 | np.int64(common[a + i])
        for each in own:
            if each > 0:
                packed[n] = each
                n += 1
        packed[begin:n].sort()
        ends[level + 1] = n
    return ends, packed[:n] >> 32, packed[:n] & 0xFFFFFFFF


@njit(cache=True, nogil=True)
def without_small(mask: np.ndarray, size: int, reach: int) -> np.ndarray:
    """(H, W) uint8, 0 or 1: the mask's components of at least size pixels."""
    row, first, stop, _, start = _runs(mask, np.ones(1, np.uint8), np.zeros((len(mask), mask.shape[1] + 1), np.int32))
    root = _roots(first, stop, start[0], reach)
    area, kept = np.zeros(len(row), np.int64), np.zeros(mask.shape, np.uint8)
    for i in range(len(root)):
        area[root[i]] += stop[i] - first[i]
    for i in range(len(root)):
        if area[root[i]] >= size:
            kept[row[i], first[i] : stop[i]] = 1
    return kept


@njit(cache=True, nogil=True)
def _roots(first: np.ndarray, stop: np.ndarray, start: np.ndarray, reach: int) -> np.ndarray:
    """(R,) int32: of each run of one level the number of the first run of its component, counted from the level's first.

    start: (H + 1,), the runs of row y are start[y] to start[y + 1] - 1
    """
    begin = start[0]
    root = np.arange(start[-1] - begin).astype(np.int32)
    for y in range(1, len(start) - 1):
        above, i = start[y - 1], start[y]
        while above < start[y] and i < start[y + 1]:
            if first[i] < stop[above] + reach and first[above] < stop[i] + reach:
                _join(root, above - begin, i - begin)
            if stop[above] < stop[i]:
                above += 1
            else:
                i += 1
    for i in range(len(root)):
        root[i] = root[root[i]]
    return root


@njit(cache=True, nogil=True)
def _runs(
    values: np.ndarray, levels: np.ndarray, before: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """row, first, stop and common (R,) int32 of the runs of L levels, one level after another; start (L, H + 1) int32.

    Those of row y at level number i are start[i, y] to start[i, y + 1] - 1.
    """
    row, column, below, above, true = _passes(values, levels, before)
    size = np.zeros(len(levels) + 1, np.int64)
    for i in range(len(row)):
        for level in range(below[i], above[i]):  # only where the row rises
            size[level + 1] += 1
    place, n = np.cumsum(size)[:-1], size.sum()
    rows, first, stop, common = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
    start, i = np.empty((len(levels), len(values) + 1), np.int32), 0
    for y in range(len(values)):
        start[:, y] = place
        while i < len(row) and row[i] == y:
            for level in range(below[i], above[i]):
                at = place[level]
                rows[at], first[at], common[at] = y, column[i], true[i]
            for level in range(above[i], below[i]):  # where it falls
                at = place[level]
                stop[at], common[at] = column[i], true[i] - common[at]
                place[level] += 1
            i += 1
    start[:, -1] = place
    return rows, first, stop, common, start


@njit(cache=True, nogil=True)
def _passes(
    values: np.ndarray, levels: np.ndarray, before: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """row, column (P,) int32, below, above (P,) uint8 and true (P,) int32: where rows pass levels, how many they reach
    before and from there, and how many true pixels lie before it in the row.

    Every row begins and ends below all levels.
    """
    height, width = values.shape
    room = -(-(width + 1) // _WORD) * _WORD
    reached, changed = np.zeros(room + 1, np.uint8), np.zeros(room, np.uint8)
    words, n, most = changed.view(np.uint64), 0, 4096
    row, column, true = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.int32)
    below, above = np.empty(most, np.uint8), np.empty(most, np.uint8)
    for y in range(height):
        reached[1 : width + 1] = 0
        for level in levels:
            for x in range(width):
                reached[x + 1] += np.uint8(values[y, x] >= level)
        for x in range(room):
            changed[x] = reached[x] ^ reached[x + 1]
        if n + room > most:
            most = 2 * most + room
            row, column, true = _longer(row, most), _longer(column, most), _longer(true, most)
            below, above = _longer(below, most), _longer(above, most)
        own = n
        for word in range(len(words)):
            if words[word]:
                for x in range(_WORD * word, _WORD * word + _WORD):
                    column[n], below[n], above[n] = x, reached[x], reached[x + 1]
                    n += changed[x] != 0
        for i in range(own, n):
            row[i], true[i] = y, before[y, column[i]]
    return row[:n], column[:n], below[:n], above[:n], true[:n]


@njit(cache=True, nogil=True)
def _longer(array: np.ndarray, room: int) -> np.ndarray:
    longer = np.empty(room, array.dtype)
    longer[: len(array)] = array
    return longer


@njit(cache=True, nogil=True)
def _join(root: np.ndarray, one: int, other: int) -> None:
    """Makes the smaller root that of both; roots never lie after their runs."""
    one, other = _root(root, one), _root(root, other)
    root[max(one, other)] = min(one, other)


@njit(cache=True, nogil=True)
def _root(root: np.ndarray, run: int) -> int:
    while root[run] != run:
        root[run] = root[root[run]]
        run = root[run]
    return run


@njit(cache=True, nogil=True)
def dice_steps(start: np.ndarray, area: np.ndarray, common: np.ndarray, true: int) -> tuple[np.ndarray, np.ndarray]:
    """drawn (L,) and gain (K,) float64 of :func:`component_counts`: the Dice of all of a level's components together,
    and what it gains where one more is left out, from the smallest on.

    true: pixels of the truth; with neither predicted nor true ones the Dice is 1
    """
    drawn, gain = np.empty(len(start) - 1), np.empty(len(area))
    for level in range(len(drawn)):
        pixels, hit = np.int64(0), np.int64(0)
        last = 1.0 if true == 0 else 0.0
        for i in range(start[level + 1] - 1, start[level] - 1, -1):
            pixels, hit = pixels + area[i], hit + common[i]
            dice = 2.0 * hit / (pixels + true)
            gain[i], last = last - dice, dice
        drawn[level] = last
    return drawn, gain
