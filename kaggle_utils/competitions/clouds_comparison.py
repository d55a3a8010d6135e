"""Clouds: what each step of a decision is worth on images it was not fitted on.

Every candidate is measured once; then its rule is fitted on the other folds and judged on each, so the
Dice of an image never comes from a rule that has seen it. Candidates are compared on the same resampled
groups of images (near-duplicates together), so a gain comes with an interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from kaggle_utils.competitions.clouds import CloudsData
from kaggle_utils.competitions.clouds_decision import EMPTY, HALF, CloudsDecision, Merge, merged_labels, merged_masks
from kaggle_utils.competitions.clouds_runs import Runs
from kaggle_utils.evidence.candidates import chosen_anew
from kaggle_utils.evidence.intervals import gains
from kaggle_utils.masks.search import dice_of, fit, fit_on
from kaggle_utils.masks.statistics import MaskStatistics, measure

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Candidate",
    "Measured",
    "chosen_without",
    "dice_gains",
    "dice_of_choices",
    "dice_where_test_like",
    "fitted",
    "look",
    "rules",
    "weighted",
]

TOP_PIXELS = (0, 17_500)  # of 183,750: the first place's number beside the label head


@dataclass(frozen=True)
class Measured:
    """A merge of prediction sets as the search sees it: statistics of (N, 4) masks, labels (N, 4) probabilities."""

    merge: Merge
    statistics: MaskStatistics
    labels: np.ndarray


@dataclass(frozen=True)
class Candidate:
    """A decision with its Dice.

    decision: fitted on all images; fitted: its mean Dice there
    dice: (N, 4) cross-fitted, each image's by the rule that has not seen its fold
    without: {fold: (N, 4)} the same where a fold is not looked at, in neither; NaN in that fold
    """

    decision: CloudsDecision
    fitted: float
    dice: np.ndarray
    without: Mapping[int, np.ndarray]


def look(
    runs: Runs, data: CloudsData, merge: Merge, levels: Sequence[int], outlines: Sequence[str] = ("drawn",),
    progress: str | None = None,
) -> Measured:  # fmt: skip
    """One pass over the judged images; data: the images the runs were trained on."""
    truths = (data.masks(row) for row in runs.rows)
    statistics = measure(merged_masks(runs, merge), truths, levels, outlines, progress)
    return Measured(merge, statistics, merged_labels(runs, merge))


def rules(measured: Measured, fold_of_row: np.ndarray) -> dict[str, Candidate]:
    """Rule upon rule: no masks at all, one half, levels and sizes per class, the gate, the best class kept.

    fold_of_row: (N,); HALF's level must have been measured
    """
    plain, nothing = dice_of(measured.statistics, HALF), measured.statistics.empty
    folds = np.unique(fold_of_row).tolist()
    fixed = {"all empty": (EMPTY, nothing), "one half": (HALF, plain)}
    return {
        name: Candidate(CloudsDecision(measured.merge, rule), float(dice.mean()), dice, dict.fromkeys(folds, dice))
        for name, (rule, dice) in fixed.items()
    } | {
        "levels and sizes": fitted(measured, fold_of_row, gate=False),
        "gate": fitted(measured, fold_of_row, best_class=(False,)),
        "best class kept": fitted(measured, fold_of_row, best_class=(True,)),
    }


def fitted(
    measured: Measured,
    fold_of_row: np.ndarray,
    gate: bool = True,
    best_class: Sequence[bool] = (False, True),
    outlines: bool = True,
) -> Candidate:
    """The best rule for a merge.

    gate: whether label head and highest pixels may forbid a mask; best_class: whether the likeliest class is kept,
    what is tried; outlines: whether those that were measured are tried
    """
    statistics = measured.statistics if outlines else measured.statistics.without_outlines
    scores = measured.labels if gate else None
    freedom = (scores, TOP_PIXELS if gate else (0,), best_class if gate else (False,))
    found = fit(statistics, fold_of_row, *freedom)
    dice = np.empty(measured.labels.shape)
    for fold, rule in found.decisions.items():
        dice[fold_of_row == fold] = dice_of(statistics, rule, scores)[fold_of_row == fold]
    without = _without(statistics, fold_of_row, freedom)
    return Candidate(CloudsDecision(measured.merge, found.decision, gate), found.fitted, dice, without)


def _without(statistics: MaskStatistics, fold_of_row: np.ndarray, freedom: tuple) -> dict[int, np.ndarray]:
    """{fold: (N, 4)}: each other fold's Dice by a rule that has seen neither; of two folds, by its own rule."""
    folds = np.unique(fold_of_row).tolist()
    without = {fold: np.full(statistics.empty.shape, np.nan) for fold in folds}

    @cache
    def dice_unseen(left_out: frozenset[int]) -> np.ndarray:
        rule = fit_on(~np.isin(fold_of_row, list(left_out)), statistics, *freedom)
        return dice_of(statistics, rule, freedom[0])

    for fold, judged in permutations(folds, 2):
        rows = fold_of_row == judged
        without[fold][rows] = dice_unseen(frozenset({fold, judged} if len(folds) > 2 else {fold}))[rows]
    return without


