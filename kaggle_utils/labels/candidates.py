"""What each way to decide is worth on rows it was not fitted on, and which one to take.

Every candidate is fitted on all parts but one and judged on that one; they are compared on the same resampled groups of
rows. A gain counts only where its interval lies above 0, and what taking the best is worth is found by choosing anew
without each part. On 6,000 real hold-out chips of *Planet: Understanding the Amazon from Space* a threshold a label has
.9218 on its own rows, a single one .9197; on other rows they have .9179 and .9190, and the set with the highest expected
F2, which fits nothing and so is what the others are compared with, .9200.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

import numpy as np

from kaggle_utils.evidence.candidates import Candidate, Choice, Ground, judged_by_parts
from kaggle_utils.labels.calibration import HOW as CALIBRATIONS
from kaggle_utils.labels.calibration import calibrated, fit_calibration
from kaggle_utils.labels.decision import LabelDecision, labels_by_decision
from kaggle_utils.labels.metrics import LabelMetric
from kaggle_utils.labels.rules import LabelRule
from kaggle_utils.labels.search import MEAN_F2, fit_cuts, fit_one_cut
from kaggle_utils.labels.stacking import HOW as STACKS
from kaggle_utils.labels.stacking import fit_stack, fit_weights, mean_of, stacked

Fit = Callable[[np.ndarray, np.ndarray], LabelDecision]  # members (M, n, L), truth (n, L)


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
) -> Choice:
    """The best way to decide where choosing it gains for certain on the first, else the first.

    members: (M, N, L) out-of-fold probabilities; truth: (N, L) bool
    part: (N,) what is left out together, two parts at least; group: (N,) ids of groups, which lie in one part and are
        resampled together; default: each row by itself
    fits: of :func:`ways`, default all; progress: what the bar over them is called; None: no bar

    >>> rng = np.random.default_rng(0)
    >>> members = rng.random((1, 300, 4)) ** [0.2, 1, 2, 4]  # probabilities that mean what they say
    >>> truth = rng.random((300, 4)) < members[0]
    >>> found = recommend_labels(members, truth, part=np.arange(300) % 3)
    >>> print(found.name, found.worth)
    expected F2 0.8569 [0.8323, 0.8794]
    >>> found.table()[["name", "score"]].round(4).iloc[[0, 3]].values.tolist()
    [['expected F2', 0.8569], ['cut per label', 0.8609]]
    """
    from tqdm import tqdm

    members, truth, fits = np.asarray(members), np.asarray(truth, bool), fits or ways(metric, len(members))
    if members.ndim != 3 or members.shape[1:] != truth.shape or len(part) != len(truth) or len(np.unique(part)) < 2:
        shapes = f"members have shape {members.shape}, truth {truth.shape}, part {np.shape(part)}"
        raise ValueError(f"{shapes}, expected (M, N, L), (N, L) and (N,) with at least two parts")
    part, group = np.asarray(part), np.arange(len(part)) if group is None else np.asarray(group)
    bar = tqdm(fits.items(), desc=progress, disable=progress is None, unit="candidate")
    found = {name: candidate(fit, members, truth, part, metric) for name, fit in bar}
    baseline = next(iter(fits))
    choice = Choice(Ground(part, group, metric.score), baseline, found[baseline])
    choice.step("ways to decide", found)
    return choice


def candidate(fit: Fit, members: np.ndarray, truth: np.ndarray, part: np.ndarray, metric: LabelMetric) -> Candidate:
    """A way to decide, fitted on all rows, with what it is worth; arguments as of :func:`recommend_labels`.

    With two parts only, what leaves out one for the other is the other's own.
    """

    @cache
    def counts(left_out: frozenset[int]) -> np.ndarray:
        """(N, K) by what was fitted without these parts."""
        return metric.counts(truth, labels_by_decision(decision(left_out), members))

    @cache
    def decision(left_out: frozenset[int]) -> LabelDecision:
        rows = ~np.isin(part, list(left_out))
        return fit(members[:, rows], truth[rows])

    everyone = frozenset()
    fitted = float(metric.score(counts(everyone).sum(0)[None])[0])
    return Candidate(decision(everyone), fitted, *judged_by_parts(counts, part))
