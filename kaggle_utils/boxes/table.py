"""The table of boxes: one columnar table that flows from detector to submission.

A detection competition moves the same five facts about again and again: which frame, where, how
sure, what, and that for every model. Here they are four NumPy arrays of equal length in a frozen
:class:`Boxes`; every other form (the reef competition's texts, pandas, YOLO label files) is made from
it or turned into it at the edge, by :mod:`kaggle_utils.boxes.formats`. A frame is named by its row number
in the competition's table of frames, so joins are array indexing. How much two boxes are the same box,
:func:`iou` says; compiled loops have scalar versions of it, in the same order of operations.

Formats are in names. ``xyxy`` is left, top, right, bottom in pixels; ``xywh`` is left, top, width,
height in pixels (what Kaggle's reef tables hold); ``cxcywhn`` is centre and size as fractions of the
frame (what YOLO label files hold).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Boxes:
    """Boxes of many frames, one row a box, in any order.

    frame: (N,) int64, row number in the table of frames, 0 or more
    xyxy: (N, 4) float64, left, top, right, bottom in pixels, left <= right and top <= bottom
    score: (N,) float64, confidence, higher is surer, finite; truth has 1. Default: all 1.
    label: (N,) int64, class, 0 or more. Default: all 0.

    Raises ValueError naming the first row that breaks this.

    >>> Boxes(frame=[0, 0, 3], xyxy=[[0, 0, 10, 10], [5, 5, 9, 9], [1, 2, 3, 4]])
    Boxes(3 boxes in 2 frames, scores 1 to 1)
    """

    frame: np.ndarray
    xyxy: np.ndarray
    score: np.ndarray = field(default=None)  # type: ignore[assignment]
    label: np.ndarray = field(default=None)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        frame = _integers("frame", self.frame)
        n = len(frame)
        xyxy = np.ascontiguousarray(self.xyxy, dtype=np.float64)
        score = np.ones(n) if self.score is None else np.ascontiguousarray(self.score, np.float64)
        label = np.zeros(n, np.int64) if self.label is None else _integers("label", self.label)
        xyxy = xyxy.reshape(0, 4) if xyxy.size == 0 and n == 0 else xyxy
        for name, array, shape in (("xyxy", xyxy, (n, 4)), ("score", score, (n,)), ("label", label, (n,))):
            if array.shape != shape:
                raise ValueError(f"{name} has shape {array.shape}, expected {shape} for {n} frame numbers")
        if not (np.isfinite(xyxy).all() and (xyxy[:, 0] <= xyxy[:, 2]).all() and (xyxy[:, 1] <= xyxy[:, 3]).all()):
            wrong = ~np.isfinite(xyxy).all(1) | (xyxy[:, 2:] < xyxy[:, :2]).any(1)
            _refuse(wrong, "xyxy", xyxy, "finite numbers, left <= right, top <= bottom")
        _refuse(~np.isfinite(score), "score", score, "a finite number")
        for name, array in (("frame", frame), ("xyxy", xyxy), ("score", score), ("label", label)):
            object.__setattr__(self, name, array)

    @classmethod
    def empty(cls) -> Boxes:
        """A table without rows.

        >>> len(Boxes.empty())
        0
        """
        return cls(frame=np.zeros(0, np.int64), xyxy=np.zeros((0, 4)))

    @classmethod
    def concat(cls, tables: Iterable[Boxes]) -> Boxes:
        """The rows of several tables, one after another.

        >>> one = Boxes([0], [[0, 0, 1, 1]])
        >>> len(Boxes.concat([one, one, Boxes.empty()]))
        2
        """
        parts = [cls.empty(), *tables]
        return cls(*(np.concatenate([getattr(p, c) for p in parts]) for c in ("frame", "xyxy", "score", "label")))

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, rows: np.ndarray | slice | Sequence[int]) -> Boxes:
        """The rows chosen by a slice, a boolean mask (N,) or row numbers.

        >>> Boxes([0, 4], [[0, 0, 1, 1], [0, 0, 2, 2]])[[1]].frame
        array([4])
        """
        rows = rows if isinstance(rows, slice) else np.atleast_1d(np.asarray(rows))
        if not isinstance(rows, slice) and rows.size == 0:
            rows = rows.astype(bool) if rows.dtype == bool else rows.astype(np.int64)
        return Boxes(self.frame[rows], self.xyxy[rows], self.score[rows], self.label[rows])

    def replace(self, **columns: np.ndarray) -> Boxes:
        """A copy with some columns exchanged.

        >>> Boxes([0], [[0, 0, 1, 1]]).replace(score=[0.5]).score
        array([0.5])
        """
        new = {name: getattr(self, name) for name in ("frame", "xyxy", "score", "label")}
        return Boxes(**(new | columns))

    def order(self) -> np.ndarray:
        """Row numbers (N,) by frame, within a frame by descending score, ties in the given order.

        >>> Boxes([1, 0, 1], [[0, 0, 1, 1]] * 3, [0.2, 0.1, 0.9]).order()
        array([1, 2, 0])
        """
        return np.lexsort((-self.score, self.frame))

    def by_frame(self) -> Iterator[tuple[int, Boxes]]:
        """(frame, its boxes by descending score), for every frame that has boxes, in ascending order.

        >>> [(f, len(b)) for f, b in Boxes([1, 0, 1], [[0, 0, 1, 1]] * 3).by_frame()]
        [(0, 1), (1, 2)]
        """
        table = self[self.order()]
        frames, starts = np.unique(table.frame, return_index=True)
        for frame, start, stop in zip(frames, starts, [*starts[1:], len(table)][: len(starts)], strict=True):
            yield int(frame), table[start:stop]

    def __repr__(self) -> str:
        if not len(self):
            return "Boxes(0 boxes)"
        low, high = self.score.min(), self.score.max()
        return f"Boxes({len(self)} boxes in {len(np.unique(self.frame))} frames, scores {low:.3g} to {high:.3g})"


def _integers(name: str, values: np.ndarray) -> np.ndarray:
    array = np.asarray(values)
    array = array.astype(np.int64) if array.size == 0 else array
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(f"{name} has shape {array.shape} and dtype {array.dtype}, expected (N,) whole numbers")
    array = np.ascontiguousarray(array, dtype=np.int64)
    _refuse(array < 0, name, array, "0 or more")
    return array


def _refuse(wrong: np.ndarray, name: str, array: np.ndarray, expected: str) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"{name} of row {row} is {array[row].tolist()}, expected {expected}")


def xyxy_from_xywh(xywh: np.ndarray) -> np.ndarray:
    """(N, 4) left, top, width, height -> (N, 4) left, top, right, bottom; float64, same unit.

    >>> xyxy_from_xywh([[10, 20, 5, 6]])
    array([[10., 20., 15., 26.]])
    """
    xywh = np.asarray(xywh, dtype=np.float64).reshape(-1, 4)
    return np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)


def xywh_from_xyxy(xyxy: np.ndarray) -> np.ndarray:
    """(N, 4) left, top, right, bottom -> (N, 4) left, top, width, height; float64, same unit.

    >>> xywh_from_xyxy([[10, 20, 15, 26]])
    array([[10., 20.,  5.,  6.]])
    """
    xyxy = np.asarray(xyxy, dtype=np.float64).reshape(-1, 4)
    return np.concatenate([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]], axis=1)


def xyxy_from_cxcywhn(cxcywhn: np.ndarray, width: float, height: float) -> np.ndarray:
    """(N, 4) centre and size as fractions of a frame -> (N, 4) xyxy in its pixels.

    >>> xyxy_from_cxcywhn([[0.5, 0.5, 0.5, 1.0]], width=100, height=50)
    array([[25.,  0., 75., 50.]])
    """
    c = np.asarray(cxcywhn, dtype=np.float64).reshape(-1, 4) * [width, height, width, height]
    return np.concatenate([c[:, :2] - c[:, 2:] / 2, c[:, :2] + c[:, 2:] / 2], axis=1)


def cxcywhn_from_xyxy(xyxy: np.ndarray, width: float, height: float) -> np.ndarray:
    """(N, 4) xyxy in pixels -> (N, 4) centre and size as fractions of the frame.

    >>> cxcywhn_from_xyxy([[25, 0, 75, 50]], width=100, height=50)
    array([[0.5, 0.5, 0.5, 1. ]])
    """
    b = np.asarray(xyxy, dtype=np.float64).reshape(-1, 4)
    centre_size = np.concatenate([(b[:, :2] + b[:, 2:]) / 2, b[:, 2:] - b[:, :2]], axis=1)
    return centre_size / [width, height, width, height]


def iou(one: ArrayLike, other: ArrayLike, plus_one: bool = False) -> np.ndarray:
    """IoU of boxes with boxes, shapes broadcast: (..., 4) and (..., 4) xyxy -> (...) float64 in 0 to 1.

    Any unit, the same for both. Two boxes without area have IoU 0. ``iou(a[:, None], b)`` is the table
    of all pairs.
    plus_one: pixels, where a box from 3 to 3 is one wide: right - left + 1 and bottom - top + 1

    >>> iou([[0, 0, 10, 10], [0, 0, 5, 10]], [0, 0, 10, 20])
    array([0.5 , 0.25])
    """
    one, other, extra = np.asarray(one, np.float64), np.asarray(other, np.float64), float(plus_one)
    width = np.minimum(one[..., 2], other[..., 2]) - np.maximum(one[..., 0], other[..., 0]) + extra
    height = np.minimum(one[..., 3], other[..., 3]) - np.maximum(one[..., 1], other[..., 1]) + extra
    common = np.maximum(width, 0.0) * np.maximum(height, 0.0)
    union = _area(one, extra) + _area(other, extra) - common
    return np.divide(common, union, out=np.zeros(np.shape(common)), where=union > 0)


def _area(xyxy: np.ndarray, extra: float) -> np.ndarray:
    return (xyxy[..., 2] - xyxy[..., 0] + extra) * (xyxy[..., 3] - xyxy[..., 1] + extra)
