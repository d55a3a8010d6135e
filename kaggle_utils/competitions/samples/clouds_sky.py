"""Synthetic skies: four kinds of shallow clouds over a dark sea, as a satellite sees them.

The kinds are those of the competition "Understanding Clouds from Satellite Images", after Rasp et al.,
"Combining crowd-sourcing and deep learning to explore the meso-scale organization of shallow
convection" (2019): Sugar, a dusting of very small clouds; Gravel, grains and arcs of middle size;
Flower, round stratocumulus clumps with clear edges; Fish, a skeleton with bones. Each painter fills a
whole picture with the density of its kind, (H, W) float32 from 0 to 1; lengths are shares of the
picture's height, so a larger picture shows the same sky in more detail.
"""

from __future__ import annotations

import cv2
import numpy as np

Shape = tuple[int, int]  # (height, width) in pixels
SEA = np.array([9, 19, 40], np.float32)  # red, green, blue
CLOUD = np.array([236, 238, 240], np.float32)


def noise(rng: np.random.Generator, shape: Shape, length: float, stretch: float = 1.0, turn: float = 0.0) -> np.ndarray:
    """Smooth noise, mean 0 and deviation 1, (H, W) float32.

    length: of its features in pixels; stretch: how many times longer they are in the direction turn (radians)
    """
    coarse = max(1.0, length / 3)  # drawn on a grid of about three points a feature, then enlarged
    side = int(np.ceil(np.hypot(*shape) / coarse)) + 8
    grid = rng.standard_normal((side, max(8, int(side / stretch))), dtype=np.float32)
    grid = cv2.GaussianBlur(grid, (0, 0), 1.2)
    c, s, (height, width) = np.cos(turn), np.sin(turn), shape
    back = np.array([[c / stretch, s / stretch], [-s, c]]) / coarse
    centre = np.array(grid.shape[::-1]) / 2 - back @ (width / 2, height / 2)
    picked = cv2.warpAffine(
        grid, np.column_stack([back, centre]), (width, height),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT,
    )  # fmt: skip
    return (picked - picked.mean()) / (picked.std() + 1e-6)


def smooth_step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below low, 1 above high, without a kink between them.

    >>> smooth_step(np.array([0.0, 0.5, 2.0]), 0, 1).tolist()
    [0.0, 0.5, 1.0]
    """
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def sugar(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Fine powder: specks of a few hundredths of the height, in faint streets."""
    turn = rng.uniform(-0.6, 0.6)
    specks = noise(rng, shape, 0.010 * shape[0], 1.4, turn)
    streets = noise(rng, shape, 0.09 * shape[0], 3.0, turn)
    return 0.8 * smooth_step(specks + 0.4 * streets, 0.85, 2.4)


