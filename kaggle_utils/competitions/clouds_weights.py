"""Clouds: weights of the prediction sets, searched, and what they are worth when nothing has seen the answer.

The search looks at every fifth pixel both ways and at a cheap rule, for each class one level and one least
size of the whole mask; it only has to tell which of two ensembles is better. What it finds is judged by the
full rules on all pixels, nested: an image is masked by weights *and* a rule that come from the other folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from kaggle_utils.competitions.clouds import CloudsData
from kaggle_utils.competitions.clouds_comparison import Candidate, fitted, look
from kaggle_utils.competitions.clouds_decision import Merge
from kaggle_utils.competitions.clouds_runs import Runs
from kaggle_utils.evidence.crossfit import CrossFit
from kaggle_utils.evidence.weights import select_weights
from kaggle_utils.masks.thinned import best_dice, dice_by_fold, thin

__all__ = ["judged_weights", "merge_of", "searched_weights"]


def searched_weights(
    runs: Runs, data: CloudsData, levels: Sequence[int], folder: Path, rounds: int = 10, progress: str | None = None
) -> CrossFit:
    """Weights of the mean of all sets, by :func:`kaggle_utils.evidence.weights.select_weights`.

    data: the images the runs were trained on; folder: for the thinned copy, 160 MB a set at Kaggle's size, which
    is removed in the end
    The figures are those of the cheap rule. ``decisions`` are by fold number in ascending order.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as spot:
        truths = (data.masks(row) for row in runs.rows)
        masks = thin(list(runs.masks.values()), runs.rows, truths, Path(spot), progress=progress and f"{progress}: thinned")
        counts = dice_by_fold(masks, runs.fold_of_row, levels)
        return select_weights(counts, len(runs.masks), best_dice, rounds, progress)


def merge_of(sets: Sequence[str], weights: Sequence[float]) -> Merge:
    """The sets that have a weight above 0.

    >>> merge_of(["a", "b", "c"], (2, 0, 1))
    Merge(sets=('a', 'c'), weights=(2.0, 1.0), how='mean', temperature=0.5)
    """
    kept = [(name, float(weight)) for name, weight in zip(sets, weights, strict=True) if weight]
    return Merge(*(tuple(column) for column in zip(*kept, strict=True)))


def judged_weights(
    runs: Runs, data: CloudsData, weights: CrossFit, levels: Sequence[int], progress: str | None = None
) -> Candidate:
    """The decision with the weights of all images; its Dice of a fold comes from the weights found without it.

    weights: of :func:`searched_weights`; levels, progress: as for :func:`kaggle_utils.competitions.clouds_comparison.look`
    The images are looked at once for each different set of weights.
    """
    sets, numbers = list(runs.masks), np.unique(runs.fold_of_row).tolist()
    looks = {
        one: fitted(look(runs, data, merge_of(sets, one), levels, progress=progress and f"{progress} {one}"), runs.fold_of_row)
        for one in dict.fromkeys([weights.decision, *weights.decisions.values()])
    }
    own = {number: looks[weights.decisions[i]] for i, number in enumerate(numbers)}
    dice = np.empty((len(runs.fold_of_row), 4))
    for number, found in own.items():
        dice[runs.fold_of_row == number] = found.dice[runs.fold_of_row == number]
    final, without = looks[weights.decision], {number: found.without[number] for number, found in own.items()}
    return Candidate(final.decision, final.fitted, dice, without)
