"""The best mask decision, found exactly, and what it is worth on images it was not fitted on.

The images are looked at once, one at a time (:func:`measure`): what stays is each mask's Dice at every
level, how many pixels reach each level, and by how much leaving out each component changes the Dice.
From then on a search over levels and **every** minimum size is a sorted, cumulated sum over rows, an
image more or less is a row more or less, and fitting once more without a fold costs next to nothing:
so every fit comes with its cross-fitted figure.

Exact per class: level and minimum component; the triplet of high level, size and low level with the
outlines; the gate for the rule so chosen. The metric is the mean Dice of the clouds competition.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from kaggle_utils.components import component_counts, dice_by_removed
from kaggle_utils.dice import dice_counts, dice_from_counts, dice_table
from kaggle_utils.mask_decisions import ClassDecision, MaskDecision, gate_scores, outlined
from kaggle_utils.thresholds import CrossFit, cross_fit

__all__ = ["ComponentSteps", "MaskStatistics", "measure", "dice_of", "fit"]

_TIE = 1e-9  # sums of Dice that differ by less are equal


@dataclass(frozen=True, eq=False)
class ComponentSteps:
    """The components of one class in all images: what a minimum size above their area changes.

    start: (L + 1,) int64, those at level number i are the rows start[i] to start[i + 1] - 1
    image: (K,) int32; area: (K,) int32, pixels, ascending within an image
    gain: (K,) float64, the image's Dice without this and the smaller ones, less its Dice with this one
    """

    start: np.ndarray
    image: np.ndarray
    area: np.ndarray
    gain: np.ndarray

    def at(self, level: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """image, area and gain at one level, by its number."""
        rows = slice(self.start[level], self.start[level + 1])
        return self.image[rows], self.area[rows], self.gain[rows]


@dataclass(frozen=True, eq=False)
class MaskStatistics:
    """What :func:`fit` needs to know of N images with C classes, at L levels in O outlines.

    levels: (L,) ascending; outlines: (O,) names, see :data:`kaggle_utils.mask_decisions.OUTLINES`
    pixels: (N, C, 256) int32, how many pixels have at least level 0, 1, ...
    empty: (N, C) float64, the Dice of an empty mask
    drawn: (N, C, L, O) float64, the Dice of the mask drawn from a level, whatever its size
    steps: (C,) its components, at the same levels
    """

    levels: tuple[int, ...]
    outlines: tuple[str, ...]
    pixels: np.ndarray
    empty: np.ndarray
    drawn: np.ndarray
    steps: tuple[ComponentSteps, ...]


def measure(
    probabilities: Iterable[np.ndarray],
    truths: Iterable[np.ndarray],
    levels: Sequence[int],
    outlines: Sequence[str] = ("drawn",),
    progress: str | None = None,
) -> MaskStatistics:
    """Looks at every image once; memory does not grow with the size of the images.

    probabilities: N times (C, H, W) uint8, as an array, a memory map or one by one
    truths: N times (C, H, W), any value but 0 belongs to the mask
    levels: of 1 to 255, from which a decision may choose; outlines: "drawn" first
    progress: what the bar is called; None: no bar
    Raises ValueError where the two are not equally many or an image does not fit.

    >>> image, truth = np.array([[[200, 90, 0, 120]]], np.uint8), np.array([[[1, 1, 0, 0]]])
    >>> measure([image], [truth], levels=[80, 128]).drawn.round(3).tolist()
    [[[[0.8], [0.667]]]]
    """
    from tqdm import tqdm

    levels, outlines = tuple(sorted({int(level) for level in levels})), tuple(outlines)
    if outlines[:1] != ("drawn",):
        raise ValueError(f"outlines are {outlines}, expected 'drawn' first")
    pairs = tqdm(zip(probabilities, truths, strict=True), desc=progress, disable=progress is None, unit="image")
    images = [[_seen(*pair, levels, outlines) for pair in zip(*one, strict=True)] for one in pairs]
    pixels, empty, drawn = (np.array([[seen[part] for seen in image] for image in images]) for part in range(3))
    steps = [_steps([seen[3] for seen in one_class]) for one_class in zip(*images, strict=True)]
    return MaskStatistics(levels, outlines, pixels, empty, drawn, tuple(steps))


_Changes = list[tuple[np.ndarray, np.ndarray]]  # of each level: area, gain


def _seen(
    probability: np.ndarray, truth: np.ndarray, levels: tuple[int, ...], outlines: tuple[str, ...]
) -> tuple[np.ndarray, float, np.ndarray, _Changes]:
    """pixels (256,), empty, drawn (L, O) and the components' changes of one mask."""
    table = dice_table(probability, truth)
    true = int(table[0, 2])
    drawn = np.empty((len(levels), len(outlines)))
    drawn[:, 0] = dice_from_counts(table[list(levels)])
    for (row, level), (column, outline) in product(enumerate(levels), enumerate(outlines[1:], start=1)):
        mask = outlined((probability >= level).view(np.uint8), outline)
        drawn[row, column] = dice_from_counts(dice_counts(mask, truth))
    found = component_counts(probability, truth, levels)
    changes = [(area.astype(np.int32), np.diff(dice_by_removed(area, common, true))) for area, common in found]
    return table[:, 1].astype(np.int32), float(true == 0), drawn, changes


