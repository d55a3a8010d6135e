"""What each step of a decision is worth on items it was not fitted on: sets alone and merged, and the ways to decide.

Everything is asked in one mechanism (:class:`kaggle_utils.evidence.candidates.Choice`); the ways to decide are those of
:mod:`kaggle_utils.labels.candidates`, whose first is what sets are compared by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from kaggle_utils.evidence.candidates import Candidate, of_parts
from kaggle_utils.labels.calibration import calibrated, fit_calibration
from kaggle_utils.labels.candidates import Fit, candidate, ways
from kaggle_utils.labels.metrics import LabelMetric
from kaggle_utils.labels.search import MEAN_F2
from kaggle_utils.tasks.labels.decision import Decision
from kaggle_utils.tasks.labels.out_of_fold import OutOfFold
from kaggle_utils.tasks.merges import groups_of_sets


def baseline(judged: OutOfFold, metric: LabelMetric = MEAN_F2) -> tuple[str, Candidate, dict[str, np.ndarray]]:
    """What all else is compared with: (name of the first set, decided the first way, {title: counts} beside it).

    Beside it stand the labels that at least one half have, and the best constant answer: what every figure must beat.
    """
    first = judged.sets[:1]
    half = metric.counts(judged.truth, judged.of(first)[0] >= 0.5)
    return first[0], _first_way(judged, first, metric), {"the best constant answer": constant(judged, metric), "one half": half}


def constant(judged: OutOfFold, metric: LabelMetric = MEAN_F2) -> np.ndarray:
    """(M, K) counts where all items of a part get the :func:`best_constant` answer to all others."""
    found = {}
    for part in np.unique(judged.part).tolist():
        _, labels = best_constant(judged.truth[judged.part != part], metric)
        found[part] = metric.counts(judged.truth, np.broadcast_to(labels, judged.truth.shape))
    return of_parts(found, judged.part)


def best_constant(truth: np.ndarray, metric: LabelMetric = MEAN_F2) -> tuple[float, np.ndarray]:
    """(score, (L,) bool): the most frequent labels, as many as are best for all of these (N, L) bool rows.

    >>> best_constant(np.array([[True, False], [True, True], [True, False]]))  # 5 / 6, 1 and 5 / 6
    (0.888888888888889, array([ True,  True]))
    """
    rank = np.argsort(np.argsort(-truth.mean(0), kind="stable"))
    answers = [rank < most for most in range(1, len(rank) + 1)]
    scores = [metric.of(truth, np.broadcast_to(answer, truth.shape)) for answer in answers]
    return max(scores), answers[int(np.argmax(scores))]


def merged(judged: OutOfFold, metric: LabelMetric = MEAN_F2) -> dict[str, Candidate]:
    """Each further set alone, and sets merged: members and views apart, all, and all but each member.

    Each as it is and, for the mean over items, calibrated: a member of another loss (focal, or with weights) does not say
    probabilities, and would else be left for that alone.
    """
    alone = {name: (name,) for name in judged.sets[1:]}
    groups = alone | groups_of_sets(judged.sets)
    found = {name: _first_way(judged, sets, metric) for name, sets in groups.items()}
    if metric.average == "samples":
        found |= {f"{name}, isotonic": decided_by(judged, sets, "isotonic", metric) for name, sets in groups.items()}
    return found


def decided(
    judged: OutOfFold, base: Candidate, metric: LabelMetric = MEAN_F2, progress: str | None = None
) -> dict[str, Candidate]:
    """Every other way to decide upon the sets that a candidate uses; progress: what the bar is called."""
    sets = base.decision.sets
    fits = ways(metric, len(sets), judged.kind.exclusive, judged.kind.alone)
    found = {}
    for name, fit in tqdm(fits.items(), desc=progress, disable=progress is None, unit="way"):
        found[name] = _candidate(judged, sets, fit, metric)
    return {name: one for name, one in found.items() if one.decision != base.decision}


def decided_by(judged: OutOfFold, sets: Sequence[str], way: str, metric: LabelMetric = MEAN_F2) -> Candidate:
    """One way to decide upon some sets; way: of :func:`kaggle_utils.labels.candidates.ways`."""
    return _candidate(judged, sets, ways(metric, len(sets))[way], metric)


def mended(judged: OutOfFold, said: np.ndarray, how: str = "platt") -> np.ndarray:
    """(M, L) probabilities calibrated by what was fitted on the other parts; said: (M, L)."""
    found = np.empty(said.shape)
    for part in np.unique(judged.part):
        here = judged.part == part
        found[here] = calibrated(fit_calibration(said[~here], judged.truth[~here], how), said[here])
    return found


def _first_way(judged: OutOfFold, sets: Sequence[str], metric: LabelMetric) -> Candidate:
    return decided_by(judged, sets, next(iter(ways(metric))), metric)


def _candidate(judged: OutOfFold, sets: Sequence[str], fit: Fit, metric: LabelMetric) -> Candidate:
    found = candidate(fit, judged.of(sets), judged.truth, judged.part, metric)
    return replace(found, decision=Decision(tuple(sets), found.decision))
