"""Which technique is worth what: candidate decisions side by side on out-of-fold predictions.

Each candidate is cut where the *other* folds have their best cut, so no figure here was fitted on the
frames it is measured on, and each is compared with the baseline on the same resampled sequences.
"They all looked the same" becomes a number with an interval.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kaggle_utils.boxes.cuts import cross_fitted_f2, f2_counts_of_groups, f2_of_counts, f2_table
from kaggle_utils.boxes.f2 import f2, f2_counts_by_group, f2_curve
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.evidence.candidates import chosen_anew

__all__ = ["boxes_of_choices", "chosen_without", "compare", "cut_by_the_others", "fold_scores"]


def cut_by_the_others(truth: Boxes, boxes: Boxes, fold_of_frame: np.ndarray) -> Boxes:
    """The boxes that survive where each fold is cut at the best cut of all the other folds.

    fold_of_frame: (n_frames,) fold of each frame, two folds at least
    """
    cuts = cross_fitted_f2(truth, boxes, fold_of_frame).decisions
    cut_of_box = np.array([cuts[fold] for fold in fold_of_frame[boxes.frame].tolist()], dtype=np.float64)
    return boxes[boxes.score >= cut_of_box]


def compare(
    truth: Boxes,
    candidates: Mapping[str, Boxes],
    fold_of_frame: np.ndarray,
    group_of_frame: np.ndarray,
    baseline: str,
):
    """A pandas.DataFrame, one row a candidate in the given order.

    candidates: name -> boxes before any cut; group_of_frame: (n_frames,) sequence of each frame
    Columns: name, cut (fitted on all), fitted (F2 on the frames it was fitted on), f2 (cross-fitted)
    with low and high, gain over the baseline with gain_low and gain_high (paired, 95 %).
    """
    survivors = {name: (cut_by_the_others(truth, boxes, fold_of_frame), -np.inf) for name, boxes in candidates.items()}
    table = f2_table(truth, survivors, group_of_frame, baseline)
    fits = [f2_curve(truth, boxes).best for boxes in candidates.values()]
    table.insert(1, "cut", [cut for cut, _ in fits])
    table.insert(2, "fitted", [value for _, value in fits])
    return table


def chosen_without(
    truth: Boxes,
    candidates: Mapping[str, Boxes],
    fold_of_frame: np.ndarray,
    group_of_frame: np.ndarray,
    baseline: str,
    certain: bool = False,
) -> dict[int, str]:
    """{fold: the candidate that is taken where that fold is not looked at}.

    See :func:`kaggle_utils.evidence.candidates.chosen_anew`.

    candidates: name -> boxes before any cut; group_of_frame: (n_frames,) sequence of each frame
    """
    counts: dict[str, dict[int, np.ndarray]] = {name: {} for name in candidates}
    for fold in np.unique(fold_of_frame).tolist():
        others = fold_of_frame != fold
        stand_in = np.flatnonzero(others)[0]  # the fold's own frames are left without boxes and count for nothing
        folds, groups = (np.where(others, ids, ids[stand_in]) for ids in (fold_of_frame, group_of_frame))
        truth_left = truth[others[truth.frame]]
        for name, boxes in candidates.items():
            kept = _cut(truth_left, boxes[others[boxes.frame]], folds)
            counts[name][fold] = f2_counts_of_groups(truth_left, kept, groups)
    return chosen_anew(counts, f2_of_counts, baseline, certain)


def _cut(truth: Boxes, boxes: Boxes, fold_of_frame: np.ndarray) -> Boxes:
    """Each fold cut by the others; a fold alone by itself."""
    if len(np.unique(fold_of_frame)) > 1:
        return cut_by_the_others(truth, boxes, fold_of_frame)
    return boxes[boxes.score >= f2_curve(truth, boxes).best[0]]


def boxes_of_choices(
    truth: Boxes, candidates: Mapping[str, Boxes], choices: Mapping[int, str], fold_of_frame: np.ndarray
) -> Boxes:
    """Of each fold the boxes of the candidate chosen without it, cut without it: what the decision is worth.

    choices: of :func:`chosen_without`
    """
    kept = {name: cut_by_the_others(truth, candidates[name], fold_of_frame) for name in set(choices.values())}
    return Boxes.concat(kept[name][fold_of_frame[kept[name].frame] == fold] for fold, name in choices.items())


def fold_scores(truth: Boxes, boxes: Boxes, fold_of_frame: np.ndarray) -> dict[int, float]:
    """F2 of each fold's boxes as they are (after a cut)."""
    folds, counts = f2_counts_by_group(truth, boxes, fold_of_frame)
    return dict(zip(folds.tolist(), np.atleast_1d(f2(counts)).tolist(), strict=True))
