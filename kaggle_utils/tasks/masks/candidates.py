"""What each step of a decision is worth on items it was not fitted on.

Every candidate is measured once; then its rule is fitted on the other parts and judged on each, so the figure of an
item never comes from a rule that has seen it. Candidates are compared on the same resampled groups of items
(near-duplicates together), so a gain comes with an interval. They are known by counts, (N, 2), a numerator and a
denominator an item, and a score is the ratio of their sums: for the mean Dice the sum of an item's Dice, and its classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from kaggle_utils.evidence.candidates import chosen_anew
from kaggle_utils.evidence.intervals import gains
from kaggle_utils.masks.rules import MaskDecision
from kaggle_utils.masks.search import dice_of, fit, fit_on
from kaggle_utils.masks.statistics import MaskStatistics
from kaggle_utils.tasks.masks.decision import Decision, Merge, same_rule
from kaggle_utils.tasks.masks.out_of_fold import OutOfFold
from kaggle_utils.tasks.masks.passes import measured

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Measured:
    """A merge of prediction sets as the search sees it: statistics of (N, K) masks, labels (N, K) probabilities.

    top_pixels: how many of the highest ones a gate may look at, what is tried
    """

    merge: Merge
    statistics: MaskStatistics
    labels: np.ndarray
    top_pixels: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Candidate:
    """A decision with its counts.

    decision: fitted on all items; fitted: its score there
    counts: (N, 2) cross-fitted, each item's by the rule that has not seen its part
    without: {part: (N, 2)} the same where a part is not looked at, in neither; NaN in that part
    """

    decision: Decision
    fitted: float
    counts: np.ndarray
    without: Mapping[int, np.ndarray]

    @property
    def score(self) -> float:
        """Cross-fitted."""
        return score(self.counts)


def score(counts: np.ndarray) -> float:
    """Of the items of (N, 2) counts together.

    >>> score(np.array([[3.0, 4.0], [0.0, 4.0]]))
    0.375
    """
    return float(_ratios(np.asarray(counts).sum(0, keepdims=True))[0])


def _ratios(sums: np.ndarray) -> np.ndarray:
    """(R,) scores of (R, 2) sums of counts."""
    return sums[:, 0] / sums[:, 1]


def _mean_dice(dice: np.ndarray) -> np.ndarray:
    """(N, 2) counts of (N, K) Dice."""
    return np.column_stack([dice.sum(1), np.where(np.isnan(dice[:, 0]), np.nan, dice.shape[1])])


def look(
    judged: OutOfFold, merge: Merge, levels: Sequence[int], outlines: Sequence[str] = ("drawn",), progress: str | None = None
) -> Measured:
    """One pass over the judged items."""
    return looks(judged, {"": merge}, levels, outlines, progress)[""]


def looks(
    judged: OutOfFold,
    merges: Mapping[str, Merge],
    levels: Sequence[int],
    outlines: Sequence[str] = ("drawn",),
    progress: str | None = None,
) -> dict[str, Measured]:
    """The same of several merges in one pass, each set being read once; each takes 100 MB of memory at clouds' full size."""
    found = measured(judged, list(merges.values()), levels, outlines, progress)
    return {
        name: Measured(merge, statistics, judged.merged_labels(merge), judged.top_pixels)
        for (name, merge), statistics in zip(merges.items(), found, strict=True)
    }


def rules(measured: Measured, part: np.ndarray) -> dict[str, Candidate]:
    """Rule upon rule: no masks at all, one half, levels and sizes per class, the gate, the best class kept.

    part: (N,); the level of one half, 128, must have been measured
    """
    empty, classes = measured.statistics.empty, measured.labels.shape[1]
    half, none = same_rule(classes), same_rule(classes, min_size=int(measured.statistics.pixels[..., 0].max()) + 1)
    fixed = {"all empty": (none, empty), "one half": (half, dice_of(measured.statistics, half))}
    return {name: _unfitted(measured, rule, _mean_dice(dice), part) for name, (rule, dice) in fixed.items()} | {
        "levels and sizes": fitted(measured, part, gate=False),
        "gate": fitted(measured, part, best_class=(False,)),
        "best class kept": fitted(measured, part, best_class=(True,)),
    }


def _unfitted(measured: Measured, rule: MaskDecision, counts: np.ndarray, part: np.ndarray) -> Candidate:
    """A rule that has seen nothing."""
    return Candidate(Decision(measured.merge, rule), score(counts), counts, dict.fromkeys(np.unique(part).tolist(), counts))