def gravel(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Grains of middle size strung along the arcs of old gust fronts."""
    height, width = shape
    arcs = np.zeros(shape, np.float32)
    for _ in range(rng.integers(60, 85)):
        centre = (int(rng.integers(-20, width + 20)), int(rng.integers(-20, height + 20)))
        radius, first = rng.uniform(0.035, 0.085) * height, rng.uniform(0, 360)
        pen = max(1, round(rng.uniform(0.008, 0.018) * height))
        axes = (round(radius), round(radius * rng.uniform(0.6, 1.0)))
        cv2.ellipse(arcs, centre, axes, rng.uniform(0, 180), first, first + rng.uniform(60, 160), 1.0, pen)
    arcs = cv2.GaussianBlur(_crumpled(rng, arcs, 0.04, 0.01), (0, 0), 0.008 * height)
    grains = smooth_step(noise(rng, shape, 0.036 * height) + 0.25 * noise(rng, shape, 0.2 * height), 0.7, 2.2)
    return _frayed(rng, np.maximum(1.25 * arcs, grains), 0.022)


def flower(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Round clumps an eighth of the height across, with clear edges and dark lanes between them."""
    height, width = shape
    step, seeds = rng.uniform(0.16, 0.21) * height, np.ones(shape, np.uint8)
    for row, y in enumerate(np.arange(-step, height + step, 0.87 * step)):
        for x in np.arange(-step, width + step, step):  # a honeycomb, shaken
            column, line = (np.array([x + row % 2 * step / 2, y]) + rng.uniform(-0.28, 0.28, 2) * step).astype(int)
            if 0 <= column < width and 0 <= line < height and rng.random() < 0.88:
                seeds[line, column] = 0
    distance = cv2.distanceTransform(seeds, cv2.DIST_L2, 5) / step
    sizes = 0.44 + 0.06 * noise(rng, shape, 0.35 * height) - distance
    lumps = 0.05 * noise(rng, shape, 0.055 * height) + 0.03 * noise(rng, shape, 0.02 * height)
    clumps = smooth_step(sizes + lumps, 0.0, 0.16)
    cells = smooth_step(noise(rng, shape, 0.03 * height), -1.8, 1.2)
    return _frayed(rng, clumps * (0.72 + 0.28 * cells), 0.016, by=0.18)


def fish(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Skeletons: long spines with bones branching off to both sides, and clear sky between them."""
    height, width = shape
    bones, turn = np.zeros(shape, np.float32), rng.uniform(-0.5, 0.5)
    gap = rng.uniform(0.34, 0.44) * height
    for offset in np.arange(-0.7 * width, 0.7 * width, gap):
        _skeleton(bones, rng, turn, offset + rng.uniform(-0.12, 0.12) * gap, gap)
    bones = cv2.GaussianBlur(_crumpled(rng, bones, 0.14, 0.025), (0, 0), 0.009 * height)
    bones *= 0.6 + 0.7 * smooth_step(noise(rng, shape, 0.22 * height), -1.5, 0.8)
    return _frayed(rng, 1.1 * bones, 0.03, by=0.42)


def _skeleton(canvas: np.ndarray, rng: np.random.Generator, turn: float, offset: float, gap: float) -> None:
    """One spine across the whole picture with its bones, drawn into canvas."""
    height, width = canvas.shape
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    reach = np.arange(-0.8 * width, 0.8 * width, 0.055 * height)
    sway = 0.1 * gap * np.sin(reach / (0.5 * height) + rng.uniform(0, 6))
    spine = np.array([width / 2, height / 2]) + reach[:, None] * along + (offset + sway)[:, None] * across
    cv2.polylines(canvas, [spine.astype(np.int32)], False, 1.0, max(1, round(0.028 * height)))
    lean = rng.choice([-1, 1]) * rng.uniform(0.35, 0.9)
    for point in spine:
        for side in (-1, 1):
            if rng.random() < 0.75:
                bone = rng.uniform(0.15, 0.45) * gap * (side * across + lean * along)
                ends = point.astype(int).tolist(), (point + bone).astype(int).tolist()
                cv2.line(canvas, *ends, float(rng.uniform(0.55, 1.0)), max(1, round(rng.uniform(0.008, 0.018) * height)))


def _frayed(rng: np.random.Generator, density: np.ndarray, length: float, by: float = 0.34) -> np.ndarray:
    """Edges torn into puffs and wisps: noise on three scales, the largest a share ``length`` of the height."""
    scales = [length * density.shape[0] / 2**octave for octave in range(3)]
    torn = sum(noise(rng, density.shape, scale) * 0.75**octave for octave, scale in enumerate(scales))
    solid = smooth_step(density + by * torn * smooth_step(density, 0.02, 0.3), 0.22, 1.15)
    return np.maximum(solid, 0.16 * density)


def _crumpled(rng: np.random.Generator, picture: np.ndarray, length: float, by: float) -> np.ndarray:
    """The picture with every point moved a little; length and by are shares of its height."""
    height, width = picture.shape
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    dx, dy = (by * height * noise(rng, picture.shape, length * height) for _ in range(2))
    return cv2.remap(picture, columns + dx, rows + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


PAINTERS = {"Fish": fish, "Flower": flower, "Gravel": gravel, "Sugar": sugar}


def haze(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """What belongs to no kind, (H, W) float32: cirrus in streaks, loose clouds and scraps, the sun's glint on the sea."""
    turn = rng.uniform(-0.8, 0.8)
    cirrus = smooth_step(noise(rng, shape, 0.3 * shape[0], 4.0, turn), 0.7, 2.6)
    cirrus *= 0.6 + 0.4 * smooth_step(noise(rng, shape, 0.04 * shape[0], 7.0, turn), -1, 1)
    lumps = noise(rng, shape, 0.16 * shape[0]) + 0.7 * noise(rng, shape, 0.04 * shape[0])
    loose = _frayed(rng, smooth_step(lumps, 0.9, 3.2), 0.03)
    scraps = noise(rng, shape, 0.022 * shape[0], 1.6, turn) + 0.9 * noise(rng, shape, 0.22 * shape[0])
    loose = np.maximum(loose, 0.8 * smooth_step(scraps, 1.5, 3.6))
    middle, broad = rng.uniform(0, shape[1]), rng.uniform(0.1, 0.22) * shape[1]
    glint = np.exp(-(((np.arange(shape[1]) - middle) / broad) ** 2)) * rng.choice([0.0, 0.25], p=[0.5, 0.5])
    veil = glint[None] * (0.8 + 0.2 * smooth_step(noise(rng, shape, 0.2 * shape[0]), -1, 1))
    return np.maximum(np.maximum(rng.uniform(0.2, 0.8) * cirrus, 0.8 * loose), veil).astype(np.float32)


def paint_sky(rng: np.random.Generator, shape: Shape, shares: dict[str, np.ndarray]) -> np.ndarray:
    """A picture of the sky, (H, W, 3) uint8 RGB.

    shares: for each kind that is there, where: (H, W) float from 0 to 1
    """
    shape = tuple(shape)
    density = haze(rng, shape)
    taken = np.zeros(shape, np.float32)
    for kind, share in sorted(shares.items()):
        density = density * (1 - 0.65 * share)
        taken = np.maximum(taken, PAINTERS[kind](rng, shape) * share)
    density = np.clip(np.maximum(density, taken), 0, 1)
    density *= 0.86 + 0.14 * smooth_step(noise(rng, shape, 0.012 * shape[0]), -1.5, 1.5)
    sea = SEA * (1 + 0.12 * noise(rng, shape, 0.6 * shape[0])[..., None])
    picture = sea + density[..., None] * (CLOUD - sea)
    return np.clip(picture + rng.normal(0, 2.5, (*shape, 1)), 1, 255).astype(np.uint8)
