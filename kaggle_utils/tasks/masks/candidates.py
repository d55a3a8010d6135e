"""What each step of a decision is worth on items it was not fitted on.

Every candidate is measured once; then its rule is fitted on the other parts and judged on each, so the figure of an
item never comes from a rule that has seen it. Candidates are compared on the same resampled groups of items
(near-duplicates together), so a gain comes with an interval. They are known by counts, (N, 2), a numerator and a
denominator an item, and a score is the ratio of their sums, see :func:`kaggle_utils.masks.search.counts_of`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations

import numpy as np

from kaggle_utils.evidence.candidates import Candidate, built_on, of_parts
from kaggle_utils.masks.search import counts_of, counts_of_empty, fit, fit_on
from kaggle_utils.masks.statistics import MaskStatistics
from kaggle_utils.masks.thinned import ThinnedMasks
from kaggle_utils.tasks.masks.decision import Decision, Merge, same_rule
from kaggle_utils.tasks.masks.out_of_fold import OutOfFold
from kaggle_utils.tasks.masks.passes import measured
from kaggle_utils.tasks.masks.ranking import ranked
from kaggle_utils.tasks.merges import groups_of_sets

_AT_ONCE = 4  # merges measured in one pass: their statistics take 100 MB each at clouds' full size


@dataclass(frozen=True)
class Measured:
    """A merge of prediction sets as the search sees it: statistics of (N, K) masks, labels (N, K) probabilities.

    top_pixels: how many of the highest ones a gate may look at, what is tried
    """

    merge: Merge
    statistics: MaskStatistics
    labels: np.ndarray
    top_pixels: tuple[int, ...] = (0,)


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


def baseline(
    judged: OutOfFold, levels: Sequence[int], progress: str | None = None
) -> tuple[str, Candidate, dict[str, np.ndarray]]:
    """What all else is compared with: (name of the first set, its levels and sizes fitted, {title: counts} beside it).

    Beside it stand what is at least one half, and no masks at all: what every figure must beat.
    """
    first = look(judged, Merge((judged.sets[0],)), sorted({*levels, 128}), progress=progress)
    half = counts_of(first.statistics, same_rule(judged.classes))
    return judged.sets[0], fitted(first, judged.part), {"all empty": counts_of_empty(first.statistics), "one half": half}


def merged(
    judged: OutOfFold,
    levels: Sequence[int],
    masks: ThinnedMasks,
    best: int = 3,
    all_ways: bool = True,
    progress: str | None = None,
) -> tuple[dict[str, Candidate], dict[int | None, list[str]]]:
    """Levels and sizes fitted for each further set alone, and for sets merged: members and views apart, all, all but one.

    masks: of :func:`kaggle_utils.tasks.masks.ranking.thinned`; all_ways: all are merged in each way of :func:`merges_of`,
        and of these ways so many are looked at whole as rank highest on the thinned masks
    Returns the candidates, and which of them may be chosen where a part is left out, for
    :meth:`kaggle_utils.evidence.candidates.Choice.step`: the ranking has not seen that part either.
    """
    groups = groups_of_sets(judged.sets)
    fixed = {name: Merge((name,)) for name in judged.sets[1:]} | {title: Merge(sets) for title, sets in groups.items()}
    every = merges_of(judged.sets) if all_ways and groups else {}
    ways = {f"all, {way}": merge for way, merge in every.items() if way != "mean"}
    chosen = ranked(masks, judged, ways, levels, best)[0] if ways else dict.fromkeys([None, *judged.ground.parts], ())
    offered, merges = {part: [*fixed, *names] for part, names in chosen.items()}, fixed | ways
    whole = [name for name in merges if any(name in names for names in offered.values())]
    found = {}
    for some in (whole[i : i + _AT_ONCE] for i in range(0, len(whole), _AT_ONCE)):
        seen = looks(judged, {name: merges[name] for name in some}, levels, progress=progress)
        found |= {name: fitted(seen.pop(name), judged.part) for name in some}
    return found, offered


def with_rules(
    judged: OutOfFold, base: Candidate, levels: Sequence[int], outlines: Sequence[str] = (), progress: str | None = None
) -> dict[str, Candidate]:
    """Rules put on a merge: a gate, the likeliest class kept, components filled out, and these together.

    outlines: what is tried around each component, of :data:`kaggle_utils.masks.rules.OUTLINES`
    """

    def build(decision: Decision) -> dict[str, Candidate]:
        measured = look(judged, decision.merge, levels, ("drawn", *outlines), progress)
        found = {"gate": fitted(measured, judged.part, gate=True, outlines=False)}
        if judged.classes > 1:
            found["best class kept"] = fitted(measured, judged.part, gate=True, best_class=(True,), outlines=False)
        if outlines:
            found["outlines"] = fitted(measured, judged.part)
            found["outlines and gate"] = fitted(measured, judged.part, gate=True)
        return found

    return built_on(base, build, judged.ground)


def fitted(
    measured: Measured,
    part: np.ndarray,
    gate: bool = False,
    best_class: Sequence[bool] = (False,),
    outlines: bool = True,
) -> Candidate:
    """The best rule for a merge: levels and sizes of each class, and what else is allowed.

    gate: whether label head and highest pixels may forbid a mask; best_class: whether the likeliest class is kept,
    what is tried; outlines: whether those that were measured are tried
    """
    statistics = measured.statistics if outlines else measured.statistics.without_outlines
    scores = measured.labels if gate else None
    freedom = (scores, measured.top_pixels if gate else (0,), best_class if gate else (False,))
    found = fit(statistics, part, *freedom)
    counts = of_parts({one: counts_of(statistics, rule, scores) for one, rule in found.decisions.items()}, part)
    decision = Decision(measured.merge, found.decision, gate)
    return Candidate(decision, found.fitted, counts, _without(statistics, part, freedom))


def _without(statistics: MaskStatistics, part: np.ndarray, freedom: tuple) -> dict[int, np.ndarray]:
    """{part: (N, 2)}: each other part's counts by a rule that has seen neither; of two parts, by its own rule."""
    parts = np.unique(part).tolist()
    without = {one: np.full((len(part), 2), np.nan) for one in parts}

    @cache
    def unseen(left_out: frozenset[int]) -> np.ndarray:
        rule = fit_on(~np.isin(part, list(left_out)), statistics, *freedom)
        return counts_of(statistics, rule, freedom[0])

    for one, other in permutations(parts, 2):
        rows = part == other
        without[one][rows] = unseen(frozenset({one, other} if len(parts) > 2 else {one}))[rows]
    return without


def merges_of(sets: Sequence[str]) -> dict[str, Merge]:
    """Ways to merge the same sets: the mean, each set doubled in turn, and the others.

    >>> list(merges_of(["a", "b"]))
    ['mean', '2 x a', '2 x b', 'geometric', 'sharpened', 'maximum']
    """
    sets = tuple(sets)
    doubled = {f"2 x {name}": Merge(sets, tuple(1.0 + (name == other) for other in sets)) for name in sets}
    return {"mean": Merge(sets), **doubled, **{how: Merge(sets, how=how) for how in ("geometric", "sharpened", "maximum")}}
