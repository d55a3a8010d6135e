"""Masks looked at once: what a search over decisions needs to know of them, a row an image.

Of each mask its Dice at every level, how many pixels reach each level, and by how much leaving out each
component changes the Dice. From then on the pixels are not needed any more: an image more or less is a
row more or less. Of 5,546 images with four classes, the clouds competition, that is less than 200 MB where
the probabilities take 4 GB, and 500 MB where masks fall into 45 components each. The search is
:mod:`kaggle_utils.masks.search`.

Where one Dice is taken of the pixels of all images together, an image has no Dice of its own but the two sums
that it is the ratio of: what is one number here is then two, *pooled*: the pixels in common, doubled, and those of both masks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kaggle_utils.masks.dice import dice_from_counts, pixels_at_levels
from kaggle_utils.masks.rules import all_outlined


@dataclass(frozen=True, eq=False)
class ComponentSteps:
    """The components of one class in all images: what a minimum size above their area changes.

    start: (L + 1,) int64, those at level number i are the rows start[i] to start[i + 1] - 1
    image: (K,) int32; area: (K,) int32, pixels, ascending at each level
    gain: (K,) float64, the image's Dice without this and the smaller ones, less its Dice with this one; pooled (K, 2)
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
    Pooled, empty, drawn and the steps' gains have one axis more, of two.
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
        return replace(self, outlines=self.outlines[:1], drawn=self.drawn[:, :, :, :1])

    @property
    def pooled(self) -> bool:
        """Whether one Dice is taken of all pixels together."""
        return self.empty.ndim == 3

    def summed(self, doubled_common: float, both: float) -> MaskStatistics:
        """Of pooled ones the two sums made one number: so much of each."""
        of_each = np.array([doubled_common, both], np.float64)
        steps = tuple(replace(one, gain=one.gain @ of_each) for one in self.steps)
        return replace(self, empty=self.empty @ of_each, drawn=self.drawn @ of_each, steps=steps)


@dataclass(frozen=True, eq=False)
class ImageStatistics:
    """The same of one image: pixels (C, 256) int32, empty (C,), drawn (C, L, O); of each class its components.

    components: start (L + 1,), those at level number i are start[i] to start[i + 1] - 1; area (K,) int32; gain (K,)
    """

    pixels: np.ndarray
    empty: np.ndarray
    drawn: np.ndarray
    components: tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...]


class Truth:
    """The true masks of one image, of which many predictions are measured.

    masks: (C, H, W), any value but 0 belongs to them; pooled: whether one Dice is taken of all images' pixels together

    >>> truth = Truth(np.array([[[1, 1, 0, 0]]]))
    >>> truth.measured(np.array([[[200, 90, 0, 120]]], np.uint8), [80, 128]).drawn.round(3).tolist()
    [[[0.8], [0.667]]]
    """

    def __init__(self, masks: np.ndarray, pooled: bool = False) -> None:
        from kaggle_utils.compiled.components import sums_before

        self.masks = np.ascontiguousarray(masks != 0).view(np.uint8)
        self._before, self.pooled = [sums_before(mask) for mask in self.masks], pooled

    def measured(self, probability: np.ndarray, levels: Sequence[int], outlines: Sequence[str] = ("drawn",)) -> ImageStatistics:
        """Of (C, H, W) uint8 probabilities; levels: ascending; outlines: "drawn" first. ValueError for another shape."""
        if probability.dtype != np.uint8 or probability.shape != self.masks.shape:
            told = f"probabilities are {probability.dtype} {probability.shape}"
            raise ValueError(f"{told}, expected uint8 of the truth's shape {self.masks.shape}")
        every = [self._of_class(c, np.ascontiguousarray(one), levels, outlines) for c, one in enumerate(probability)]
        pixels, empty, drawn, components = zip(*every, strict=True)
        return ImageStatistics(np.stack(pixels), np.array(empty), np.stack(drawn), components)

    def _of_class(self, c: int, probability: np.ndarray, levels: Sequence[int], outlines: Sequence[str]) -> tuple:
        """pixels (256,), empty, drawn (L, O) and the components of one mask."""
        from kaggle_utils.compiled.components import component_counts, dice_steps

        true = int(self._before[c][:, -1].sum())
        start, area, common = component_counts(probability, np.array(levels, np.uint8), self._before[c], 1)
        drawn, gain = (_pooled_steps if self.pooled else dice_steps)(start, area, common, true)
        others = [self._outlined(c, probability >= level, outlines[1:], true) for level in levels if len(outlines) > 1]
        drawn = np.concatenate([drawn[:, None], np.reshape(others, (len(levels), -1, *drawn.shape[1:]))], axis=1)
        pixels, empty = pixels_at_levels(probability).astype(np.int32), self._worth(np.array([0, 0, true]))
        return pixels, empty, drawn, (start, area.astype(np.int32), gain)

    def _outlined(self, c: int, mask: np.ndarray, outlines: Sequence[str], true: int) -> np.ndarray:
        """What a mask is worth in each outline."""
        counts = []
        for filled in all_outlined(mask.view(np.uint8), outlines):
            counts.append((np.count_nonzero(filled & self.masks[c]), np.count_nonzero(filled), true))
        return self._worth(np.reshape(counts, (-1, 3)))

    def _worth(self, counts: np.ndarray) -> np.ndarray:
        """The Dice of (..., 3) counts, or the two sums, (..., 2)."""
        if not self.pooled:
            return dice_from_counts(counts)
        return np.stack([2 * counts[..., 0], counts[..., 1] + counts[..., 2]], axis=-1)


