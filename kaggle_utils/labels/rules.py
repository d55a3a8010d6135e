"""From probabilities to labels: thresholds, or the set that can expect most, as one rule, applied anywhere.

A threshold of .2 for all labels is what the teams of *Planet: Understanding the Amazon from Space* used, as F2 forgives
a label too many more readily than one too few. The set with the highest expected F-beta needs no threshold: it asks,
image by image, which labels are worth their risk together, as if they were independent
(:mod:`kaggle_utils.compiled.expected_fbeta`), and fits nothing. What a rule is worth is found in
:mod:`kaggle_utils.labels.candidates`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kaggle_utils.evidence.crossfit import TIE


@dataclass(frozen=True)
class LabelRule:
    """How the L probabilities of an image become its labels.

    cuts: a label is given from this probability on; one for all labels, or one each; none: the set with the highest
        expected F-beta
    beta: of that
    exclusive: groups of labels by number; of each group exactly one is given, the most probable
    alone: labels by number that are given without any other, where they are the most probable, and else not at all

    >>> print(LabelRule(exclusive=((1, 2, 3),), alone=(3,)))
    highest expected F2; one of 1, 2, 3; 3 alone
    >>> print(LabelRule((0.2,))), print(LabelRule((0.21, 0.08)))
    from .20
    from .08 to .21
    (None, None)
    """

    cuts: tuple[float, ...] = ()
    beta: float = 2.0
    exclusive: tuple[tuple[int, ...], ...] = ()
    alone: tuple[int, ...] = ()

    def __str__(self) -> str:
        cuts = dict.fromkeys(f"{cut:.2f}".removeprefix("0") for cut in (*sorted(self.cuts)[:1], *sorted(self.cuts)[-1:]))
        first = f"from {' to '.join(cuts)}" if cuts else f"highest expected F{self.beta:g}"
        groups = [f"one of {', '.join(map(str, group))}" for group in self.exclusive]
        return "; ".join([first, *groups, *(f"{label} alone" for label in self.alone)])


def labels_by_rule(rule: LabelRule, probabilities: np.ndarray) -> np.ndarray:
    """(N, L) bool: the labels of N images.

    probabilities: (N, L) float, 0 to 1
    Raises ValueError for others and for NaN, and where a rule has cuts for another number of labels.

    >>> labels_by_rule(LabelRule(), np.array([[0.9, 0.3, 0.1], [0.3, 0.2, 0.1]])).astype(int).tolist()
    [[1, 1, 0], [1, 1, 1]]
    >>> labels_by_rule(LabelRule((0.2,), exclusive=((1, 2),)), np.array([[0.9, 0.3, 0.4]])).astype(int).tolist()
    [[1, 0, 1]]
    """
    probabilities = checked(probabilities)
    if len(rule.cuts) not in (0, 1, probabilities.shape[1]):
        raise ValueError(f"there are {len(rule.cuts)} cuts for {probabilities.shape[1]} labels, expected one, or one each")
    given = probabilities >= np.array(rule.cuts) if rule.cuts else _expected(probabilities, rule.beta)
    return _constrained(rule, probabilities, given) if rule.exclusive or rule.alone else given


def checked(probabilities: np.ndarray) -> np.ndarray:
    """The same, or a ValueError where they are no (N, L) probabilities, which names the first that is none."""
    probabilities = np.asarray(probabilities)
    if probabilities.ndim != 2:
        raise ValueError(f"probabilities have shape {probabilities.shape}, expected (N, L)")
    if probabilities.size and not (probabilities.min() >= 0 and probabilities.max() <= 1):
        where = tuple(np.argwhere(~((probabilities >= 0) & (probabilities <= 1)))[0].tolist())
        raise ValueError(f"the probability at {where} is {probabilities[where]}, expected 0 to 1")
    return probabilities


def _expected(probabilities: np.ndarray, beta: float) -> np.ndarray:
    """The set with the highest expected F-beta, of equals the smallest; of labels as probable the first."""
    from kaggle_utils.compiled.expected_fbeta import best_sizes

    order = np.argsort(-probabilities, axis=1, kind="stable")
    sizes = best_sizes(np.take_along_axis(probabilities, order, 1).astype(np.float64), beta, TIE)
    given = np.empty(probabilities.shape, bool)
    np.put_along_axis(given, order, np.arange(probabilities.shape[1]) < sizes[:, None], 1)
    return given


def _constrained(rule: LabelRule, probabilities: np.ndarray, given: np.ndarray) -> np.ndarray:
    alone, given = list(rule.alone), given.copy()
    first = probabilities.argmax(1)
    others = probabilities.astype(np.float64)
    others[:, alone] = -1  # not asked where they do not stand alone
    given[:, alone] = False
    for group in map(list, rule.exclusive):
        given[:, group] = np.arange(len(group)) == others[:, group].argmax(1)[:, None]
    single = np.isin(first, alone)
    given[single] = np.arange(given.shape[1]) == first[single, None]
    return given
