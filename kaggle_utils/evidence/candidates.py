"""Which of several candidate decisions to take, step upon step, and what taking the best of them is worth.

The highest of many cross-fitted scores is partly lucky: on a small sample the best of twenty had .67 by its own
figure, and the hidden test's was .46. So the choice itself is judged like a threshold: made anew on all parts but one,
by figures that have not seen that one either, and scored on it. A step is taken only where this whole choice gains on
what stands with its interval above 0; candidates that were tested one by one would let one of twenty pass by luck.
That a step is taken or not is decided once, on all parts: the one thing that a part has a say in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from kaggle_utils.evidence.crossfit import CrossFit, first_of_best
from kaggle_utils.evidence.intervals import Interval, bootstrap_interval, gains, paired_difference

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 6  # groups: with fewer the bootstrap's interval is too narrow; of gains of nothing 4 groups pass 12 %, 8 pass 6 %
ANEW = "chosen anew without each part"  # the row of a table that is nobody's own figure


@dataclass(frozen=True)
class Candidate:
    """A decision with its counts, of U units (items, or groups of them).

    decision: fitted on all units; fitted: its score there
    counts: (U, C) cross-fitted, each unit's by the rule that has not seen its part
    without: {part: (U, C)} the same where a part is not looked at by any rule; whatever in that part
    decisions: {part: decision} where the decision is the outcome of a search, made anew without each part; else empty
    """

    decision: Any
    fitted: float
    counts: np.ndarray
    without: Mapping[int, np.ndarray]
    decisions: Mapping[int, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ground:
    """What candidates are judged on.

    part: (U,) what is left out together; group: (U,) ids of what is resampled together
    score: (R, C) counts summed over units -> (R,) scores, NaN where there is none; metric: what tables call it
    """

    part: np.ndarray
    group: np.ndarray
    score: Callable[[np.ndarray], np.ndarray]
    metric: str = "score"

    @property
    def groups(self) -> int:
        """How many there are."""
        return len(np.unique(self.group))

    @property
    def parts(self) -> list[int]:
        """Ascending."""
        return np.unique(self.part).tolist()

    def of(self, units: np.ndarray) -> Ground:
        """Some units alone, by number or as a mask."""
        return replace(self, part=self.part[units], group=self.group[units])

    def total(self, counts: np.ndarray) -> float:
        """The score of (n, C) counts together."""
        return float(self.score(counts.sum(0, keepdims=True))[0])

    def by_group(self, counts: np.ndarray) -> np.ndarray:
        """(G, C): sums over each group."""
        number = np.unique(self.group, return_inverse=True)[1]
        return np.column_stack([np.bincount(number, column) for column in counts.T])

    def table(self, counts: Mapping[str, np.ndarray], baseline: str) -> pd.DataFrame:
        """One row a name: name, <metric>, low, high, and what it gains on the baseline: gain, gain_low, gain_high.

        counts: name -> (U, C); the intervals, 95 %, are of the same resampled groups, see
        :func:`kaggle_utils.evidence.intervals.gains`
        """
        return gains({name: self.by_group(one) for name, one in counts.items()}, self.score, baseline, self.metric)

    def interval(self, counts: np.ndarray) -> Interval:
        """The score of (U, C) counts together."""
        return bootstrap_interval(self.by_group(counts), self.score)

    def gain(self, counts: np.ndarray, over: np.ndarray) -> Interval:
        """What (U, C) counts are worth more than others of the same units."""
        return paired_difference(self.by_group(counts), self.by_group(over), self.score)


class Choice:
    """What stands, at first a baseline, and what stands for each part that was not looked at.

    name: of the candidate that stands; anew: {part: name}; known: {name: candidate} of all that were seen
    certain: a step is taken only where its whole choice gains, on what stands and on the baseline, with an interval above
        0; else wherever it scores more

    >>> right = np.array([[9, 10], [7, 10], [8, 10], [8, 10]] * 2)  # of ten, in eight units of two parts
    >>> ground = Ground(np.repeat([0, 1], 4), np.arange(8), lambda sums: sums[:, 0] / sums[:, 1], "hits")
    >>> plain, better = (Candidate(name, 0.0, one, {0: one, 1: one}) for name, one in (("p", right - [1, 0]), ("b", right)))
    >>> choice = Choice(ground, "plain", plain)
    >>> choice.step("fusion", {"better": better})[["name", "hits", "gain_low"]].round(2).values.tolist()
    [['plain', 0.7, 0.0], ['better', 0.8, 0.1], ['chosen anew without each part', 0.8, 0.1]]
    >>> print(choice)
    fusion: better, +0.1000 [+0.1000, +0.1000] chosen anew without each part: taken
    """

    def __init__(self, ground: Ground, name: str, baseline: Candidate, certain: bool = True) -> None:
        self.ground, self.certain, self.baseline = ground, certain, name
        self.known, self.name, self.anew = {name: baseline}, name, dict.fromkeys(ground.parts, name)
        self.told: list[str] = []

    def __str__(self) -> str:
        return "\n".join(self.told)

    @property
    def before(self) -> Choice:
        """The baseline alone, before any step."""
        return Choice(self.ground, self.baseline, self.known[self.baseline], self.certain)

    @property
    def candidate(self) -> Candidate:
        """The one that stands."""
        return self.known[self.name]

    @property
    def counts(self) -> np.ndarray:
        """(U, C): of each part by what stands where that part was not looked at, cross-fitted: what the choice is worth."""
        return self._counts(self.anew)

    @property
    def worth(self) -> Interval:
        """The score of :attr:`counts`, with its interval over groups."""
        return self.ground.interval(self.counts)

    def table(self) -> pd.DataFrame:
        """All that was seen, against the baseline, see :meth:`Ground.table`."""
        return self.ground.table({name: one.counts for name, one in self.known.items()}, self.baseline)

    def beside(self, counts: Mapping[str, np.ndarray]) -> pd.DataFrame:
        """What is compared with what stands and cannot be taken, as of :meth:`Ground.table`; counts: name -> (U, C)."""
        return self.ground.table({self.name: self.candidate.counts} | dict(counts), self.name)

    def on(self, units: np.ndarray, which: str, beside: Mapping[str, np.ndarray] | None = None) -> str:
        """A sentence: what the choice is worth on some units alone; which: what they are; beside: name -> (U, C) counts."""
        compared = {self.baseline: self.known[self.baseline].counts} | dict(beside or {})
        others = ", ".join(f"{name} {self.ground.total(one[units]):.4f}" for name, one in compared.items())
        return f"on the {len(units)} {which}: {self.ground.of(units).interval(self.counts[units])}; {others}"

    def by_part(self) -> dict[int, float]:
        """The score of :attr:`counts`, part by part."""
        counts = self.counts
        return {part: self.ground.total(counts[self.ground.part == part]) for part in self.ground.parts}

    def weakest(self) -> str:
        """A sentence: which part has the lowest score, and what the others have together."""
        scores = {part: score for part, score in self.by_part().items() if np.isfinite(score)}
        part = min(scores, key=scores.get)
        others = self.ground.total(self.counts[self.ground.part != part])
        return f"of the parts {part} has the lowest {self.ground.metric}, {scores[part]:.4f}, the others {others:.4f}"

    def step(
        self,
        title: str,
        candidates: Mapping[str, Candidate] | Callable[[Candidate], Mapping[str, Candidate]],
        offered: Mapping[int | None, Collection[str]] | None = None,
    ) -> pd.DataFrame:
        """Looks at candidates beside what stands, and takes the best of them or leaves it.

        candidates: by name; or a function that makes them of the candidate that stands, which each part asks about what
            stands without it: a part has no say in what is tried on it
        offered: {part: what may be chosen where it is left out, None: where none is}, for candidates of a shorter list
            that was made without that part; None: all
        Returns a table as of :meth:`Ground.table` against what stood before; its last row is the choice made anew.
        """
        menus = {base: self._menu(base, candidates) for base in dict.fromkeys([self.name, *self.anew.values()])}
        before, stood = self.counts, self.name
        anew = {part: self._best(_of(menus[name], offered, part), part) for part, name in self.anew.items()}
        best, made = self._best(_of(menus[stood], offered, None)), self._counts(anew)
        table = self.ground.table({name: self.known[name].counts for name in dict.fromkeys([stood, *menus[stood]])}, stood)
        gain, whole = self.ground.gain(made, before), self.ground.gain(made, self.known[self.baseline].counts)
        taken = not self.certain or self.ground.groups >= FEWEST and min(gain.low, whole.low) > 0
        self.told.append(f"{title}: {_said(best, stood, gain, taken, table, self.ground.groups)}")
        if taken:
            self.name, self.anew = best, anew
        return _with_row(table, self.ground, made, gain)

    def _menu(self, base: str, candidates: Mapping | Callable) -> list[str]:
        """Names of what may be taken where the base stands.

        To be certain the best of the others is held against it: choosing between the two, too, would only weaken the
        test. Else the base is one of them, and the first, for of equals it stays.
        """
        if callable(candidates):
            found = {f"{base}, {name}": one for name, one in candidates(self.known[base]).items()}
        else:
            found = dict(candidates)
        self.known |= {name: one for name, one in found.items() if name not in self.known}
        others = [name for name in found if name != base]
        return others if self.certain and others else [base, *others]

    def _best(self, names: Sequence[str], part: int | None = None) -> str:
        """The highest score, of equals the first, of NaN none; where a part is left out, by figures that have not seen it."""
        if part is None:
            scores = [self.ground.total(self.known[name].counts) for name in names]
        else:
            others = self.ground.part != part
            scores = [self.ground.total(self.known[name].without[part][others]) for name in names]
        return names[first_of_best(np.nan_to_num(scores, nan=-np.inf))]

    def _counts(self, names: Mapping[int, str]) -> np.ndarray:
        return of_parts({part: self.known[name].counts for part, name in names.items()}, self.ground.part)


def _of(menu: Sequence[str], offered: Mapping[int | None, Collection[str]] | None, part: int | None) -> list[str]:
    """What a part may choose; all where nothing of the menu is offered, as where the list does not speak of it."""
    return [name for name in menu if offered is not None and name in offered[part]] or list(menu)


def _said(best: str, stood: str, gain: Interval, taken: bool, table: pd.DataFrame, groups: int) -> str:
    told = f"{best}, {gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}] {ANEW}"
    if len(table) == 1:
        return f"{stood} stays, there is nothing else to try"
    if groups < FEWEST and not taken:
        return f"{told}: {stood} stays, {groups} groups are too few to be certain of anything, expected {FEWEST} and more"
    if best == stood:
        return f"{stood} stays, nothing scores more; {_least(gain, table)}"
    return f"{told}: taken" if taken else f"{told}: not certain, {stood} stays; {_least(gain, table)}"


def _least(gain: Interval, table: pd.DataFrame) -> str:
    """How large a gain would have been certain: as far as the interval reaches below the gain, of the choice or the best."""
    reach = gain.value - gain.low
    if not reach > 0:  # the choice is what stood, and differs from it by nothing
        rows = table[table["gain"] > table["gain_low"]]
        reach = (rows["gain"] - rows["gain_low"]).min() if len(rows) else np.nan
    return f"certain would be a gain above {reach:.4f}" if np.isfinite(reach) else "no gain could be certain on these data"


def _with_row(table: pd.DataFrame, ground: Ground, counts: np.ndarray, gain: Interval) -> pd.DataFrame:
    """The table and below it the choice made anew."""
    own = ground.interval(counts)
    table.loc[len(table)] = [ANEW, own.value, own.low, own.high, gain.value, gain.low, gain.high]
    return table


def judged_by_parts(
    counts: Callable[[frozenset[int]], np.ndarray], part: np.ndarray
) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """``counts`` and ``without`` of a :class:`Candidate`; part: (U,)

    counts: parts that are left out -> (U, C) by what was fitted without them
    Of two parts the other is judged by its own, where one is not looked at.

    >>> seen = lambda left_out: np.array([[len(left_out)]] * 3)
    >>> own, without = judged_by_parts(seen, np.array([0, 1, 2]))
    >>> own.ravel().tolist(), without[0].ravel().tolist()
    ([1, 1, 1], [1, 2, 2])
    """
    parts = np.unique(part).tolist()
    own = of_parts({one: counts(frozenset({one})) for one in parts}, part)
    without = {
        one: of_parts({other: counts(frozenset({one, other} if len(parts) > 2 else {one})) for other in parts}, part)
        for one in parts
    }
    return own, without


def nested(found: Mapping[Any, Candidate], chosen: CrossFit, ground: Ground) -> Candidate:
    """A candidate that is itself the outcome of a search: each part's counts are by what was found without it.

    found: {outcome: its candidate}; chosen: outcomes as ``decision`` and, by number of the part left out, ``decisions``
    """
    own = {part: found[chosen.decisions[i]] for i, part in enumerate(ground.parts)}
    counts = of_parts({part: one.counts for part, one in own.items()}, ground.part)
    final, without = found[chosen.decision], {part: one.without[part] for part, one in own.items()}
    return Candidate(final.decision, final.fitted, counts, without, {part: one.decision for part, one in own.items()})


def built_on(
    base: Candidate, build: Callable[[Any], Mapping[str, Candidate]], ground: Ground
) -> dict[str, Candidate]:
    """Candidates made of a decision; where that was searched, of what was found without each part, for that part.

    build: decision -> candidates by name. Else a part would have its say in the decision that it is judged by.
    """
    different: list[Any] = []
    for one in [base.decision, *base.decisions.values()]:
        if one not in different:
            different.append(one)
    made = [build(one) for one in different]
    if len(made) == 1:
        return dict(made[0])
    numbers = {i: different.index(base.decisions[part]) for i, part in enumerate(ground.parts)}
    chosen = CrossFit(0, base.fitted, numbers, base.fitted)
    return {name: nested({i: some[name] for i, some in enumerate(made)}, chosen, ground) for name in made[0]}


def of_parts(values: Mapping[int, np.ndarray], part: np.ndarray) -> np.ndarray:
    """(U, ...): of each part its own of (U, ...) values.

    >>> of_parts({0: np.zeros(3), 1: np.ones(3)}, np.array([0, 1, 0])).tolist()
    [0.0, 1.0, 0.0]
    """
    found = np.empty_like(next(iter(values.values())))
    for one, own in values.items():
        found[part == one] = own[part == one]
    return found
