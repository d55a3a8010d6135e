"""Weights of the prediction sets, searched, and what they are worth when nothing has seen the answer.

The search looks at every fifth pixel both ways and at a cheap rule, for each class one level and one least
size of the whole mask; it only has to tell which of two ensembles is better. What it finds is judged by the
full rules on all pixels, nested: an item is masked by weights *and* a rule that come from the other parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from kaggle_utils.evidence.candidates import Candidate, of_parts
from kaggle_utils.evidence.crossfit import CrossFit
from kaggle_utils.evidence.weights import select_weights
from kaggle_utils.masks.thinned import best_dice, dice_by_fold, thin
from kaggle_utils.tasks.masks.candidates import fitted, look
from kaggle_utils.tasks.masks.decision import Merge
from kaggle_utils.tasks.masks.out_of_fold import OutOfFold


def searched_weights(
    judged: OutOfFold, levels: Sequence[int], folder: Path, rounds: int = 10, progress: str | None = None
) -> CrossFit:
    """Weights of the mean of all sets, by :func:`kaggle_utils.evidence.weights.select_weights`.

    folder: for the thinned copy, 160 MB a set of clouds at Kaggle's size, which is removed in the end
    The figures are those of the cheap rule. ``decisions`` are by number of the part, in ascending order.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as spot:
        stores, title = list(judged.masks.values()), progress and f"{progress}: thinned"
        masks = thin(stores, judged.rows, judged.truths(), Path(spot), progress=title)
        counts = dice_by_fold(masks, judged.part, levels)
        return select_weights(counts, len(stores), best_dice, rounds, progress)


def merge_of(sets: Sequence[str], weights: Sequence[float]) -> Merge:
    """The sets that have a weight above 0.

    >>> merge_of(["a", "b", "c"], (2, 0, 1))
    Merge(sets=('a', 'c'), weights=(2.0, 1.0), how='mean', temperature=0.5)
    """
    kept = [(name, float(weight)) for name, weight in zip(sets, weights, strict=True) if weight]
    return Merge(*(tuple(column) for column in zip(*kept, strict=True)))


def judged_weights(judged: OutOfFold, weights: CrossFit, levels: Sequence[int], progress: str | None = None) -> Candidate:
    """The decision with the weights of all items; the counts of a part come from the weights found without it.

    weights: of :func:`searched_weights`; levels, progress: as for :func:`kaggle_utils.tasks.masks.candidates.look`
    The items are looked at once for each different set of weights.
    """
    looks = {
        one: fitted(look(judged, merge_of(judged.sets, one), levels, progress=progress and f"{progress} {one}"), judged.part)
        for one in dict.fromkeys([weights.decision, *weights.decisions.values()])
    }
    own = {number: looks[weights.decisions[i]] for i, number in enumerate(np.unique(judged.part).tolist())}
    counts = of_parts({number: found.counts for number, found in own.items()}, judged.part)
    final, without = looks[weights.decision], {number: found.without[number] for number, found in own.items()}
    return Candidate(final.decision, final.fitted, counts, without)
