"""The best mask decision, found exactly, and what it is worth on images it was not fitted on.

All it needs of the images is in :class:`kaggle_utils.masks.statistics.MaskStatistics`. A search over levels,
**every** minimum size and **every** gate sorts its rows and takes cumulated sums, and fitting once more
without a fold costs a second: so every fit comes with its cross-fitted figure.

Exact, and jointly so, in each class: level, minimum component and gate; the triplet of high level, size and
low level with the outlines and the gate. No combination of these is better on the images it was fitted on
(tests enumerate them). The gate is the first place's of the clouds competition: the classifier's probability
averaged with the mean of the 17,500 highest pixels.

The mean Dice over pairs is a sum. One Dice of all pixels together, *pooled*, is a ratio of two sums A / B, and which
rule is best in an image depends on the rest. Dinkelbach (1967, *On nonlinear fractional programming*): take the rule
with the highest A - p B, which is a sum again, set the price p to the ratio it has, and repeat; p only rises, and
where it stays no other rule has a higher ratio. From 0 that takes four or five rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product

import numpy as np

from kaggle_utils.evidence.crossfit import CrossFit, cross_fit, first_of_best
from kaggle_utils.evidence.joint_cuts import best_cuts
from kaggle_utils.masks.rules import ClassDecision, MaskDecision, gate_scores
from kaggle_utils.masks.statistics import MaskStatistics


def counts_of(statistics: MaskStatistics, decision: MaskDecision, class_scores: np.ndarray | None = None) -> np.ndarray:
    """(N, 2) float64 of each image: the sums over images have the score as their ratio; arguments as for :func:`dice_of`.

    Those of all classes' Dice and of the classes; pooled, of the pixels in common, doubled, and of those of both masks.
    """
    if not statistics.pooled:
        dice = dice_of(statistics, decision, class_scores)
        return np.column_stack([dice.sum(1), np.full(len(dice), dice.shape[1])])
    each = [dice_of(statistics.summed(*part), decision, class_scores).sum(1) for part in ((1, 0), (0, 1))]
    return np.column_stack(each)


def counts_of_empty(statistics: MaskStatistics) -> np.ndarray:
    """(N, 2): the same where no mask is given at all."""
    empty = statistics.empty
    return empty.sum(1) if statistics.pooled else np.column_stack([empty.sum(1), np.full(len(empty), empty.shape[1])])


def dice_of(statistics: MaskStatistics, decision: MaskDecision, class_scores: np.ndarray | None = None) -> np.ndarray:
    """(N, C) float64: the Dice of each mask that :func:`kaggle_utils.masks.rules.masks_by_rule` would give.

    class_scores: (N, C), where the decision uses them
    Raises ValueError for a level or an outline that was not measured, and for components of a minimum
    size in another outline than "drawn".
    """
    scores, best = np.zeros(statistics.empty.shape), np.zeros(statistics.empty.shape, bool)
    if decision.best_class or any(rule.gate for rule in decision.classes):
        scores = gate_scores(statistics.pixels, class_scores, decision.top_n)
        best = decision.best_class & _highest(scores)
    each = [_dice(statistics, c, rule, scores[:, c], best[:, c]) for c, rule in enumerate(decision.classes)]
    return np.stack(each, axis=1)


def _highest(scores: np.ndarray) -> np.ndarray:
    """(N, C) bool: the first of the highest scores of each row."""
    return np.arange(scores.shape[1]) == scores.argmax(1)[:, None]


def _dice(statistics: MaskStatistics, c: int, rule: ClassDecision, score: np.ndarray, best: np.ndarray) -> np.ndarray:
    """(N,) of one class; best: (N,) bool, kept whatever the score and size."""
    if rule.draw not in statistics.levels or rule.outline not in statistics.outlines:
        raise ValueError(f"class {c} draws {rule}, measured are {statistics.levels} in {statistics.outlines}")
    level, outline = statistics.levels.index(rule.draw), statistics.outlines.index(rule.outline)
    if rule.min_component > 1 and outline:
        raise ValueError(f"class {c} draws {rule}, the worth of its components is known for 'drawn' alone")
    drawn = statistics.drawn[:, c, level, outline]
    image, area, gain = statistics.steps[c].at(level)
    small = area < rule.min_component
    whole = drawn + np.bincount(image[small], gain[small], minlength=len(drawn))
    kept = (score >= rule.gate) & (statistics.pixels[:, c, rule.decide] >= rule.min_size)
    return np.where(best, drawn, np.where(kept, whole, statistics.empty[:, c]))


_Found = tuple[float, ClassDecision]  # sum of Dice


def _best_components(
    statistics: MaskStatistics, c: int, rows: np.ndarray, score: np.ndarray | None, best: np.ndarray
) -> _Found:
    """Level, minimum component and gate. All components left out are an empty mask, so those kept gain on that."""
    asked = rows & ~best
    kinds, rank = _ranked(score, asked)
    found = []
    for number, level in enumerate(statistics.levels):
        steps = statistics.steps[c].at(number)
        image, area, gain = (column[asked[steps[0]]] for column in steps)
        totals, sizes, gates = best_cuts(area, None if score is None else rank[image], -gain[:, None])
        base = statistics.empty[asked, c].sum() + statistics.drawn[rows & best, c, number, 0].sum()
        rule = ClassDecision(draw=level, decide=level, min_component=int(sizes[0]), gate=float(kinds[int(gates[0])]))
        found.append((float(base + totals[0]), rule))
    return _first(found)


def _ranked(score: np.ndarray | None, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """0 and the scores of those asked, ascending, and (N,) which of them each image has: few numbers sort fast."""
    kinds = np.unique(np.empty(0) if score is None else score[asked])
    rank = np.zeros(len(asked)) if score is None else np.searchsorted(kinds, score) + 1
    return np.append(0.0, kinds), rank.astype(np.uint16 if len(kinds) < 2**16 - 1 else np.uint32)


def _best_triplet(statistics: MaskStatistics, c: int, rows: np.ndarray, score: np.ndarray | None, best: np.ndarray) -> _Found:
    """The level that decides, the size, the gate, and the level and outline that draw."""
    levels = [(level, outline) for level in statistics.levels for outline in statistics.outlines]
    drawn = statistics.drawn[:, c].reshape(-1, len(levels))
    asked = rows & ~best
    gains = drawn[asked] - statistics.empty[asked, c, None]
    base = statistics.empty[asked, c].sum() + drawn[rows & best].sum(0)
    kinds, rank = _ranked(score, asked)
    found = []
    for decide in statistics.levels:
        n = sum(level <= decide for level, _ in levels)
        pixels = statistics.pixels[asked, c, decide]
        totals, sizes, gates = best_cuts(pixels, None if score is None else rank[asked], gains[:, :n])
        i = int(np.argmax(base[:n] + totals))
        draw, outline = levels[i]
        rule = ClassDecision(draw, 0, decide, int(sizes[i]), float(kinds[int(gates[i])]), outline)
        found.append((float(base[i] + totals[i]), rule))
    return _first(found)


def _first(found: Sequence[_Found]) -> _Found:
    return found[first_of_best([total for total, _ in found])]


def fit(
    statistics: MaskStatistics,
    fold_of_image: np.ndarray,
    class_scores: np.ndarray | None = None,
    top_n: Sequence[int] = (0,),
    best_class: Sequence[bool] = (False, True),
) -> CrossFit:
    """The best decision on all images, its Dice there, and the Dice on images it has not seen.

    Exact for each setting, class by class: the best of all levels, sizes and gates together.
    fold_of_image: (N,) the fold of each image
    class_scores: (N, C) a classifier's out-of-fold probabilities; None: gates look at pixels alone
    top_n, best_class: the settings of :class:`MaskDecision` that are tried. With neither class scores
        nor a top_n above 0 there are no gates and no best class.
    Returns the decision with what it is worth; ``.decision`` is a :class:`MaskDecision`. Of settings that
    are worth the same the first is taken.

    >>> from kaggle_utils.masks.statistics import measure
    >>> images = np.array([[[[200, 90, 0, 120]]], [[[0, 0, 0, 120]]]], np.uint8)
    >>> seen = measure(images, images > 150, levels=[80, 128])
    >>> print(fit(seen, fold_of_image=np.array([0, 1])))
    0.8333 cross-fitted over 2 folds ([from .31, components of 2 px], [from .50]), 1.0000 on the rows it
    was fitted on ([from .50])
    """

    def decide(images: np.ndarray) -> MaskDecision:
        return fit_on(images, statistics, class_scores, top_n, best_class)

    def judge(images: np.ndarray, decision: MaskDecision) -> np.ndarray:
        return counts_of(statistics, decision, class_scores)[images].sum(0)

    return cross_fit(fold_of_image, decide, judge, lambda sums: sums[0] / sums[1] if sums[1] else np.nan)


def fit_on(
    images: np.ndarray,
    statistics: MaskStatistics,
    class_scores: np.ndarray | None = None,
    top_n: Sequence[int] = (0,),
    best_class: Sequence[bool] = (False, True),
) -> MaskDecision:
    """The decision that :func:`fit` finds on some of the images; images: (N,) bool."""
    if not statistics.pooled:
        return _highest_sum(images, statistics, class_scores, top_n, best_class)
    price = 0.0
    while True:
        decision = _highest_sum(images, statistics.summed(1, -price), class_scores, top_n, best_class)
        common, both = counts_of(statistics, decision, class_scores)[images].sum(0)
        found = common / both if both else 0.0
        if not found > price:
            return decision
        price = found


def _highest_sum(
    images: np.ndarray,
    statistics: MaskStatistics,
    class_scores: np.ndarray | None,
    top_n: Sequence[int],
    best_class: Sequence[bool],
) -> MaskDecision:
    """The decision whose numbers sum to the most."""
    scores = {n: gate_scores(statistics.pixels, class_scores, n) for n in top_n if n or class_scores is not None}
    settings = list(product(scores, best_class)) or [(0, False)]
    return _first([_decide(statistics, images, scores.get(n), n, keeps) for n, keeps in settings])[1]


def _decide(
    statistics: MaskStatistics, rows: np.ndarray, scores: np.ndarray | None, top_n: int, best_class: bool
) -> tuple[float, MaskDecision]:
    """The sum of Dice over rows and the decision, for one setting; scores (N, C) or None: no gates."""
    from kaggle_utils.compiled.threads import at_once

    best = np.zeros(statistics.empty.shape, bool) if scores is None else best_class & _highest(scores)
    columns = [None] * best.shape[1] if scores is None else scores.T
    searches = (_best_components, _best_triplet)
    tasks = [partial(search, statistics, c, rows, columns[c], best[:, c]) for c in range(len(columns)) for search in searches]
    found = at_once(tasks)
    each = [_first(pair) for pair in zip(found[::2], found[1::2], strict=True)]
    return sum(total for total, _ in each), MaskDecision(tuple(rule for _, rule in each), top_n, best_class)
