"""Images that are nearly the same, found by a perceptual hash.

Two copies of a picture, or two satellites' views of one sky, must not lie in different folds. A hash of
64 bits says which of the lowest frequencies of a small grey copy are above their median (a discrete
cosine transform, as in the "pHash" of Zauner, "Implementation and benchmarking of perceptual image hash
functions", 2010); it hardly changes with brightness, compression or a shift of a few pixels. Similar
pictures differ in few bits.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

_SIDE, _LOW = 32, 8  # of the grey copy, and of its low frequencies, in pixels
_AT_ONCE = 512  # rows compared with all others at a time


def image_hash(image: np.ndarray) -> np.uint64:
    """64 bits that similar images have in common. image: (H, W, 3) uint8 RGB or (H, W).

    >>> ramp = np.tile(np.arange(0, 240, 2, dtype=np.uint8), (90, 1))
    >>> image_hash(ramp) == image_hash(ramp + 9)
    np.True_
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:_LOW, :_LOW].ravel()
    low[0] = 0  # the mean says nothing of shape
    return np.packbits(low > np.median(low)).view(np.uint64)[0]


def similar_pairs(hashes: Iterable[np.uint64], most_bits: int = 8) -> np.ndarray:
    """(P, 3) int64: row, later row, and in how many bits they differ, for all pairs that differ in at most so many.

    Nearest first. Unrelated pictures differ in about 32 bits.

    >>> similar_pairs(np.array([0b0000, 0b0111, 0b0001], np.uint64), most_bits=2).tolist()
    [[0, 2, 1], [1, 2, 2]]
    """
    hashes = np.asarray(list(hashes), np.uint64)
    found = [np.zeros((0, 3), np.int64)]
    for first in range(0, len(hashes), _AT_ONCE):
        part = hashes[first : first + _AT_ONCE]
        bits = np.bitwise_count(part[:, None] ^ hashes[None])
        rows, others = np.nonzero(bits <= most_bits)
        later = others > rows + first
        found.append(np.column_stack([rows + first, others, bits[rows, others]])[later])
    pairs = np.concatenate(found).astype(np.int64)
    return pairs[np.argsort(pairs[:, 2], kind="stable")]


def groups_of_pairs(n: int, pairs: np.ndarray, most: int | None = None) -> np.ndarray:
    """(n,) int64: the first row that a row is similar to, directly or through others; itself if there is none.

    pairs: (P, 2 or more) row numbers, as of :func:`similar_pairs`
    most: rows of a group at most. Groups chain, as one's neighbour has neighbours: 100,000 random pairs make one
        group of nearly all of 40,479 rows. With a limit pairs are joined in the order given, the nearest first, and
        a pair is left apart where its two groups together would be larger. None: no limit

    >>> groups_of_pairs(5, np.array([[3, 4], [1, 3]])), groups_of_pairs(5, np.array([[3, 4], [1, 3]]), most=2)
    (array([0, 1, 2, 1, 1]), array([0, 1, 2, 3, 3]))
    """
    above, size = list(range(n)), [1] * n  # a row of the same group, not a later one; the rows of its group at its first

    def first(row: int) -> int:
        while above[row] != row:
            above[row] = row = above[above[row]]
        return row

    for one, other in np.asarray(pairs, dtype=np.int64).reshape(-1, np.shape(pairs)[-1])[:, :2].tolist():
        low, high = sorted((first(one), first(other)))
        if low != high and size[low] + size[high] <= (most or n):
            above[high] = low
            size[low] += size[high]
    return np.array([first(row) for row in range(n)], np.int64)
