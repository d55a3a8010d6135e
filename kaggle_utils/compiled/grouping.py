"""Boxes of many tables brought into order of frame, label and score, for the kernels that fuse them.

A *set* is the boxes of one frame and one label. Set, score and row number of a box are packed into one
whole number of 64 bits, so that one plain sort of numbers, which NumPy does with vector instructions,
replaces a sort by three columns. The bits left for the score may not tell two close scores apart;
such neighbours are put right afterwards by their full scores.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numba import config, njit

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.compiled.threads import threads

__all__ = ["Sets", "sets_of", "in_order", "side_by_side"]

Answer = TypeVar("Answer")

_WORTH_THREADS = 8_000  # rows
_ONE = np.uint64(1)

# glibc hands memory above a limit back at once, and every call would pay for fresh pages, half of the time
# of NMS; freeing one large block raises that limit. Its pages are never touched.
np.empty(24 << 20, np.uint8)


class Sets(NamedTuple):
    """Boxes of several tables, and the order in which to read them.

    frame, label: (N,) int64; xyxy: (N, 4) float64; score: (N,) float64, weighted: the rows of M tables,
        one table after another
    size: (M,) int64, the rows of each table
    row: (K,) int64, the rows that stay: set after set, within a set by descending score
    start: (S + 1,) int64, set s is row[start[s]:start[s + 1]]; no set is empty
    """

    frame: np.ndarray
    label: np.ndarray
    xyxy: np.ndarray
    score: np.ndarray
    size: np.ndarray
    row: np.ndarray
    start: np.ndarray


def sets_of(tables: Sequence[Boxes], weights: np.ndarray | None, skip_below: float) -> Sets:
    """The tables' boxes in sets; boxes without area or with a score below skip_below are left out.

    weights: (M,) float64, what multiplies each table's scores, or None
    Equal scores keep the order of the tables, and of the rows in them.
    """
    frame, xyxy, score, label = (
        np.concatenate([getattr(table, column) for table in tables]) for column in ("frame", "xyxy", "score", "label")
    )
    stays = _staying(xyxy, score, skip_below)
    size = np.array([len(table) for table in tables])
    score = score if weights is None else score * np.repeat(weights, size)
    return Sets(frame, label, xyxy, score, size, *in_order(frame, label, score, stays))


def side_by_side(kernel: Callable[[int, int], Answer], start: np.ndarray) -> list[Answer]:
    """What kernel(first, last) returns for stretches of sets that cover all of them, in order.

    kernel: compiled with nogil=True, as the stretches are done by one thread a core; a small table, which
        is not worth a second thread, is one stretch done by this one
    start: (S + 1,) as in :class:`Sets`; the stretches get about as many rows each
    """
    n_sets, n_threads = len(start) - 1, config.NUMBA_NUM_THREADS if start[-1] >= _WORTH_THREADS else 1
    cuts = np.searchsorted(start, np.linspace(0, start[-1], n_threads + 1)[1:-1])
    stretches = list(zip([0, *cuts], [*cuts, n_sets], strict=True))
    if n_threads == 1:
        return [kernel(*stretches[0])]
    others = [threads(os.getpid()).submit(kernel, *stretch) for stretch in stretches[1:]]
    return [kernel(*stretches[0]), *(other.result() for other in others)]


def in_order(
    frame: np.ndarray, label: np.ndarray, score: np.ndarray, stays: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """row (K,) and start (S + 1,) as in :class:`Sets`, of the rows where stays (N,) bool is true."""
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
def _staying(xyxy: np.ndarray, score: np.ndarray, skip_below: float) -> np.ndarray:
    stays = np.empty(len(score), np.bool_)
    for i in range(len(score)):
        stays[i] = (score[i] >= skip_below) & (xyxy[i, 2] > xyxy[i, 0]) & (xyxy[i, 3] > xyxy[i, 1])
    return stays


@njit(cache=True)
def _packed(key: np.ndarray, score: np.ndarray, stays: np.ndarray, bits: int, bits_of_row: int) -> np.ndarray:
    """(K,) uint64: key, complement of the score in so many bits, row number.

    score: (N,) the bits of a float64 of 0 or more, which order as the numbers do; -0.0 is shifted to 0.0
    """
    low, high = np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(0)
    for own in score:
        low, high = min(low, own << _ONE), max(high, own << _ONE)
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
    return start[: n_sets + 1].copy()
