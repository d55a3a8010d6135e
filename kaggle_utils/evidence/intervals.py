"""How sure a score is, and whether one set of predictions is better than another: the bootstrap.

Neighbouring frames resemble one another, so what is drawn with replacement are groups of them
(sequences, videos), not frames. A metric made of counts needs no recomputation: the counts of a
resample are the groups' counts weighted by how often each was drawn, one matrix product for all
resamples. Two sets of predictions are compared on the same draws, because an easy sequence is easy
for both; their difference is then known far better than either score. Efron and Tibshirani,
"An Introduction to the Bootstrap" (1993), percentile interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

_AT_ONCE = 4_000_000  # drawn numbers held in memory at once
_ONE_BY_ONE = 10_000  # more groups are drawn one by one


@dataclass(frozen=True)
class Interval:
    """A score with its interval; undefined counts the resamples without a score (0/0), left out of it."""

    value: float
    low: float
    high: float
    undefined: int = 0

    def __str__(self) -> str:
        """
        >>> print(Interval(0.7, 0.61234, 0.7899))
        0.7000 [0.6123, 0.7899]
        """
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


def bootstrap_interval(
    counts_by_group: np.ndarray,
    score: Callable[[np.ndarray], np.ndarray],
    n: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """The score of all groups together, and where it lies in ``level`` of n resamples of the groups.

    counts_by_group: (G, K) counts that add up over groups
    score: (R, K) summed counts -> (R,) scores, NaN where there is none
    With one group there is nothing to resample: low and high are NaN.

    >>> hits_and_trials = np.array([[9, 10], [5, 10], [7, 10], [8, 10]])
    >>> print(bootstrap_interval(hits_and_trials, lambda counts: counts[:, 0] / counts[:, 1]))
    0.7250 [0.5750, 0.8500]
    """
    return _interval(*_scores(counts_by_group, score, n, seed), len(counts_by_group), level)


def paired_difference(
    counts_a: np.ndarray,
    counts_b: np.ndarray,
    score: Callable[[np.ndarray], np.ndarray],
    n: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """score(a) - score(b) with its interval, both scored on the same resampled groups.

    counts_a, counts_b: (G, K) counts of the same G groups; the rest as for :func:`bootstrap_interval`

    >>> a, b = np.array([[9, 10], [5, 10], [7, 10]]), np.array([[8, 10], [4, 10], [6, 10]])
    >>> print(paired_difference(a, b, lambda counts: counts[:, 0] / counts[:, 1]))
    0.1000 [0.1000, 0.1000]
    """
    if np.shape(counts_a) != np.shape(counts_b):
        shapes = f"counts_a has shape {np.shape(counts_a)}, counts_b {np.shape(counts_b)}"
        raise ValueError(f"{shapes}, expected the same groups and counts")
    (a, scores_a), (b, scores_b) = (_scores(counts, score, n, seed) for counts in (counts_a, counts_b))
    return _interval(a - b, scores_a - scores_b, len(counts_a), level)


def _scores(
    counts_by_group: np.ndarray, score: Callable[[np.ndarray], np.ndarray], n: int = 2000, seed: int = 0
) -> tuple[float, np.ndarray]:
    """The score of all groups together, and (n,) those of resamples."""
    return _scores_of_all([counts_by_group], score, n, seed)[0]


def _scores_of_all(
    counts_by_group: Sequence[np.ndarray], score: Callable[[np.ndarray], np.ndarray], n: int = 2000, seed: int = 0
) -> list[tuple[float, np.ndarray]]:
    """The same of several counts of the same groups, on the same resamples."""
    each = [np.asarray(counts, dtype=np.float64) for counts in counts_by_group]
    for counts in each:
        if counts.ndim != 2 or not len(counts):
            raise ValueError(f"counts by group have shape {counts.shape}, expected (G, K) with at least one group")
    scores = (score(sums) for sums in _resamples(each, n, seed))
    return [(float(score(own.sum(0, keepdims=True))[0]), drawn) for own, drawn in zip(each, scores, strict=True)]


def _resamples(counts: Sequence[np.ndarray], n: int, seed: int) -> list[np.ndarray]:
    """Of each (G, K) counts (n, K), summed over G groups drawn with replacement.

    The draws are made once for all counts; they are the same for the same G and seed.
    """
    rng, groups = np.random.default_rng(seed), len(counts[0])
    if groups > _ONE_BY_ONE:
        return _resamples_of_many(counts, n, rng)
    parts = []
    for size in np.diff([*range(0, n, max(1, _AT_ONCE // groups)), n]):
        drawn = rng.multinomial(groups, np.full(groups, 1 / groups), size).astype(np.float64)
        parts.append([drawn @ one for one in counts])
    return [np.concatenate(one) for one in zip(*parts, strict=True)]


def _resamples_of_many(counts: Sequence[np.ndarray], n: int, rng: np.random.Generator) -> list[np.ndarray]:
    """The same, with each group drawn by itself: how often each is drawn takes 15 times as long to draw at once."""
    from kaggle_utils.compiled.resampling import add_drawn

    columns, groups = np.hstack(counts), len(counts[0])
    sums = np.zeros((n, columns.shape[1]))
    for first in range(0, n, 8):
        part = sums[first : first + 8]
        add_drawn(rng.integers(0, groups, (len(part), groups), dtype=np.uint32), columns, part)
    return np.split(sums, np.cumsum([one.shape[1] for one in counts])[:-1], axis=1)


def _interval(value: float, scores: np.ndarray, groups: int, level: float) -> Interval:
    if not 0 < level < 1:
        raise ValueError(f"level is {level}, expected a number between 0 and 1")
    defined = scores[~np.isnan(scores)]
    undefined = len(scores) - len(defined)
    if groups < 2 or not len(defined):
        return Interval(value, np.nan, np.nan, undefined)
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), undefined)


def gains(
    counts: Mapping[str, np.ndarray], score: Callable[[np.ndarray], np.ndarray], baseline: str, metric: str = "score"
) -> pd.DataFrame:
    """What each candidate scores, and what it gains on the baseline, with intervals (95 %) of the same resamples.

    counts: name -> (G, K) of the same groups; score: as for :func:`bootstrap_interval`; metric: name of its column
    Returns the columns name, <metric>, low, high, gain, gain_low, gain_high. Raises ValueError when the
    baseline is none of the names.

    >>> counts = {"plain": np.array([[8, 10], [4, 10], [6, 10]]), "better": np.array([[9, 10], [5, 10], [7, 10]])}
    >>> gains(counts, lambda sums: sums[:, 0] / sums[:, 1], "plain", "hits")[["name", "hits", "gain_low"]].round(3)
         name  hits  gain_low
    0   plain   0.6       0.0
    1  better   0.7       0.1
    """
    import pandas as pd

    if baseline not in counts:
        raise ValueError(f"baseline is {baseline!r}, expected one of {list(counts)}")
    if len({len(one) for one in counts.values()}) > 1:
        groups = {name: len(one) for name, one in counts.items()}
        raise ValueError(f"candidates have counts of {groups} groups, expected the same groups")
    resampled = dict(zip(counts, _scores_of_all([*counts.values()], score), strict=True))
    groups, (base, base_scores), rows = len(counts[baseline]), resampled[baseline], []
    for name, (value, scores) in resampled.items():
        own, gain = _interval(value, scores, groups, 0.95), _interval(value - base, scores - base_scores, groups, 0.95)
        rows.append((name, own.value, own.low, own.high, gain.value, gain.low, gain.high))
    return pd.DataFrame(rows, columns=["name", metric, "low", "high", "gain", "gain_low", "gain_high"])