def weighted(sets: Sequence[str]) -> dict[str, Merge]:
    """Merges of the same sets: the mean, each set doubled in turn, and the other ways.

    >>> list(weighted(["a", "b"]))
    ['mean', '2 x a', '2 x b', 'geometric', 'sharpened', 'maximum']
    """
    sets = tuple(sets)
    doubled = {f"2 x {name}": Merge(sets, tuple(1.0 + (name == other) for other in sets)) for name in sets}
    return {"mean": Merge(sets), **doubled, **{how: Merge(sets, how=how) for how in ("geometric", "sharpened", "maximum")}}


def dice_gains(dice: Mapping[str, np.ndarray], group_of_row: np.ndarray, baseline: str) -> pd.DataFrame:
    """One row a candidate: name, dice, low, high, gain, gain_low, gain_high (95 % intervals over groups of images).

    dice: name -> (N, 4); group_of_row: (N,) ids; baseline: the name that the others are compared with

    >>> dice = {"a": np.full((4, 4), 0.5), "b": np.full((4, 4), 0.6)}
    >>> dice_gains(dice, np.arange(4), "a")[["name", "gain", "gain_low"]].round(3).values.tolist()
    [['a', 0.0, 0.0], ['b', 0.1, 0.1]]
    """
    return gains(_counts(dice, group_of_row), _ratio, baseline, "dice")


def dice_where_test_like(
    dice: Mapping[str, np.ndarray], test_like: np.ndarray, group_of_row: np.ndarray, baseline: str, share: float = 0.25
) -> pd.DataFrame:
    """:func:`dice_gains` on the share of the images that look most like the test's, with a column images, how many.

    test_like: (N,) of stage 1's folds.csv, higher is more alike; see :mod:`kaggle_utils.folds.adversarial`

    >>> dice = {"a": np.full((4, 4), 0.5), "b": np.arange(16.0).reshape(4, 4) / 16}
    >>> table = dice_where_test_like(dice, np.array([0.1, 0.9, 0.2, 0.8]), np.arange(4), "a", share=0.5)
    >>> table[["name", "images", "dice"]].round(3).values.tolist()  # the second and the last
    [['a', 2, 0.5], ['b', 2, 0.594]]
    """
    rows = np.sort(np.argsort(-np.asarray(test_like), kind="stable")[: max(1, round(share * len(test_like)))])
    table = dice_gains({name: one[rows] for name, one in dice.items()}, np.asarray(group_of_row)[rows], baseline)
    table.insert(1, "images", len(rows))
    return table


def chosen_without(
    candidates: Mapping[str, Candidate], fold_of_row: np.ndarray, group_of_row: np.ndarray, baseline: str, certain: bool = False
) -> dict[int, str]:
    """{fold: the candidate that is taken where that fold is not looked at}.

    See :func:`kaggle_utils.evidence.candidates.chosen_anew`.

    group_of_row: (N,) ids of groups, which lie in one fold
    """
    counts: dict[str, dict[int, np.ndarray]] = {name: {} for name in candidates}
    for fold in candidates[baseline].without:
        rows = fold_of_row != fold
        left = _counts({name: one.without[fold][rows] for name, one in candidates.items()}, np.asarray(group_of_row)[rows])
        for name, one in left.items():
            counts[name][fold] = one
    return chosen_anew(counts, _ratio, baseline, certain)


def dice_of_choices(candidates: Mapping[str, Candidate], choices: Mapping[int, str], fold_of_row: np.ndarray) -> np.ndarray:
    """(N, 4): of each fold the Dice of the candidate chosen without it, cross-fitted: what the decision is worth."""
    worth = np.empty((len(fold_of_row), 4))
    for fold, name in choices.items():
        worth[fold_of_row == fold] = candidates[name].dice[fold_of_row == fold]
    return worth


def _counts(dice: Mapping[str, np.ndarray], group_of_row: np.ndarray) -> dict[str, np.ndarray]:
    """name -> (G, 2), the sum of the Dice and the pairs of each group."""
    group = np.unique(group_of_row, return_inverse=True)[1]
    return {name: np.column_stack([np.bincount(group, one.sum(1)), 4 * np.bincount(group)]) for name, one in dice.items()}


def _ratio(counts: np.ndarray) -> np.ndarray:
    return counts[:, 0] / counts[:, 1]
