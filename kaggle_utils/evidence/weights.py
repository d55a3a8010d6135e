"""Weights of an ensemble: members are added one at a time, the same one again if that helps most.

Greedy forward selection with replacement, from Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble
Selection from Libraries of Models" (ICML 2004). Twice in the bag is weight two, never in it is left out. It
is fitted again without each fold, and each fold is judged by the weights that have not seen it: weights
chosen and judged on the same rows always look better than the plain mean.

What travels are counts by fold that add up, so any metric made of counts will do: sums of Dice or F2 and
how many there are (clouds, amazon), pixels in common, predicted and true (contrails). All candidates of a
round, of all folds, are asked for at once, so that the data are passed once a round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import gcd

import numpy as np

from kaggle_utils.evidence.crossfit import CrossFit, first_of_best

_Bag = tuple[int, ...]  # how often each member is in it


def select_weights(
    counts: Callable[[np.ndarray], np.ndarray],
    members: int,
    score: Callable[[np.ndarray], float],
    rounds: int = 10,
    progress: str | None = None,
) -> CrossFit:
    """The best weights of a mean of members, whole numbers, with what they are worth on folds not seen.

    counts: (K, M) float64, K times the weights of M members, rows summing to 1 -> (K, G, ...), what each is
        worth in each of G folds; at least two folds, else ValueError
    score: (...) counts summed over folds -> float, higher is better
    rounds: members in the bag at most; of all sizes and the plain mean the best is taken, of equals the mean
    progress: what the bar over the rounds is called; None: no bar
    Returns weights as ``.decision`` and, by number of the fold left out, ``.decisions``. Its cross-fitted figure
    is honest as far as ``score`` fits nothing: one that picks a rule picks it on the rows it judges.

    >>> truth, fold = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 0, 1, 1])
    >>> answers = np.array([truth + 1, truth - 2, 9 - truth])  # two of the first and one of the second are right

    >>> def errors(weights):  # (K, 2): squared errors in both folds
    ...     return np.array([np.bincount(fold, (mean - truth) ** 2) for mean in weights @ answers])
    >>> print(select_weights(errors, members=3, score=lambda squares: 1 - squares))
    1.0000 cross-fitted over 2 folds ((2, 1, 0), (2, 1, 0)), 1.0000 on the rows it was fitted on ((2, 1, 0))
    """
    from tqdm import tqdm

    seen, mean = _Seen(counts, score), (1,) * members
    seen.look([mean])
    folds = range(seen.folds)
    if len(folds) < 2:
        raise ValueError(f"the counts are of {len(folds)} folds, expected at least two")
    paths: list[list[_Bag]] = [[(0,) * members] for _ in (None, *folds)]
    for _ in tqdm(range(rounds), desc=progress, disable=progress is None, unit="round"):
        grown = [_grown(path[-1]) for path in paths]
        seen.look(bag for bags in grown for bag in bags)
        for path, bags, left_out in zip(paths, grown, (None, *folds), strict=True):
            path.append(seen.best(bags, left_out))
    ways = zip(paths, (None, *folds), strict=True)
    best, *others = (_reduced(seen.best([mean, *path[1:]], left_out)) for path, left_out in ways)
    unseen = sum(seen.known[bag][fold] for fold, bag in enumerate(others))
    return CrossFit(best, seen.worth(best, None), dict(enumerate(others)), float(score(unseen)))


def _grown(bag: _Bag) -> list[_Bag]:
    """The bag with each member once more."""
    return [tuple(n + (i == member) for i, n in enumerate(bag)) for member in range(len(bag))]


def _reduced(bag: _Bag) -> _Bag:
    """The same weights in the smallest whole numbers."""
    return tuple(n // gcd(*bag) for n in bag)


@dataclass
class _Seen:
    """Every bag that was asked for, once: known[bag] is (G, ...), its counts by fold."""

    counts: Callable[[np.ndarray], np.ndarray]
    score: Callable[[np.ndarray], float]
    known: dict[_Bag, np.ndarray] = field(default_factory=dict)

    def look(self, bags: Iterable[_Bag]) -> None:
        """Asks for those that are not known."""
        new = [bag for bag in dict.fromkeys(map(_reduced, bags)) if bag not in self.known]
        if new:
            weights = np.array(new, np.float64)
            found = np.asarray(self.counts(weights / weights.sum(1, keepdims=True)))
            self.known |= dict(zip(new, found, strict=True))

    @property
    def folds(self) -> int:
        return len(next(iter(self.known.values())))

    def best(self, bags: Sequence[_Bag], left_out: int | None) -> _Bag:
        """The first of the best."""
        return bags[first_of_best([self.worth(bag, left_out) for bag in bags])]

    def worth(self, bag: _Bag, left_out: int | None) -> float:
        """The score over all folds but one."""
        counts = self.known[_reduced(bag)]
        return float(self.score((counts if left_out is None else np.delete(counts, left_out, axis=0)).sum(0)))
