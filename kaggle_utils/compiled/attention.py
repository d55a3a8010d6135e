"""What boxes of one frame give to those of another, compiled: no list of pairs is made, of which there are millions."""

from __future__ import annotations

import numpy as np
from numba import njit

from kaggle_utils.compiled.matching import iou_of_rows


@njit(cache=True, nogil=True)
def most_given(
    start: np.ndarray,
    rows: np.ndarray,
    clip: np.ndarray,
    xyxy: np.ndarray,
    score: np.ndarray,
    label: np.ndarray,
    step: int,
    gain: float,
    min_iou: float,
    min_score: float,
    own: bool,
    most: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Fills most (N,) for the boxes of the frames first to last (not included): the highest gain * score * IoU with a box
    of its label, of at least min_score, in the frame ``step`` later of the same clip; 0 where none overlaps by more.

    start, rows: of :func:`kaggle_utils.compiled.matching.rows_by_frame`; clip: (n_frames,) int64
    own: whether the score is that of the box that gains, else of the one that gives
    """
    for f in range(first, last):
        other = f + step
        if other < 0 or other >= len(clip) or clip[other] != clip[f]:
            continue
        for b in rows[start[other] : start[other + 1]]:
            if score[b] < min_score:
                continue
            for a in rows[start[f] : start[f + 1]]:
                overlap = iou_of_rows(xyxy, a, xyxy, b, 0.0) if label[a] == label[b] else 0.0
                if overlap > min_iou:
                    most[a] = max(most[a], gain * (score[a] if own else score[b]) * overlap)