def fitted(
    measured: Measured,
    part: np.ndarray,
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
    freedom = (scores, measured.top_pixels if gate else (0,), best_class if gate else (False,))
    found = fit(statistics, part, *freedom)
    dice = of_parts({one: dice_of(statistics, rule, scores) for one, rule in found.decisions.items()}, part)
    decision = Decision(measured.merge, found.decision, gate)
    return Candidate(decision, found.fitted, _mean_dice(dice), _without(statistics, part, freedom))


def of_parts(values: Mapping[int, np.ndarray], part: np.ndarray) -> np.ndarray:
    """(N, ...): of each part its own of (N, ...) values.

    >>> of_parts({0: np.zeros(3), 1: np.ones(3)}, np.array([0, 1, 0])).tolist()
    [0.0, 1.0, 0.0]
    """
    found = np.empty_like(next(iter(values.values())))
    for one, own in values.items():
        found[part == one] = own[part == one]
    return found


def _without(statistics: MaskStatistics, part: np.ndarray, freedom: tuple) -> dict[int, np.ndarray]:
    """{part: (N, 2)}: each other part's counts by a rule that has seen neither; of two parts, by its own rule."""
    parts = np.unique(part).tolist()
    without = {one: np.full(statistics.empty.shape, np.nan) for one in parts}

    @cache
    def dice_unseen(left_out: frozenset[int]) -> np.ndarray:
        rule = fit_on(~np.isin(part, list(left_out)), statistics, *freedom)
        return dice_of(statistics, rule, freedom[0])

    for one, other in permutations(parts, 2):
        rows = part == other
        without[one][rows] = dice_unseen(frozenset({one, other} if len(parts) > 2 else {one}))[rows]
    return {one: _mean_dice(dice) for one, dice in without.items()}


def merges_of(sets: Sequence[str]) -> dict[str, Merge]:
    """Ways to merge the same sets: the mean, each set doubled in turn, and the others.

    >>> list(merges_of(["a", "b"]))
    ['mean', '2 x a', '2 x b', 'geometric', 'sharpened', 'maximum']
    """
    sets = tuple(sets)
    doubled = {f"2 x {name}": Merge(sets, tuple(1.0 + (name == other) for other in sets)) for name in sets}
    return {"mean": Merge(sets), **doubled, **{how: Merge(sets, how=how) for how in ("geometric", "sharpened", "maximum")}}


def sets_together(sets: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What to merge to see views and members apart: each member's views, and each view's members; all is left out.

    sets: names as :class:`kaggle_utils.tasks.runs.PredictionSet` makes them

    >>> sets_together(["96x64_identity", "96x64_hflip", "192x128_identity", "192x128_hflip"])["96x64, all views"]
    ('96x64_identity', '96x64_hflip')
    >>> list(sets_together(["96x64_identity", "192x128_identity"]))  # all members in one view are all there is
    []
    """
    found: dict[str, list[str]] = {}
    for name in sets:
        member, view, *_ = name.split("_")
        for title in (f"{member}, all views", f"all members, {view}"):
            found.setdefault(title, []).append(name)
    return {title: tuple(names) for title, names in found.items() if 1 < len(names) < len(sets)}


def dice_gains(counts: Mapping[str, np.ndarray], group: np.ndarray, baseline: str) -> pd.DataFrame:
    """One row a candidate: name, dice, low, high, gain, gain_low, gain_high (95 % intervals over groups of items).

    counts: name -> (N, 2); group: (N,) ids; baseline: the name that the others are compared with

    >>> counts = {"a": np.tile([2.0, 4], (4, 1)), "b": np.tile([2.4, 4], (4, 1))}
    >>> dice_gains(counts, np.arange(4), "a")[["name", "gain", "gain_low"]].round(3).values.tolist()
    [['a', 0.0, 0.0], ['b', 0.1, 0.1]]
    """
    return gains(_by_group(counts, group), _ratios, baseline, "dice")


def dice_where_test_like(
    counts: Mapping[str, np.ndarray], test_like: np.ndarray, group: np.ndarray, baseline: str, share: float = 0.25
) -> pd.DataFrame:
    """:func:`dice_gains` on the share of the items that look most like the test's, with a column items, how many.

    test_like: (N,) of stage 1's folds.csv, higher is more alike; see :mod:`kaggle_utils.folds.adversarial`

    >>> counts = {"a": np.tile([2.0, 4], (4, 1)), "b": np.column_stack([[0.375, 1.375, 2.375, 3.375], [4] * 4])}
    >>> table = dice_where_test_like(counts, np.array([0.1, 0.9, 0.2, 0.8]), np.arange(4), "a", share=0.5)
    >>> table[["name", "items", "dice"]].round(3).values.tolist()  # the second and the last
    [['a', 2, 0.5], ['b', 2, 0.594]]
    """
    rows = np.sort(np.argsort(-np.asarray(test_like), kind="stable")[: max(1, round(share * len(test_like)))])
    table = dice_gains({name: one[rows] for name, one in counts.items()}, np.asarray(group)[rows], baseline)
    table.insert(1, "items", len(rows))
    return table


def chosen_without(
    candidates: Mapping[str, Candidate], part: np.ndarray, group: np.ndarray, baseline: str, certain: bool = False
) -> dict[int, str]:
    """{part: the candidate that is taken where that part is not looked at}.

    See :func:`kaggle_utils.evidence.candidates.chosen_anew`.

    group: (N,) ids of groups, which lie in one part
    """
    counts: dict[str, dict[int, np.ndarray]] = {name: {} for name in candidates}
    for one in candidates[baseline].without:
        rows = part != one
        others = {name: candidate.without[one][rows] for name, candidate in candidates.items()}
        for name, left in _by_group(others, np.asarray(group)[rows]).items():
            counts[name][one] = left
    return chosen_anew(counts, _ratios, baseline, certain)


def counts_of_choices(candidates: Mapping[str, Candidate], choices: Mapping[int, str], part: np.ndarray) -> np.ndarray:
    """(N, 2): of each part the counts of the candidate chosen without it, cross-fitted: what the decision is worth."""
    return of_parts({one: candidates[name].counts for one, name in choices.items()}, part)


def _by_group(counts: Mapping[str, np.ndarray], group: np.ndarray) -> dict[str, np.ndarray]:
    """name -> (G, 2), the sums over each group."""
    number = np.unique(group, return_inverse=True)[1]
    return {name: np.column_stack([np.bincount(number, column) for column in one.T]) for name, one in counts.items()}