def _steps(images: Sequence[_Changes]) -> ComponentSteps:
    """One class's components, level by level."""
    start, parts = [0], []
    for one_level in zip(*images, strict=True):
        image = np.repeat(np.arange(len(images), dtype=np.int32), [len(area) for area, _ in one_level])
        parts.append((image, *(np.concatenate(part) for part in zip(*one_level, strict=True))))
        start.append(start[-1] + len(image))
    return ComponentSteps(np.array(start), *(np.concatenate(part) for part in zip(*parts, strict=True)))


def dice_of(
    statistics: MaskStatistics, decision: MaskDecision, class_scores: np.ndarray | None = None
) -> np.ndarray:
    """(N, C) float64: the Dice of each mask that :func:`kaggle_utils.mask_decisions.apply` would give.

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


def _dice(
    statistics: MaskStatistics, c: int, rule: ClassDecision, score: np.ndarray, best: np.ndarray
) -> np.ndarray:
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


def _best_cut(values: np.ndarray, kept: np.ndarray, dropped: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """totals (D,) and cuts (D,): rows with a value of at least the cut are kept, which gives the best total.

    values: (n,); kept, dropped: (n, D) or what broadcasts to it, what a row is worth in D settings.
    A cut is the lowest value that is kept, 0 where all are; of equal totals the one that keeps most.
    """
    order = np.argsort(values, kind="stable")
    values, change = values[order], np.cumsum((dropped - kept)[order], axis=0)
    last = np.append(values[1:] != values[:-1], True)[: len(values)]  # of the rows with its value
    totals = np.vstack([np.zeros((1, change.shape[1])), change[last]])
    cuts = np.concatenate([[0], values[1:][last[:-1]], values[-1:] + 1])
    best = np.argmax(totals >= totals.max(0) - _TIE, axis=0)
    return totals[best, np.arange(totals.shape[1])] + np.sum(kept, axis=0), cuts[best]


_Found = tuple[float, ClassDecision]  # sum of Dice


def _best_components(statistics: MaskStatistics, c: int, rows: np.ndarray, best: np.ndarray) -> _Found:
    """Level and minimum component, over every size there is."""
    found = []
    for number, level in enumerate(statistics.levels):
        image, area, gain = statistics.steps[c].at(number)
        asked = (rows & ~best)[image]
        gains = gain[asked][:, None]
        change, size = _best_cut(area[asked], np.zeros_like(gains), gains)
        base = statistics.drawn[rows, c, number, 0].sum()
        found.append((base + change[0], ClassDecision(draw=level, decide=level, min_component=int(size[0]))))
    return _first(found)


def _best_triplet(statistics: MaskStatistics, c: int, rows: np.ndarray, best: np.ndarray) -> _Found:
    """The level that decides, the size, and the level and outline that draw; over every size there is."""
    levels = [(level, outline) for level in statistics.levels for outline in statistics.outlines]
    kept = statistics.drawn[rows, c].reshape(-1, len(levels))
    dropped = np.where(best[rows, None], kept, statistics.empty[rows, c, None])
    found = []
    for decide in statistics.levels:
        n = sum(level <= decide for level, _ in levels)
        totals, sizes = _best_cut(statistics.pixels[rows, c, decide], kept[:, :n], dropped[:, :n])
        i = int(np.argmax(totals))
        draw, outline = levels[i]
        rule = ClassDecision(draw=draw, decide=decide, min_size=int(sizes[i]), outline=outline)
        found.append((float(totals[i]), rule))
    return _first(found)


def _first(found: Sequence[_Found]) -> _Found:
    best = max(total for total, _ in found)
    return next(pair for pair in found if pair[0] >= best - _TIE)


def _fit_class(
    statistics: MaskStatistics, rows: np.ndarray, c: int, score: np.ndarray | None, best: np.ndarray
) -> _Found:
    """The better of the two rules, then its gate; score (N,) or None: no gate."""
    rules = (_best_components, _best_triplet)
    total, rule = _first([search(statistics, c, rows, best) for search in rules])
    if score is None:
        return total, rule
    kept = _dice(statistics, c, rule, score, best)[rows, None]
    dropped = np.where(best[rows, None], kept, statistics.empty[rows, c, None])
    totals, gates = _best_cut(score[rows], kept, dropped)
    return float(totals[0]), replace(rule, gate=float(gates[0]))


def fit(
    statistics: MaskStatistics,
    fold_of_image: np.ndarray,
    class_scores: np.ndarray | None = None,
    top_n: Sequence[int] = (0,),
    best_class: Sequence[bool] = (False, True),
) -> CrossFit:
    """The best decision on all images, its mean Dice there, and the mean Dice on images it has not seen.

    fold_of_image: (N,) the fold of each image
    class_scores: (N, C) a classifier's out-of-fold probabilities; None: gates look at pixels alone
    top_n, best_class: the settings of :class:`MaskDecision` that are tried. With neither class scores
        nor a top_n above 0 there are no gates and no best class.
    Returns the decision with what it is worth; ``.decision`` is a :class:`MaskDecision`. Of settings that
    are worth the same the first is taken.

    >>> images = np.array([[[[200, 90, 0, 120]]], [[[0, 0, 0, 120]]]], np.uint8)
    >>> seen = measure(images, images > 150, levels=[80, 128])
    >>> print(fit(seen, fold_of_image=np.array([0, 1])))
    0.8333 cross-fitted over 2 folds ([from .31, components of 2 px], [from .50]), 1.0000 on the rows it
    was fitted on ([from .50])
    """
    scores = {n: gate_scores(statistics.pixels, class_scores, n) for n in top_n if n or class_scores is not None}
    settings = list(product(scores, best_class)) or [(0, False)]

    def decide(images: np.ndarray) -> MaskDecision:
        found = [_decide(statistics, images, scores.get(n), n, keeps) for n, keeps in settings]
        return max(found, key=lambda pair: pair[0])[1]

    def judge(images: np.ndarray, decision: MaskDecision) -> np.ndarray:
        dice = dice_of(statistics, decision, class_scores)[images]
        return np.array([dice.sum(), dice.size])

    return cross_fit(fold_of_image, decide, judge, lambda sums: sums[0] / sums[1])


def _decide(
    statistics: MaskStatistics, rows: np.ndarray, scores: np.ndarray | None, top_n: int, best_class: bool
) -> tuple[float, MaskDecision]:
    """The sum of Dice over rows and the decision, for one setting; scores (N, C) or None: no gates."""
    best = np.zeros(statistics.empty.shape, bool) if scores is None else best_class & _highest(scores)
    columns = [None] * best.shape[1] if scores is None else scores.T
    each = [_fit_class(statistics, rows, c, column, best[:, c]) for c, column in enumerate(columns)]
    return sum(total for total, _ in each), MaskDecision(tuple(rule for _, rule in each), top_n, best_class)
