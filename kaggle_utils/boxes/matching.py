"""Which predicted box hits which true box, at many IoU thresholds in one pass.

The rule of the reef competition (and of COCO, but for "above" instead of "at least"): within a frame
predictions are visited by descending score, each takes the true box it overlaps most among those not
yet found, and it is a hit if that IoU is above the threshold. Each threshold is matched for itself.
A prediction can only take a true box of its own label; where there is one class, all labels are 0.

The organisers' IoU convention is not public: ``plus_one`` chooses between the plain one and the one
that counts a box from pixel 3 to pixel 3 as one pixel wide.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kaggle_utils.boxes.overlap import iou
from kaggle_utils.boxes.table import Boxes

__all__ = ["IOU_THRESHOLDS", "Matches", "match"]

IOU_THRESHOLDS = (0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.65, 0.70, 0.75, 0.80)


@dataclass(frozen=True, eq=False)
class Matches:
    """Who hits and who is found, at each of T IoU thresholds, in the row order of the two tables.

    hit: (N,) uint64, bit t of row i is set where prediction i is a hit at thresholds[t]
    found: (M,) uint64, bit t of row j is set where true box j is found at thresholds[t]
    thresholds: (T,) float64
    """

    hit: np.ndarray
    found: np.ndarray
    thresholds: np.ndarray

    def unpack(self, bits: np.ndarray) -> np.ndarray:
        """(N,) bits, of hit or found or some rows of them -> (N, T) bool.

        >>> Matches(np.array([3], np.uint64), np.array([1, 2], np.uint64), np.array([0.3, 0.4])).hits
        array([[ True,  True]])
        """
        return (bits[:, None] & _powers(len(self.thresholds))) > 0

    @property
    def hits(self) -> np.ndarray:
        """(N, T) bool, the predictions' bits as columns."""
        return self.unpack(self.hit)


_Bits = tuple[np.ndarray, np.ndarray]  # hit (N,), found (M,)


def _powers(n: int) -> np.ndarray:
    return np.left_shift(np.uint64(1), np.arange(n, dtype=np.uint64))


def match(
    truth: Boxes,
    predictions: Boxes,
    thresholds: Sequence[float] = IOU_THRESHOLDS,
    plus_one: bool = False,
    engine: str | None = None,
) -> Matches:
    """Greedy matching within each frame.

    thresholds: (T,) ascending, 0 <= t < 1, T at most 64; a hit lies strictly above
    plus_one: see :func:`kaggle_utils.boxes.overlap.iou`
    engine: "compiled" (numba), "numpy" (same answers to the bit) or None, compiled where numba is there
    Equal scores go in the given order, equal IoUs to the earlier true box.

    >>> truth = Boxes([0], [[0, 0, 10, 10]])
    >>> predictions = Boxes([0, 0], [[0, 0, 10, 4.2], [0, 0, 10, 9]], score=[0.9, 0.8])
    >>> match(truth, predictions, thresholds=(0.3, 0.4, 0.5)).hits
    array([[ True,  True, False],
           [False, False,  True]])
    """
    levels = _levels(thresholds)
    if engine not in (None, "compiled", "numpy"):
        raise ValueError(f"engine is {engine!r}, expected 'compiled', 'numpy' or None")
    how = _match_numpy if engine == "numpy" or (engine is None and not _numba_is_there()) else _match_compiled
    return Matches(*how(truth, predictions, levels, plus_one), levels)


def _numba_is_there() -> bool:
    try:
        import numba  # noqa: F401
    except ImportError:
        return False
    return True


def _levels(thresholds: Sequence[float]) -> np.ndarray:
    levels = np.asarray(thresholds, dtype=np.float64)
    fine = levels.ndim == 1 and 1 <= levels.size <= 64 and (np.diff(levels) > 0).all()
    if not (fine and levels[0] >= 0 and levels[-1] < 1):
        raise ValueError(f"IoU thresholds are {levels.tolist()}, expected 1 to 64 ascending numbers in 0 <= t < 1")
    return levels


def _match_compiled(truth: Boxes, predictions: Boxes, levels: np.ndarray, plus_one: bool) -> _Bits:
    from kaggle_utils.compiled.matching import match_frames, rows_by_frame
    from kaggle_utils.compiled.threads import threads

    n_frames = 1 + max(boxes.frame.max(initial=-1) for boxes in (truth, predictions))
    hit, found = np.zeros(len(predictions), np.uint64), np.zeros(len(truth), np.uint64)
    true = (*rows_by_frame(truth.frame, n_frames), truth.xyxy, truth.label)
    start, rows = rows_by_frame(predictions.frame, n_frames)
    predicted = (start, rows, predictions.xyxy, predictions.label, predictions.score)

    def run(first: int, stop: int) -> None:
        match_frames(first, stop, *true, *predicted, levels, float(plus_one), hit, found)

    edges = _shares(start, _threads(len(predictions)))
    if len(edges) == 2:
        run(0, n_frames)
    else:
        list(threads(os.getpid()).map(run, edges[:-1], edges[1:]))
    return hit, found


def _threads(n_predictions: int) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(4, cores, n_predictions // 10_000))


def _shares(start: np.ndarray, parts: int) -> np.ndarray:
    """(parts + 1,) frame numbers that split the frames so that each part has about as many predictions."""
    inner = np.searchsorted(start, np.arange(1, parts) * start[-1] / parts)
    return np.concatenate([[0], inner, [len(start) - 1]])


def _match_numpy(truth: Boxes, predictions: Boxes, levels: np.ndarray, plus_one: bool) -> _Bits:
    p, g, overlap = _pairs(truth, predictions, levels[0], plus_one)
    above = (overlap[:, None] > levels) @ _powers(len(levels))  # (P,)
    hit, decided = np.zeros((2, len(predictions)), np.uint64)
    found = np.zeros(len(truth), np.uint64)
    for rows in _rounds(predictions.frame[p]):
        free = ~(decided[p[rows]] | found[g[rows]])
        hit[p[rows]] |= free & above[rows]
        found[g[rows]] |= free & above[rows]
        decided[p[rows]] |= free
    return hit, found


def _pairs(truth: Boxes, predictions: Boxes, lowest: float, plus_one: bool) -> tuple[np.ndarray, ...]:
    """Rows p, g and IoU (P,) of pairs above the lowest threshold, in the order in which they are decided:
    by frame, then descending score of the prediction, then descending IoU."""
    order, true_order = predictions.order(), np.argsort(truth.frame, kind="stable")
    frames, true_frames = predictions.frame[order], truth.frame[true_order]
    first, stop = (np.searchsorted(true_frames, frames, side) for side in ("left", "right"))
    count = stop - first
    rank = np.repeat(np.arange(len(order)), count)
    within = np.arange(len(rank)) - np.repeat(np.cumsum(count) - count, count)
    p, g = order[rank], true_order[first[rank] + within]
    overlap = iou(truth.xyxy[g], predictions.xyxy[p], plus_one)
    rows = np.flatnonzero((overlap > lowest) & (truth.label[g] == predictions.label[p]))
    rows = rows[np.lexsort((-overlap[rows], rank[rows]))]
    return p[rows], g[rows], overlap[rows]


def _rounds(frame: np.ndarray) -> list[np.ndarray]:
    """Row numbers of each frame's first pair, then of each frame's second, ...; frame (P,) ascends.

    No frame comes twice in a round, so a round can be decided at once.
    """
    nth = np.arange(len(frame)) - np.searchsorted(frame, frame, "left")
    return np.split(np.argsort(nth, kind="stable"), np.cumsum(np.bincount(nth))[:-1]) if len(frame) else []
