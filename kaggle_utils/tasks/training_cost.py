"""From a training tried on a few images to the whole of it: what every competition's ``*_training_cost`` shares.

A trial is the training notebook itself at its real parameters, for :data:`TRIAL_EPOCHS` epochs on a few
images. When it finished which file (:func:`times_of`) gives the seconds that each kind of work took; how
often an image came by in each (:func:`costs_of`) gives seconds an image; a competition multiplies those by
its images, epochs and prediction sets (:class:`Hours`), and the files by how they grow (:func:`grown`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["TRIAL_EPOCHS", "Hours", "Sizes", "Written", "costs_of", "grown", "said", "times_of"]

TRIAL_EPOCHS = 3  # the first warms up, the second is measured, the third may be of another kind
Written = Iterable[tuple[float, str]]  # (time in seconds, path) of each file as it was finished


@dataclass(frozen=True)
class Sizes:
    """Images of one fold: what an epoch trains on, what it leaves out.

    side: of an image's file in pixels, where reading it is a cost of its own
    """

    train: int
    valid: int
    side: float = 1.0


@dataclass(frozen=True)
class Hours:
    """What a training takes.

    once: hours that a session spends whichever folds it trains; folds: fold -> hours of its own

    >>> hours = Hours(once=0.5, folds={0: 2.0, 1: 3.0})
    >>> hours.total, hours.longest  # in one session; of the sessions of a fold each
    (5.5, 3.5)
    """

    once: float
    folds: Mapping[int, float]

    @property
    def total(self) -> float:
        """Of one session that trains all folds, one after another."""
        return self.once + sum(self.folds.values())

    @property
    def longest(self) -> float:
        """Of the longest session when each fold has its own."""
        return self.once + max(self.folds.values())


def times_of(written: Written, pattern: str) -> dict[tuple[str, ...], list[float]]:
    """{groups of the pattern: when files of that name were finished, in order}; a pattern is searched for.

    >>> times_of([(1.0, "/w/fold0/a.pth"), (5.0, "/w/fold1/a.pth"), (8.0, "/w/fold0/a.pth")], r"fold(\\d)/a")
    {('0',): [1.0, 8.0], ('1',): [5.0]}
    """
    found: dict[tuple[str, ...], list[float]] = {}
    for when, path in written:
        if match := re.search(pattern, path):
            found.setdefault(match.groups(), []).append(when)
    return found


def costs_of(counts: Sequence[Sequence[float]], seconds: Sequence[float]) -> tuple[float, ...]:
    """Seconds that one of each kind costs, none below 0, that explain the measurements best (least squares).

    counts: (K, M), how many of each of M kinds were in each of K measurements; seconds: (K,)

    >>> costs_of([(15, 5), (5, 15)], [35.0, 25.0])  # 15 * 2 + 5 * 1 and 5 * 2 + 15 * 1
    (2.0, 1.0)
    """
    from scipy.optimize import nnls

    found, _ = nnls(np.asarray(counts, float), np.asarray(seconds, float))
    return tuple(found.round(9).tolist())


def grown(written: Iterable[tuple[str, int]], rules: Sequence[tuple[str, str, float]]) -> dict[str, float]:
    """{kind: bytes} that a whole training writes, from what a trial wrote.

    written: (path, bytes); rules: (pattern, kind, how many times as much there will be), the first that is
    found in a path counts; a file that none fits is left out

    >>> grown([("fold0/best.pth", 100), ("fold0/boxes.csv", 10)], [(r"\\.csv$", "tables", 50.0), ("", "weights", 5)])
    {'weights': 500, 'tables': 500.0}
    """
    total: dict[str, float] = {}
    for path, size in written:
        fitting = ((kind, times) for pattern, kind, times in rules if re.search(pattern, path))
        for kind, times in list(fitting)[:1]:
            total[kind] = total.get(kind, 0) + size * times
    return total


def said(seconds: float) -> str:
    """What one image costs, as it is said.

    >>> said(0.0123), said(1.2)
    ('12 ms', '1.20 s')
    """
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
