"""Masks looked at once: what a search over decisions needs to know of them, a row an image.

Of each mask its Dice at every level, how many pixels reach each level, and by how much leaving out each
component changes the Dice. From then on the pixels are not needed any more: an image more or less is a
row more or less. Of 5,546 images with four classes, the clouds competition, that is less than 200 MB where
the probabilities take 4 GB, and 500 MB where masks fall into 45 components each. The search is
:mod:`kaggle_utils.masks.search`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from tqdm import tqdm

from kaggle_utils.masks.components import component_counts, dice_by_removed
from kaggle_utils.masks.dice import dice_counts, dice_from_counts, dice_table
from kaggle_utils.masks.rules import outlined


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
    """What :func:`kaggle_utils.masks.search.fit` needs to know of N images with C classes, at L levels in O outlines.

    levels: (L,) ascending; outlines: (O,) names, see :data:`kaggle_utils.masks.rules.OUTLINES`
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

    @property
    def without_outlines(self) -> MaskStatistics:
        """The same of masks as they are drawn alone."""
        return replace(self, outlines=self.outlines[:1], drawn=self.drawn[..., :1])


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
