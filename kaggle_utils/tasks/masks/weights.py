"""Weights of the prediction sets, searched, and what they are worth when nothing has seen the answer.

The search looks at every fifth pixel both ways and at a cheap rule, for each class one level and one least
size of the whole mask; it only has to tell which of two ensembles is better. What it finds is judged by the
full rules on all pixels, nested: an item is masked by weights *and* a rule that come from the other parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kaggle_utils.evidence.candidates import Candidate, nested
from kaggle_utils.evidence.crossfit import CrossFit
from kaggle_utils.evidence.weights import select_weights
from kaggle_utils.masks.thinned import ThinnedMasks, best_dice, dice_by_fold
from kaggle_utils.tasks.masks.candidates import fitted, looks
from kaggle_utils.tasks.masks.decision import Merge
from kaggle_utils.tasks.masks.out_of_fold import OutOfFold
from kaggle_utils.tasks.masks.ranking import thinned


def searched_weights(
    judged: OutOfFold,
    levels: Sequence[int],
    folder: Path,
    rounds: int = 10,
    progress: str | None = None,
    masks: ThinnedMasks | None = None,
) -> CrossFit:
    """Weights of the mean of all sets, by :func:`kaggle_utils.evidence.weights.select_weights`.

    folder: for the thinned copy, 160 MB a set of clouds at Kaggle's size, which is removed in the end
    masks: a copy that is there already, of :func:`kaggle_utils.tasks.masks.ranking.thinned`
    The figures are those of the cheap rule. ``decisions`` are by number of the part, in ascending order.
    """
    masks = masks or thinned(judged, folder, progress=progress and f"{progress}: thinned")
    return select_weights(dice_by_fold(masks, judged.part, levels), len(judged.sets), best_dice, rounds, progress)


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
    The items are looked at once, whatever the number of different weights.
    """
    tried = dict.fromkeys([weights.decision, *weights.decisions.values()])
    seen = looks(judged, {one: merge_of(judged.sets, one) for one in tried}, levels, progress=progress)
    found = {one: fitted(seen.pop(one), judged.part) for one in tried}
    return nested(found, weights, judged.ground)


def weighed(
    judged: OutOfFold, levels: Sequence[int], folder: Path, rounds: int = 10, progress: str | None = None,
    masks: ThinnedMasks | None = None,
) -> dict[str, Candidate]:  # fmt: skip
    """The mean of all sets with searched weights; none where rounds are 0, or where there is one set.

    Arguments as for :func:`searched_weights`.
    """
    if not rounds or len(judged.sets) < 2:
        return {}
    weights = searched_weights(judged, levels, folder, rounds, progress, masks)
    return {"searched weights": judged_weights(judged, weights, levels, progress)}
