"""Masks as run lengths, the text that mask competitions take: ``start length start length ...``.

Pixels are numbered from 1, down the first column, then down the second. An empty mask is an empty text
in *Understanding Clouds from Satellite Images* and ``-`` in *Google Research - Identify Contrails*,
which is the one difference between them (``empty``). Most of the time goes into making the numbers
text, so orjson does that.

A text that is not sound is refused in sentences (:func:`run_length_faults`), before Kaggle refuses it
without a word; a decoder that takes it as it comes draws a wrong mask. In a sound text starts rise, lengths are
positive, no pixel is in two runs, and all lie in the image.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import orjson

_PLAIN = b"0123456789 "
_MANY = 2**20  # pixels


def rle_from_mask(mask: np.ndarray, empty: str = "") -> str:
    """The run lengths of one mask.

    mask: (H, W) bool or whole numbers, any value but 0 belongs to the mask
    empty: how an empty mask is written
    Raises ValueError for another shape and for fractions, which are no mask yet.

    >>> rle_from_mask(np.ones((3, 4), bool))
    '1 12'
    >>> rle_from_mask(np.array([[0, 1], [1, 1]])), rle_from_mask(np.zeros((2, 2), bool), empty="-")
    ('2 3', '-')
    """
    mask = np.asarray(mask)
    if mask.ndim != 2 or mask.dtype.kind not in "biu":
        raise ValueError(f"mask has shape {mask.shape} and dtype {mask.dtype}, expected (H, W) bool or whole numbers")
    edges = _edges(mask)
    if not len(edges):
        return empty
    edges[1::2] -= edges[::2]
    edges[::2] += 1
    return orjson.dumps(edges, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].decode().replace(",", " ")


def _edges(mask: np.ndarray) -> np.ndarray:
    """(2R,) int64: the first pixel of each run and the one after its last, from 0, column by column."""
    n = mask.size
    columns = np.zeros(n + 9, np.uint8)  # an empty pixel before the first, empty ones after the last
    if n:
        cv2.transpose((mask != 0).view(np.uint8), dst=columns[1 : n + 1].reshape(mask.shape[::-1]))
    changes = columns[1:] != columns[:-1]
    return _true(changes[: (n + 8) // 8 * 8])


def _true(flags: np.ndarray) -> np.ndarray:
    """``np.flatnonzero`` of (8N,) bool, in half its time where they are many and mostly false: eight are looked at together."""
    if len(flags) < _MANY:
        return np.flatnonzero(flags)
    eights = np.flatnonzero(flags.view(np.uint64) != 0)
    among = np.flatnonzero(flags.reshape(-1, 8)[eights])
    return eights[among >> 3] * 8 + (among & 7)


def runs_from_rle(text: str | float | None, shape: tuple[int, int], empty: str = "") -> np.ndarray:
    """(R, 2) int64, start (from 1) and length of each run; the lengths add up to the mask's area.

    text: of one mask; None and NaN, which is how pandas reads an empty cell, are an empty text
    shape: (height, width) of the mask in pixels
    empty: how an empty mask is written
    Raises ValueError naming the run for what is not pairs of whole numbers, for lengths of 0 and for runs
    that overlap, are not in order or lie outside the image.

    >>> runs_from_rle("2 3 7 1", (2, 4)).tolist()
    [[2, 3], [7, 1]]
    >>> runs_from_rle("2 3 4 1", (2, 4))
    Traceback (most recent call last):
    ValueError: run lengths of a mask of 2x4: the run 4 1 overlaps the run 2 3
    """
    text = "" if text is None or text != text else text
    if not isinstance(text, str):
        raise ValueError(f"run lengths are {text!r}, expected text")
    runs = np.zeros((0, 2), np.int64) if text == empty else _pairs(text)
    if runs is None or not _sound(runs, shape):
        faults = "; ".join(run_length_faults(text, shape, empty))
        raise ValueError(f"run lengths of a mask of {shape[0]}x{shape[1]}: {faults}")
    return runs


def _pairs(text: str) -> np.ndarray | None:
    """(R, 2) int64, R at least 1; None for a text that is not pairs of whole numbers."""
    if _holds_more(text):
        text = " ".join(text.split())  # tabs and the like
    if not text.strip() or _holds_more(text):
        return None
    numbers = np.fromstring(text, np.int64, sep=" ")
    return None if len(numbers) % 2 else numbers.reshape(-1, 2)


def _holds_more(text: str) -> bool:
    """Whether there is more in a text than digits and spaces."""
    return bool(text.encode(errors="replace").translate(None, _PLAIN))


def _sound(runs: np.ndarray, shape: tuple[int, int]) -> bool:
    """Whether runs are positive, apart, in order and inside; what is too large for int64 is outside."""
    start, length = runs.T
    n_pixels = shape[0] * shape[1]
    if not ((length >= 1) & (start >= 1) & (length <= n_pixels) & (start <= n_pixels - length + 1)).all():
        return False
    return bool((start[1:] >= (start + length)[:-1]).all())


def mask_from_rle(text: str | float | None, shape: tuple[int, int], empty: str = "") -> np.ndarray:
    """The inverse of :func:`rle_from_mask`: (H, W) uint8, 0 or 1. Arguments and errors: :func:`runs_from_rle`.

    >>> mask_from_rle("2 3", (2, 2))
    array([[0, 1],
           [1, 1]], dtype=uint8)
    """
    runs = runs_from_rle(text, shape, empty)
    edges = np.zeros(2 * len(runs) + 2, np.int64)
    edges[1:-1:2], edges[2:-1:2] = runs[:, 0] - 1, runs.sum(1) - 1
    edges[-1] = shape[0] * shape[1]
    colour = np.zeros(2 * len(runs) + 1, np.uint8)
    colour[1::2] = 1
    columns = np.repeat(colour, np.diff(edges)).reshape(shape[::-1])
    return cv2.transpose(columns) if columns.size else columns.T


def rles_from_masks(masks: Iterable[np.ndarray], empty: str = "") -> list[str]:
    """One text a mask. masks: (N, H, W), or any run of (H, W) masks, of which one is held at a time.

    >>> rles_from_masks(np.eye(2, dtype=bool)[:, None])
    ['1 1', '2 1']
    """
    return [rle_from_mask(mask, empty) for mask in masks]


def masks_from_rles(texts: Sequence[str | float | None], shape: tuple[int, int], empty: str = "") -> np.ndarray:
    """(N, H, W) uint8, the inverse of :func:`rles_from_masks`. ValueError names the row of a wrong text.

    >>> masks_from_rles(["", "2 1"], (1, 2)).tolist()
    [[[0, 0]], [[0, 1]]]
    """
    masks = np.empty((len(texts), *shape), np.uint8)
    for row, text in enumerate(texts):
        try:
            masks[row] = mask_from_rle(text, shape, empty)
        except ValueError as wrong:
            raise ValueError(f"row {row}: {wrong}") from None
    return masks


def run_length_faults(text: str, shape: tuple[int, int], empty: str = "") -> list[str]:
    """What is wrong with one mask's text, a sentence each; none for a sound one.

    text: of one row of a submission; shape: (height, width) of the mask, pixels; empty: how an empty
    mask is written

    >>> run_length_faults("1 3 5 3", (2, 3))
    ['the run 5 3 is beyond the last pixel, 6']
    >>> run_length_faults("1 3 3 2 2", (2, 3))
    ['5 numbers, expected pairs of start and length: 2 has no length']
    """
    if text == empty:
        return []
    words = text.split()
    if not words:
        return [f"an empty mask is {text!r}, expected {empty!r}"]
    if len(words) % 2:
        return [f"{len(words)} numbers, expected pairs of start and length: {words[-1]} has no length"]
    for run in zip(words[::2], words[1::2], strict=True):
        wrong = [word for word in run if not (word.isascii() and word.isdigit())]
        if wrong:
            return [f"the run {' '.join(run)} holds {wrong[0]!r}, expected whole numbers of 0 or more"]
    numbers = list(map(int, words))
    return _run_faults(list(zip(numbers[::2], numbers[1::2], strict=True)), shape[0] * shape[1])


def _run_faults(runs: list[tuple[int, int]], n_pixels: int) -> list[str]:
    """The first run of each kind of fault."""
    found: dict[str, str] = {}
    end = 0  # last pixel of the runs so far
    before = (0, 0)
    for start, length in runs:
        run = f"the run {start} {length}"
        if length == 0:
            found.setdefault("empty", f"{run} is empty")
        if start == 0:
            found.setdefault("zero", f"{run} starts at pixel 0, the first is 1")
        elif start < before[0]:
            found.setdefault("order", f"{run} comes after one that starts at {before[0]}, expected rising starts")
        elif start <= end:
            found.setdefault("overlap", f"{run} overlaps the run {before[0]} {before[1]}")
        if start + length - 1 > n_pixels:
            found.setdefault("range", f"{run} is beyond the last pixel, {n_pixels}")
        end, before = max(end, start + length - 1), (start, length)
    return list(found.values())
