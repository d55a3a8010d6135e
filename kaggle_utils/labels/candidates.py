"""What each way to decide is worth on rows it was not fitted on, and which one to take.

Every candidate is fitted on all parts but one and judged on that one; they are compared on the same resampled groups of
rows. A gain counts only where its interval lies above 0, and what taking the best is worth is found by choosing anew
without each part. On 6,000 real hold-out chips of *Planet: Understanding the Amazon from Space* a threshold a label has
.9218 on its own rows, a single one .9197; on other rows they have .9179 and .9190, and the set with the highest expected
F2, which fits nothing and so is what the others are compared with, .9200.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np

from kaggle_utils.evidence.candidates import choose, chosen_anew
from kaggle_utils.evidence.intervals import Interval, bootstrap_interval, gains
from kaggle_utils.labels.calibration import HOW as CALIBRATIONS
from kaggle_utils.labels.calibration import calibrated, fit_calibration
from kaggle_utils.labels.decision import LabelDecision, labels_by_decision
from kaggle_utils.labels.metrics import LabelMetric
from kaggle_utils.labels.rules import LabelRule
from kaggle_utils.labels.search import MEAN_F2, fit_cuts, fit_one_cut
from kaggle_utils.labels.stacking import HOW as STACKS
from kaggle_utils.labels.stacking import fit_stack, fit_weights, mean_of, stacked

if TYPE_CHECKING:
    import pandas as pd

Fit = Callable[[np.ndarray, np.ndarray], LabelDecision]  # members (M, n, L), truth (n, L)


@dataclass(frozen=True)
class Recommendation:
    """What to take, and what it is worth.

    name, decision: the candidate that was chosen, fitted on all rows
    worth: of the choice made and fitted anew without each part, with its 95 % interval
    table: one row a candidate: name, score, low, high, gain, gain_low, gain_high, cross-fitted, and fitted, its score on
        the rows it was fitted on
    """

    name: str
    decision: LabelDecision
    worth: Interval
    table: pd.DataFrame

    def __str__(self) -> str:
        row = self.table.set_index("name").loc[self.name]
        return f"{self.worth} chosen and fitted without each part; {row['score']:.4f} of the chosen ({self.name}), " + (
            f"{row['fitted']:.4f} on the rows it was fitted on"
        )


def ways(
    metric: LabelMetric = MEAN_F2,
    members: int = 1,
    exclusive: Sequence[Sequence[int]] = (),
    alone: Sequence[int] = (),
) -> dict[str, Fit]:
    """What is worth trying, by name; the first is what the others are compared with. Add to them, or leave some out.

    members: how many there are; exclusive, alone: of the labels, as for :class:`LabelRule`, where there are any
    For the mean over rows the first is the highest expected F-beta, for other averages one threshold. Stacks, weights and
    votes come before the former, or before a threshold a label, to which a calibration, that keeps order, is nothing.

    >>> list(ways())
    ['expected F2', 'one half', 'one cut', 'cut per label', 'platt', 'isotonic', 'ridge', 'logistic']
    """
    of_rows, expected = metric.average == "samples", LabelRule(beta=metric.beta)
    one_cut, cut_per_label = partial(fit_one_cut, metric=metric), partial(fit_cuts, metric=metric)
    cuts = {"one half": _always(LabelRule((0.5,))), "one cut": one_cut, "cut per label": cut_per_label}
    rules = {f"expected F{metric.beta:g}": _always(expected), **cuts} if of_rows else {"one cut": one_cut, **cuts}
    if exclusive or alone:
        constrained = LabelRule(beta=metric.beta, exclusive=tuple(map(tuple, exclusive)), alone=tuple(alone))
        rules["groups kept"] = _always(constrained)
    last = _always(expected) if of_rows else cut_per_label
    several = {"weights": partial(_weighted, rule=last, metric=metric), "votes": partial(_votes, rule=last)}
    return {
        **{name: partial(_fit, rule=rule) for name, rule in rules.items()},
        **{how: partial(_fit, rule=last, calibration=how) for how in CALIBRATIONS if of_rows},
        **{how: partial(_fit, rule=last, stack=how) for how in STACKS},
        **(several if members > 1 else {}),
    }


_RuleFit = Callable[[np.ndarray, np.ndarray], LabelRule]  # probabilities (n, L), truth (n, L)


def _always(rule: LabelRule) -> _RuleFit:
    return lambda probabilities, truth: rule


def _fit(
    members: np.ndarray, truth: np.ndarray, rule: _RuleFit, stack: str | None = None, calibration: str | None = None
) -> LabelDecision:
    """One step after another, each on what the one before makes of these rows."""
    regression = fit_stack(members, truth, stack) if stack else None
    one = stacked(regression, members) if regression else mean_of(members)
    curves = fit_calibration(one, truth, calibration) if calibration else None
    return LabelDecision(rule(calibrated(curves, one) if curves else one, truth), None, regression, curves)


def _weighted(members: np.ndarray, truth: np.ndarray, rule: _RuleFit, metric: LabelMetric) -> LabelDecision:
    given = rule(mean_of(members), truth)
    weights = fit_weights(members, truth, np.arange(len(truth)) % 2, given, metric).decision
    return LabelDecision(rule(mean_of(members, weights), truth), weights)


def _votes(members: np.ndarray, truth: np.ndarray, rule: _RuleFit) -> LabelDecision:
    return LabelDecision(rule(mean_of(members), truth), vote=True)


def recommend_labels(
    members: np.ndarray,
    truth: np.ndarray,
    part: np.ndarray,
    fits: Mapping[str, Fit] | None = None,
    group: np.ndarray | None = None,
    metric: LabelMetric = MEAN_F2,
    progress: str | None = None,
) -> Recommendation:
    """The candidate with the highest score among those that gain for certain on the first, else the first.

    members: (M, N, L) out-of-fold probabilities; truth: (N, L) bool
    part: (N,) what is left out together, two parts at least; group: (N,) ids of groups, which lie in one part and are
        resampled together; default: each row by itself
    fits: of :func:`ways`, default all; progress: what the bar over them is called; None: no bar

    >>> rng = np.random.default_rng(0)
    >>> members = rng.random((1, 300, 4)) ** [0.2, 1, 2, 4]  # probabilities that mean what they say
    >>> truth = rng.random((300, 4)) < members[0]
    >>> found = recommend_labels(members, truth, part=np.arange(300) % 3)
    >>> print(found)
    0.8569 [0.8323, 0.8794] chosen and fitted without each part; 0.8569 of the chosen (expected F2), 0.8569 on the rows
    it was fitted on
    >>> found.table[["name", "score", "fitted"]].round(4).iloc[[0, 3]].values.tolist()
    [['expected F2', 0.8569, 0.8569], ['cut per label', 0.8609, 0.8715]]
    """
    from tqdm import tqdm

    members, truth, fits = np.asarray(members), np.asarray(truth, bool), fits or ways(metric, len(members))
    if members.ndim != 3 or members.shape[1:] != truth.shape or len(part) != len(truth) or len(np.unique(part)) < 2:
        shapes = f"members have shape {members.shape}, truth {truth.shape}, part {np.shape(part)}"
        raise ValueError(f"{shapes}, expected (M, N, L), (N, L) and (N,) with at least two parts")
    part, baseline = np.asarray(part), next(iter(fits))
    bar = tqdm(fits.items(), desc=progress, disable=progress is None, unit="candidate")
    found = {name: _judged(fit, members, truth, part, metric) for name, fit in bar}
    number = np.unique(np.arange(len(part)) if group is None else group, return_inverse=True)[1]
    table = gains({name: _by_group(one.counts, number) for name, one in found.items()}, metric.score, baseline)
    table["fitted"] = [one.fitted for one in found.values()]
    name = choose(table, list(fits), baseline, "score", certain=True)
    others = {one: {p: _by_group(rows[part != p], number[part != p]) for p, rows in found[one].without.items()} for one in fits}
    anew, worth = chosen_anew(others, metric.score, baseline, certain=True), np.empty_like(found[name].counts)
    for p, choice in anew.items():
        worth[part == p] = found[choice].counts[part == p]
    return Recommendation(name, found[name].decision, bootstrap_interval(_by_group(worth, number), metric.score), table)


@dataclass(frozen=True)
class _Judged:
    """decision, fitted: on all rows, and its score there; counts: (N, K) of each row by the decision that has not seen
    its part; without: {part: (N, K)} the same where that part is not looked at either, NaN in that part."""

    decision: LabelDecision
    fitted: float
    counts: np.ndarray
    without: Mapping[int, np.ndarray]


def _judged(fit: Fit, members: np.ndarray, truth: np.ndarray, part: np.ndarray, metric: LabelMetric) -> _Judged:
    """With two parts only, what leaves out one for the other is the other's own."""
    parts = np.unique(part).tolist()

    @cache
    def without(*left_out: int) -> LabelDecision:
        rows = ~np.isin(part, left_out)
        return fit(members[:, rows], truth[rows])

    def counts(decision: LabelDecision, rows: np.ndarray) -> np.ndarray:
        return metric.counts(truth[rows], labels_by_decision(decision, members[:, rows]))

    everything = counts(without(), part == part)
    found = {one: np.full(everything.shape, np.nan) for one in [*parts, None]}  # None: no other part is left out
    for one in parts:
        found[None][part == one] = counts(without(one), part == one)
        for other in parts:
            if other != one:
                left_out = sorted([one, other]) if len(parts) > 2 else [one]
                found[one][part == other] = counts(without(*left_out), part == other)
    return _Judged(without(), float(metric.score(everything.sum(0)[None])[0]), found.pop(None), found)


def _by_group(counts: np.ndarray, number: np.ndarray) -> np.ndarray:
    """(G, K), the sums over the rows of each group that has any."""
    number = np.unique(number, return_inverse=True)[1]
    return np.column_stack([np.bincount(number, column) for column in counts.T])
