"""Which merges are worth a look at all their pixels: ranked on every fifth pixel both ways, by a cheap rule.

A look at eight sets of clouds at full size is 32 GB, a thinned copy of them 1.3 GB, which answers for any number of
merges. The rule is that of the search for weights: for each class one level and one least size of the whole mask.

What is looked at whole is chosen without the part that is judged: whoever judges a part may choose among the merges
that are ranked highest without it, no others. So that merges were left out unseen flatters no figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from kaggle_utils.masks.thinned import ThinnedMasks, best_dice, dice_of_merges
from kaggle_utils.tasks.masks.decision import Merge
from kaggle_utils.tasks.masks.out_of_fold import OutOfFold
from kaggle_utils.tasks.masks.passes import each_item, merged


def thinned(judged: OutOfFold, folder: Path, stride: int = 5, progress: str | None = None) -> ThinnedMasks:
    """Every stride-th pixel of all sets, in their order; each is read once.

    folder: on whose disk it lies, 160 MB a set of clouds at Kaggle's size, until nobody holds it any more
    """
    shape = judged.masks[judged.sets[0]].shape
    masks = ThinnedMasks.create(folder, len(judged.rows), len(judged.sets), shape, stride, judged.pooled)
    each_item(judged, judged.sets, lambda item, truth, values: masks.put(item, values, truth), progress)
    return masks


def ranked(
    masks: ThinnedMasks, judged: OutOfFold, merges: Mapping[str, Merge], levels: Sequence[int], best: int = 3
) -> tuple[dict[int | None, list[str]], dict[str, float]]:
    """The merges worth looking at whole, and what all are worth on thinned masks.

    masks: of :func:`thinned`; levels: of 1 to 255 that the rule chooses from; best: how many for each part
    Returns {part: names, the best first, found without that part, and None: found with all}; {name: mean Dice on all,
    by a rule that was fitted on them, which flatters: for the order alone}.
    """
    makes = [partial(merged, merge, judged.sets) for merge in merges.values()]
    sums, parts = dice_of_merges(masks, makes, judged.part, levels), np.unique(judged.part).tolist()
    worth = {None: [best_dice(one.sum(0)) for one in sums]}
    worth |= {part: [best_dice(np.delete(one, i, axis=0).sum(0)) for one in sums] for i, part in enumerate(parts)}
    names = list(merges)
    order = {part: np.argsort(-np.array(values), kind="stable")[:best] for part, values in worth.items()}
    return {part: [names[i] for i in chosen] for part, chosen in order.items()}, dict(zip(names, worth[None], strict=True))
