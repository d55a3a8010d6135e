"""Where clouds of a kind are, and where annotators say they are: boxes, drawn in haste.

In "Understanding Clouds from Satellite Images" about three people drew rectangles around what they
took for Fish, Flower, Gravel and Sugar; a mask is the union of the rectangles of its kind. People
forget regions, disagree about borders, and a rectangle holds much sky that is not of its kind. How
often an image has how many kinds is that of the organisers' table.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kaggle_utils.competitions.clouds import MASKS_OF_CLASS
from kaggle_utils.competitions.samples.clouds_sky import noise, smooth_step

KINDS_AN_IMAGE = (1348, 2372, 1560, 266)  # images with 1, 2, 3 and 4 kinds, of 5,546
SEEN = 0.6  # of regions that an annotator marks
BEYOND = 0.1  # how far a region may reach over the picture's border, where it is cut
JITTER = 0.07  # deviation of a drawn border, as a share of the region's side

Region = tuple[float, float, float, float]  # left, top, right, bottom as shares of width and height


def draw_regions(rng: np.random.Generator) -> dict[str, list[Region]]:
    """The kinds of an image, each with the one or two places where its clouds are.

    >>> regions = draw_regions(np.random.default_rng(0))
    >>> {kind: len(places) for kind, places in regions.items()}
    {'Fish': 1, 'Flower': 1}
    """
    count = rng.choice(4, p=np.array(KINDS_AN_IMAGE) / sum(KINDS_AN_IMAGE)) + 1
    chances = np.array(list(MASKS_OF_CLASS.values())) / sum(MASKS_OF_CLASS.values())
    kinds = sorted(rng.choice(list(MASKS_OF_CLASS), count, replace=False, p=chances).tolist())
    places: list[Region] = []
    found: dict[str, list[Region]] = {kind: [] for kind in kinds}
    for kind in [*kinds, *rng.permutation(kinds)[: rng.integers(0, 2)].tolist()]:
        place = _free_place(rng, places, count)
        places.append(place)
        found[kind].append(place)
    return found


def _free_place(rng: np.random.Generator, taken: Sequence[Region], count: int) -> Region:
    """The place, of many at random, that least covers those that are taken."""
    tries = [_place(rng, count) for _ in range(25)]
    return min(tries, key=lambda place: sum(_overlap(place, other) for other in taken))


def _place(rng: np.random.Generator, count: int) -> Region:
    area = np.clip(rng.lognormal(np.log(0.36 / count**0.4), 0.35), 0.08, 0.8)
    aspect = rng.uniform(0.65, 1.5)
    width, height = min(0.98, np.sqrt(area * aspect)), min(0.98, np.sqrt(area / aspect))
    left, top = rng.uniform(-BEYOND, 1 + BEYOND - width), rng.uniform(-BEYOND, 1 + BEYOND - height)
    return tuple(np.clip([left, top, left + width, top + height], 0, 1).tolist())


def _overlap(a: Region, b: Region) -> float:
    """Shared area, as a share of the smaller one's."""
    sides = [max(0.0, min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in (0, 1)]
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return sides[0] * sides[1] / smaller


def share_of_regions(rng: np.random.Generator, regions: Sequence[Region], shape: tuple[int, int]) -> np.ndarray:
    """How much of a kind's clouds each pixel shows, (H, W) float32 from 0 to 1: regions with ragged, soft borders."""
    y, x = (np.arange(side, dtype=np.float32) / side for side in shape)
    ragged = 0.12 * noise(rng, shape, 0.25 * shape[0])
    share = np.zeros(shape, np.float32)
    for left, top, right, bottom in regions:
        across, down = (2 * x - left - right) / (right - left), (2 * y - top - bottom) / (bottom - top)
        distance = (across[None] ** 4 + down[:, None] ** 4) ** 0.25  # 1 on a rounded rectangle
        share = np.maximum(share, smooth_step(1.0 - distance + ragged, -0.12, 0.12))
    return share


def annotated(rng: np.random.Generator, regions: dict[str, list[Region]], people: int = 3) -> dict[str, list[Region]]:
    """The boxes that so many people draw, those of a kind together; every image keeps at least one box."""
    drawn: dict[str, list[Region]] = {kind: [] for kind in regions}
    while not any(drawn.values()):
        for kind, places in regions.items():
            drawn[kind] += [_jittered(rng, place) for place in places for _ in range(people) if rng.random() < SEEN]
    return {kind: boxes for kind, boxes in drawn.items() if boxes}


def _jittered(rng: np.random.Generator, region: Region) -> Region:
    left, top, right, bottom = region
    moves = JITTER * rng.standard_normal(4) * np.array([right - left, bottom - top] * 2)
    return tuple(np.clip(np.array(region) + moves, 0, 1).tolist())


def mask_of_boxes(boxes: Sequence[Region], shape: tuple[int, int]) -> np.ndarray:
    """(H, W) bool, the union of boxes.

    >>> mask_of_boxes([(0, 0, 0.5, 0.5)], (2, 4)).astype(int).tolist()
    [[1, 1, 0, 0], [0, 0, 0, 0]]
    """
    mask = np.zeros(shape, bool)
    height, width = shape
    for left, top, right, bottom in boxes:
        mask[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = True
    return mask
