"""Which technique is worth what: candidate decisions side by side on out-of-fold predictions.

Each candidate is cut where the *other* parts have their best cut, so no figure here was fitted on the
frames it is measured on, and each is compared with the baseline on the same resampled sequences.
"They all looked the same" becomes a number with an interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from kaggle_utils.boxes.cuts import cross_fitted_f2, f2_counts_of_groups, f2_of_counts, f2_table
from kaggle_utils.boxes.f2 import f2_curve
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.evidence.candidates import chosen_anew

if TYPE_CHECKING:
    import pandas as pd


def cut_by_the_others(truth: Boxes, boxes: Boxes, part_of_frame: np.ndarray, **how: Any) -> Boxes:
    """The boxes that survive where each part is cut at the best cut of all the other parts.

    part_of_frame: (n_frames,) part (as a rule the fold) of each frame, two parts at least
    how: thresholds and plus_one, as for :func:`kaggle_utils.boxes.matching.match`
    """
    cuts = cross_fitted_f2(truth, boxes, part_of_frame, **how).decisions
    cut_of_box = np.array([cuts[part] for part in part_of_frame[boxes.frame].tolist()], dtype=np.float64)
    return boxes[boxes.score >= cut_of_box]


def compare(
    truth: Boxes,
    candidates: Mapping[str, Boxes],
    part_of_frame: np.ndarray,
    group_of_frame: np.ndarray,
    baseline: str,
    **how: Any,
) -> pd.DataFrame:
    """One row a candidate in the given order.

    candidates: name -> boxes before any cut; group_of_frame: (n_frames,) sequence of each frame
    how: thresholds and plus_one, as for :func:`kaggle_utils.boxes.matching.match`
    Columns: name, cut (fitted on all), fitted (F2 on the frames it was fitted on), f2 (cross-fitted)
    with low and high, gain over the baseline with gain_low and gain_high (paired, 95 %).
    """
    survivors = {
        name: (cut_by_the_others(truth, boxes, part_of_frame, **how), -np.inf) for name, boxes in candidates.items()
    }
    table = f2_table(truth, survivors, group_of_frame, baseline, **how)
    fits = [f2_curve(truth, boxes, **how).best for boxes in candidates.values()]
    table.insert(1, "cut", [cut for cut, _ in fits])
    table.insert(2, "fitted", [value for _, value in fits])
    return table


def chosen_without(
    truth: Boxes,
    candidates: Mapping[str, Boxes],
    part_of_frame: np.ndarray,
    group_of_frame: np.ndarray,
    baseline: str,
    certain: bool = False,
    **how: Any,
) -> dict[int, str]:
    """{part: the candidate that is taken where that part is not looked at}.

    See :func:`kaggle_utils.evidence.candidates.chosen_anew`.

    candidates: name -> boxes before any cut; group_of_frame: (n_frames,) sequence of each frame
    how: thresholds and plus_one, as for :func:`kaggle_utils.boxes.matching.match`
    """
    counts: dict[str, dict[int, np.ndarray]] = {name: {} for name in candidates}
    for part in np.unique(part_of_frame).tolist():
        others = part_of_frame != part
        stand_in = np.flatnonzero(others)[0]  # the part's own frames are left without boxes and count for nothing
        parts, groups = (np.where(others, ids, ids[stand_in]) for ids in (part_of_frame, group_of_frame))
        truth_left = truth[others[truth.frame]]
        for name, boxes in candidates.items():
            kept = _cut(truth_left, boxes[others[boxes.frame]], parts, how)
            counts[name][part] = f2_counts_of_groups(truth_left, kept, groups, **how)
    return chosen_anew(counts, f2_of_counts, baseline, certain)


def _cut(truth: Boxes, boxes: Boxes, part_of_frame: np.ndarray, how: Mapping[str, Any]) -> Boxes:
    """Each part cut by the others; a part alone by itself."""
    if len(np.unique(part_of_frame)) > 1:
        return cut_by_the_others(truth, boxes, part_of_frame, **how)
    return boxes[boxes.score >= f2_curve(truth, boxes, **how).best[0]]


def boxes_of_choices(
    truth: Boxes, candidates: Mapping[str, Boxes], choices: Mapping[int, str], part_of_frame: np.ndarray, **how: Any
) -> Boxes:
    """Of each part the boxes of the candidate chosen without it, cut without it: what the decision is worth.

    choices: of :func:`chosen_without`
    """
    kept = {name: cut_by_the_others(truth, candidates[name], part_of_frame, **how) for name in set(choices.values())}
    return Boxes.concat(kept[name][part_of_frame[kept[name].frame] == part] for part, name in choices.items())
