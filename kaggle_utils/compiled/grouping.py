"""Boxes of many tables brought into order of frame, label and score, for the kernels that fuse them.

A *set* is the boxes of one frame and one label. Set, score and row number of a box are packed into one
whole number of 64 bits, so that one plain sort of numbers, which NumPy does with vector instructions,
replaces a sort by three columns. The bits left for the score may not tell two close scores apart;
such neighbours are put right afterwards by their full scores.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_ONE = np.uint64(1)

# glibc hands memory above a limit back at once, and every call would pay for fresh pages, half of the time
# of NMS; freeing one large block raises that limit. Its pages are never touched.
np.empty(24 << 20, np.uint8)


def in_order(frame: np.ndarray, label: np.ndarray, score: np.ndarray, stays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """row (K,) and start (S + 1,), int64: the rows that stay in their sets.

    frame, label: (N,) int64, 0 or more; score: (N,) float64, 0 or more; stays: (N,) bool
    Rows come set after set, within a set by descending score, of equal scores in the order given. Set s is
    row[start[s]:start[s + 1]]; no set is empty.

    >>> no, yes = False, True
    >>> in_order(np.array([7, 3, 3, 3]), np.zeros(4, int), np.array([0.1, 0.2, 0.4, 0.3]), np.array([yes, yes, yes, no]))
    (array([2, 1, 0]), array([0, 2, 3]))
    """
    n_labels = int(label.max(initial=0)) + 1
    key = frame if n_labels == 1 else frame * n_labels + label
    bits_of_row = _bits(len(key) - 1)
    if _bits(key.max(initial=0)) + bits_of_row > 48:  # too little left for the score
        key = np.unique(key, return_inverse=True)[1]
    bits = 64 - bits_of_row - _bits(key.max(initial=0))
    packed = _packed(key, score.view(np.uint64), stays, bits, bits_of_row)
    packed.sort()
    return packed.view(np.int64), _unpack(packed, score, bits, bits_of_row)


def _bits(highest: int) -> int:
    """Bits that whole numbers up to this one need, at least 1."""
    return max(int(highest), 1).bit_length()


@njit(cache=True)
def staying(xyxy: np.ndarray, score: np.ndarray, skip_below: float) -> np.ndarray:
    """(N,) bool: boxes (N, 4) with an area and a score (N,) of at least skip_below."""
    stays = np.empty(len(score), np.bool_)
    for i in range(len(score)):
        stays[i] = (score[i] >= skip_below) & (xyxy[i, 2] > xyxy[i, 0]) & (xyxy[i, 3] > xyxy[i, 1])
    return stays


@njit(cache=True)
def most_rows(start: np.ndarray, first: int, last: int) -> int:
    """Rows of the largest of the sets first to last (not included)."""
    most = 0
    for s in range(first, last):
        most = max(most, start[s + 1] - start[s])
    return most


@njit(cache=True)
def _packed(key: np.ndarray, score: np.ndarray, stays: np.ndarray, bits: int, bits_of_row: int) -> np.ndarray:
    """(K,) uint64: key, complement of the score in so many bits, row number.

    score: (N,) the bits of a float64 of 0 or more, which order as the numbers do; -0.0 is shifted to 0.0
    """
    low, high = np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(0)
    for row in range(len(score)):
        low, high = min(low, score[row] << _ONE), max(high, score[row] << _ONE)
    shift = _ONE
    while len(score) and (high - low) >> shift >> np.uint64(bits):
        shift += _ONE
    packed, n = np.empty(len(key), np.uint64), 0
    for row in range(len(key)):
        code = np.uint64(key[row]) << np.uint64(bits) | (high - (score[row] << _ONE)) >> shift
        packed[n] = code << np.uint64(bits_of_row) | np.uint64(row)
        n += stays[row]
    return packed[:n]


@njit(cache=True)
def _unpack(packed: np.ndarray, score: np.ndarray, bits: int, bits_of_row: int) -> np.ndarray:
    """Turns sorted numbers into rows, put right where the score's bits were too few; returns the sets' starts."""
    row, start, n_sets = packed.view(np.int64), np.empty(len(packed) + 1, np.int64), 0
    to_score, to_key = np.uint64(bits_of_row), np.uint64(bits + bits_of_row)
    mask, run, last = (_ONE << to_score) - _ONE, 0, np.uint64(0)
    for i in range(len(packed)):
        number = packed[i]
        if i == 0 or number >> to_key != last >> to_key:
            start[n_sets] = i
            n_sets += 1
        if i == 0 or number >> to_score != last >> to_score:
            run = i  # no score before this one can be a lower one
        own, j, last = np.int64(number & mask), i, number
        while j > run and score[row[j - 1]] < score[own]:
            row[j] = row[j - 1]
            j -= 1
        row[j] = own
    start[n_sets] = len(packed)
    return start[: n_sets + 1]