def _pooled_steps(start: np.ndarray, area: np.ndarray, common: np.ndarray, true: int) -> tuple[np.ndarray, np.ndarray]:
    """drawn (L, 2) and gain (K, 2) of component_counts: both sums of a level's components, and what one less adds to them."""
    gain = -np.column_stack([2 * common, area]).astype(np.int64)
    before = np.vstack([np.zeros((1, 2), np.int64), gain.cumsum(0)])
    return np.array([0, true]) - np.diff(before[start], axis=0), gain


def measure(
    probabilities: Iterable[np.ndarray],
    truths: Iterable[np.ndarray],
    levels: Sequence[int],
    outlines: Sequence[str] = ("drawn",),
    pooled: bool = False,
) -> MaskStatistics:
    """Looks at every image once; memory does not grow with the size of the images.

    probabilities: N times (C, H, W) uint8, as an array, a memory map or one by one
    truths: N times (C, H, W), any value but 0 belongs to the mask
    levels: of 1 to 255, from which a decision may choose; outlines: "drawn" first
    pooled: for one Dice of the pixels of all images together
    Raises ValueError where the two are not equally many or an image does not fit.

    >>> image, truth = np.array([[[200, 90, 0, 120]]], np.uint8), np.array([[[1, 1, 0, 0]]])
    >>> measure([image], [truth], levels=[80, 128]).drawn.round(3).tolist()
    [[[[0.8], [0.667]]]]
    """
    levels, outlines = checked(levels, outlines)
    pairs = zip(probabilities, truths, strict=True)
    return together([Truth(truth, pooled).measured(one, levels, outlines) for one, truth in pairs], levels, outlines)


def checked(levels: Sequence[int], outlines: Sequence[str]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Levels in ascending order, each once, and outlines, "drawn" first; else ValueError."""
    levels, outlines = tuple(sorted({int(level) for level in levels})), tuple(outlines)
    if outlines[:1] != ("drawn",):
        raise ValueError(f"outlines are {outlines}, expected 'drawn' first")
    wrong = [level for level in levels if not 1 <= level <= 255]
    if wrong:
        raise ValueError(f"level {wrong[0]} is out of range, expected 1 to 255")
    return levels, outlines


def together(images: Sequence[ImageStatistics], levels: tuple[int, ...], outlines: tuple[str, ...]) -> MaskStatistics:
    """The images as one, in their order; levels, outlines: of :func:`checked`."""
    pixels, empty, drawn = (np.stack([getattr(image, name) for image in images]) for name in ("pixels", "empty", "drawn"))
    steps = [_steps(one_class) for one_class in zip(*(image.components for image in images), strict=True)]
    return MaskStatistics(levels, outlines, pixels, empty, drawn, tuple(steps))


def _steps(images: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> ComponentSteps:
    """One class's components, level by level."""
    starts, areas, gains = zip(*images, strict=True)
    sizes = np.diff(starts)  # (N, L)
    level = np.repeat(np.tile(np.arange(sizes.shape[1]), len(sizes)), sizes.ravel())
    image, area = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes.sum(1)), np.concatenate(areas)
    order = np.lexsort((area, level))  # by area, so that no search has to sort them again
    start = np.concatenate([[0], np.cumsum(sizes.sum(0))])
    return ComponentSteps(start, image[order], area[order], np.concatenate(gains)[order])
