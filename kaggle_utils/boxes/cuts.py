"""The cut of a set of boxes, and what the boxes above it are worth: on frames it was not fitted on, and how surely.

F2 over boxes (reef) put before :mod:`kaggle_utils.evidence`: a cut is fitted on all folds but one and judged on
that one, and candidates are compared on the same resampled sequences.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kaggle_utils.boxes.f2 import F2Counts, f2, f2_counts_by_group, f2_from_counts
from kaggle_utils.boxes.matching import Matches, match
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.evidence.crossfit import CrossFit, cross_fit
from kaggle_utils.evidence.intervals import gains


@dataclass(frozen=True, eq=False)
class Matched:
    """Predictions matched once: any frames have their best cut, and any boxes their counts, by sums alone.

    order: (N,) rows by descending score; frame, score, hits: (N,) in that order, hits: at how many of the thresholds
    """

    truth: Boxes
    predictions: Boxes
    matches: Matches
    order: np.ndarray
    frame: np.ndarray
    score: np.ndarray
    hits: np.ndarray

    @classmethod
    def of(cls, truth: Boxes, predictions: Boxes, **how: Any) -> Matched:
        """how: thresholds and plus_one, as for :func:`kaggle_utils.boxes.matching.match`"""
        matches, order = match(truth, predictions, **how), np.argsort(-predictions.score)
        columns = predictions.frame[order], predictions.score[order], np.bitwise_count(matches.hit[order])
        return cls(truth, predictions, matches, order, *columns)

    def best_cut(self, frames: np.ndarray) -> tuple[float, float]:
        """(cut, F2) as of :func:`kaggle_utils.boxes.f2.f2_curve` of these frames alone; frames: (n_frames,) bool

        >>> pair = Boxes([0, 1], [[0, 0, 9, 9]] * 2, [0.7, 0.2])
        >>> Matched.of(Boxes([0], [[0, 0, 9, 9]]), pair).best_cut(np.array([True, True]))
        (0.7, 1.0)
        """
        n, truths, rows = len(self.matches.thresholds), np.count_nonzero(frames[self.truth.frame]), frames[self.frame]
        score, hits = self.score[rows], self.hits[rows]
        if not len(score):
            return 0.0, 0.0 if truths else float("nan")
        last = np.flatnonzero(np.append(score[1:] != score[:-1], True))  # of equal scores
        values = f2_from_counts(np.cumsum(hits, dtype=np.int64)[last], n * truths, n * (last + 1))
        row = int(np.argmax(values))
        return float(score[last[row]]), float(values[row])

    def counts(self, kept: np.ndarray, unit_of_frame: np.ndarray, units: int) -> np.ndarray:
        """(units, T + 2) for :func:`f2_of_counts` where of the predictions only some are kept.

        kept: (N,) bool, a box only with all of its frame that score as much; unit_of_frame: (n_frames,) int64
        """
        of_truth, of_kept = unit_of_frame[self.truth.frame], unit_of_frame[self.predictions.frame[kept]]
        hits = self.matches.unpack(self.matches.hit[kept])
        tp = [np.bincount(of_kept[column], minlength=units) for column in hits.T]
        return np.column_stack([*tp, np.bincount(of_truth, minlength=units), np.bincount(of_kept, minlength=units)])


def cross_fitted_f2(truth: Boxes, predictions: Boxes, fold_of_frame: np.ndarray, **how: Any) -> CrossFit:
    """The best cut and F2 on all frames, and F2 with each fold cut where the others have their best.

    fold_of_frame: (n_frames,) the fold of each frame, two folds at least, else ValueError
    how: thresholds and plus_one, as for :func:`kaggle_utils.boxes.matching.match`

    >>> truth = Boxes([0, 1], [[0, 0, 9, 9]] * 2)
    >>> predictions = Boxes([0, 0, 1], [[0, 0, 9, 9], [50, 50, 59, 59], [0, 0, 9, 9]], [0.9, 0.6, 0.4])
    >>> print(cross_fitted_f2(truth, predictions, fold_of_frame=np.array([0, 1])))
    0.5000 cross-fitted over 2 folds (0.4, 0.9), 0.9091 on the rows it was fitted on (0.4)
    """
    matched = Matched.of(truth, predictions, **how)

    def judge(frames: np.ndarray, cut: float) -> np.ndarray:
        kept = predictions.score >= cut
        return matched.counts(kept, np.where(frames, 0, 1), 2)[0]

    return cross_fit(
        fold_of_frame, lambda frames: matched.best_cut(frames)[0], judge, lambda sums: float(f2_of_counts(sums[None])[0])
    )


def f2_counts_of_groups(truth: Boxes, predictions: Boxes, group_of_frame: np.ndarray, **how: Any) -> np.ndarray:
    """(G, T + 2) counts of the groups in ascending order, for :func:`f2_of_counts`.

    group_of_frame: (n_frames,) numbers or texts; how: thresholds and plus_one, as for :func:`kaggle_utils.boxes.matching.match`
    """
    counts = f2_counts_by_group(truth, predictions, group_of_frame, **how)[1]
    return np.column_stack([counts.tp, counts.truths, counts.predictions])


def f2_of_counts(sums: np.ndarray) -> np.ndarray:
    """(R,) F2 of (R, T + 2) summed counts: hits at each of T IoU thresholds, true boxes, predictions."""
    return f2(F2Counts(sums[:, :-2], sums[:, -2], sums[:, -1]))


def f2_table(
    truth: Boxes,
    candidates: Mapping[str, tuple[Boxes, float]],
    group_of_frame: np.ndarray,
    baseline: str,
    **how: Any,
) -> pd.DataFrame:
    """What each set of predictions is worth in F2, and what it gains on the baseline.

    candidates: name -> (predictions, cut); boxes with score >= cut are kept
    group_of_frame: (n_frames,) the sequence (or video) of each frame, the unit that is resampled
    baseline: the name that the others are compared with; a missing one is a ValueError
    how: thresholds and plus_one, as for :func:`kaggle_utils.boxes.matching.match`
    Returns a pandas.DataFrame: name, f2, low, high, gain, gain_low, gain_high (95 % intervals).

    >>> truth = Boxes([0, 1, 2], [[0, 0, 9, 9]] * 3)
    >>> candidates = {"all": (truth, 0.5), "two": (truth[:2], 0.5)}
    >>> f2_table(truth, candidates, np.array([0, 1, 2]), baseline="two")[["name", "f2", "gain"]].round(3)
      name     f2   gain
    0  all  1.000  0.286
    1  two  0.714  0.000
    """
    counts = {
        name: f2_counts_of_groups(truth, predictions[predictions.score >= cut], group_of_frame, **how)
        for name, (predictions, cut) in candidates.items()
    }
    return gains(counts, f2_of_counts, baseline, "f2")
