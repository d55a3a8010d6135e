"""Boxes of many tables brought together by frame and label, for the kernels that fuse them.

A *set* is the boxes of one frame and one label. Rows are counted and put into sets in two passes
(counting sort), so no comparison sort ever sees the whole table; each set is small and is sorted by
score by the thread that works on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import get_num_threads, njit

from kaggle_utils.boxes import Boxes

__all__ = ["Sets", "sets_of", "boxes_of", "surest_first", "largest_set"]

_SHORT = 12  # runs of so many rows are sorted by insertion, longer ones by merging


class Sets(NamedTuple):
    """The rows of S sets, one set after another, within a set in the given order.

    key: (S,) int64, frame * n_labels + label of each set
    start: (S + 1,) int64, set s is rows start[s] to start[s + 1]
    xyxy: (N, 4) float64; score: (N,) float64, weighted; model: (N,) int64, the table a row is from
    share: (C + 1,) int64, thread c works on sets share[c] to share[c + 1]
    """

    key: np.ndarray
    start: np.ndarray
    xyxy: np.ndarray
    score: np.ndarray
    model: np.ndarray
    share: np.ndarray


def sets_of(tables: Sequence[Boxes], weights: np.ndarray | None, skip_below: float) -> tuple[Sets, int]:
    """The tables' boxes in sets, and n_labels; boxes without area or below skip_below are left out.

    weights: (M,) float64, what multiplies each table's scores, or None
    """
    frame, xyxy, score, label = (
        np.concatenate([getattr(table, column) for table in tables]) for column in ("frame", "xyxy", "score", "label")
    )
    n_labels = int(label.max(initial=0)) + 1
    key = frame if n_labels == 1 else frame * n_labels + label
    n_sets = int(key.max(initial=-1)) + 1
    names = np.arange(n_sets)
    if n_sets > 8 * len(key) + 1_000_000:  # far apart frame or label numbers: sets for those there are only
        names, key = np.unique(key, return_inverse=True)
        n_sets = len(names)
    sizes = np.array([len(table) for table in tables])
    of_model = np.ones(len(tables)) if weights is None else weights
    start, xyxy, score, model = _collect(key, xyxy, score, sizes, of_model, skip_below, n_sets)
    chunks = 1 if get_num_threads() == 1 else 4 * get_num_threads()
    share = np.searchsorted(start, np.linspace(0, start[-1], chunks + 1)).clip(0, n_sets)
    share[0], share[-1] = 0, n_sets
    return Sets(names, start, xyxy, score, model, share), n_labels


def boxes_of(sets: Sets, n_labels: int, found: np.ndarray, xyxy: np.ndarray, score: np.ndarray) -> Boxes:
    """The answers of a kernel as one table: the first found[s] rows of each set s of xyxy and score."""
    key, xyxy, score = _gather(sets.key, sets.start, found, xyxy, score)
    return Boxes(key, xyxy, score) if n_labels == 1 else Boxes(key // n_labels, xyxy, score, key % n_labels)


@njit(cache=True)
def _collect(
    key: np.ndarray,
    xyxy: np.ndarray,
    score: np.ndarray,
    sizes: np.ndarray,
    weights: np.ndarray,
    skip_below: float,
    n_sets: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """start (S + 1,) and the rows' xyxy, weighted score and model, in the order of the sets."""
    start = np.zeros(n_sets + 1, np.int64)
    for row in range(len(key)):
        start[key[row] + 1] += _stays(xyxy, score, row, skip_below)
    for s in range(n_sets):
        start[s + 1] += start[s]
    fill, n = start[:-1].copy(), start[-1]
    new_xyxy, new_score, new_model = np.empty((n, 4)), np.empty(n), np.empty(n, np.int64)
    row = 0
    for model in range(len(sizes)):
        for _ in range(sizes[model]):
            if _stays(xyxy, score, row, skip_below):
                to = fill[key[row]]
                fill[key[row]] += 1
                for side in range(4):
                    new_xyxy[to, side] = xyxy[row, side]
                new_score[to], new_model[to] = score[row] * weights[model], model
            row += 1
    return start, new_xyxy, new_score, new_model


@njit(cache=True)
def _stays(xyxy: np.ndarray, score: np.ndarray, row: int, skip_below: float) -> bool:
    return score[row] >= skip_below and xyxy[row, 2] > xyxy[row, 0] and xyxy[row, 3] > xyxy[row, 1]


@njit(cache=True)
def _gather(
    names: np.ndarray, start: np.ndarray, found: np.ndarray, xyxy: np.ndarray, score: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = found.sum()
    key, new_xyxy, new_score = np.empty(n, np.int64), np.empty((n, 4)), np.empty(n)
    to = 0
    for s in range(len(found)):
        for row in range(start[s], start[s] + found[s]):
            key[to], new_score[to] = names[s], score[row]
            for side in range(4):
                new_xyxy[to, side] = xyxy[row, side]
            to += 1
    return key, new_xyxy, new_score


@njit(cache=True)
def largest_set(start: np.ndarray, first: int, last: int) -> int:
    """Rows of the largest of the sets first to last (not included), at least 1."""
    most = 1
    for s in range(first, last):
        most = max(most, start[s + 1] - start[s])
    return most


@njit(cache=True)
def surest_first(score: np.ndarray, order: np.ndarray, spare: np.ndarray) -> None:
    """Fills order with the rows of score (n,) by descending score, equal ones in the given order.

    order, spare: (n or more,) int64; spare is scratch
    """
    n = len(score)
    for first in range(0, n, _SHORT):
        for i in range(first, min(first + _SHORT, n)):
            j, own = i, score[i]
            while j > first and score[order[j - 1]] < own:
                order[j] = order[j - 1]
                j -= 1
            order[j] = i
    width = _SHORT
    while width < n:
        for left in range(0, n, 2 * width):
            _merge(score, order, spare, left, min(left + width, n), min(left + 2 * width, n))
        order[:n] = spare[:n]
        width *= 2


@njit(cache=True)
def _merge(score: np.ndarray, order: np.ndarray, spare: np.ndarray, left: int, middle: int, stop: int) -> None:
    """Merges the sorted rows order[left:middle] and order[middle:stop] into spare[left:stop]."""
    i, j = left, middle
    for to in range(left, stop):
        if j == stop or (i < middle and score[order[i]] >= score[order[j]]):
            spare[to] = order[i]
            i += 1
        else:
            spare[to] = order[j]
            j += 1
