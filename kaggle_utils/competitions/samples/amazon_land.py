"""Synthetic chips of forest: what a label means, drawn in four bands, and how often labels occur together.

A scene is reflectance, (H, W, 4) float32 in blue, green, red and near infrared, 0 to 1. Each label has a shape and a
colour (Planet: Understanding the Amazon from Space describes them); how plainly one shows differs from chip to chip.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from kaggle_utils.competitions.amazon import CHIPS_OF_LABEL, CLASSES, TRAIN_CHIPS, WEATHER
from kaggle_utils.competitions.samples.clouds_sky import noise, smooth_step

WITH_AGRICULTURE = {  # training chips that have both: roads and houses are where fields are
    "road": 6_034, "cultivation": 3_377, "habitation": 2_737, "water": 2_712, "primary": 11_972, "bare_ground": 225,
    "artisinal_mine": 38, "blooming": 32, "blow_down": 22, "conventional_mine": 24, "selective_logging": 65, "slash_burn": 119,
}  # fmt: skip
PLAIN = (0.04, 0.6)  # how plainly a label shows: some hardly
_Shape = Callable[[np.random.Generator, int], np.ndarray]  # side in pixels -> (side, side) float32, 0 to 1


def draw_labels(rng: np.random.Generator, chips: int) -> np.ndarray:
    """(chips, 17) bool, each label as often as in the real table, and at least twice; one weather a chip, cloudy alone.

    >>> labels = draw_labels(np.random.default_rng(0), 1000)
    >>> labels.sum(0)[[CLASSES.index(name) for name in ("primary", "cloudy", "haze", "slash_burn", "conventional_mine")]]
    array([926,  52,  67,   5,   3])
    """
    labels = dict.fromkeys(CLASSES, np.zeros(chips, bool))
    among = np.array([CHIPS_OF_LABEL[name] for name in WEATHER], float)
    kind = np.searchsorted(among.cumsum() / among.sum(), _spread(rng, chips), side="right")
    labels |= {name: kind == number for number, name in enumerate(WEATHER)}
    ground, cloudless, fields = ~labels["cloudy"], TRAIN_CHIPS - CHIPS_OF_LABEL["cloudy"], CHIPS_OF_LABEL["agriculture"]
    labels["agriculture"] = _some(rng, ground, fields / cloudless)
    for name, both in WITH_AGRICULTURE.items():
        there, apart = labels["agriculture"], CHIPS_OF_LABEL[name] - both
        labels[name] = _some(rng, there, both / fields) | _some(rng, ground & ~there, apart / (cloudless - fields))
    labels["water"] = labels["water"] | (labels["artisinal_mine"] & (rng.random(chips) < 0.88))
    return np.column_stack([labels[name] for name in CLASSES])


def _spread(rng: np.random.Generator, count: int) -> np.ndarray:
    """(count,) numbers between 0 and 1, evenly spread, in random order."""
    return (rng.permutation(count) + rng.random()) / max(1, count)


def _some(rng: np.random.Generator, among: np.ndarray, share: float) -> np.ndarray:
    """(N,) bool: this share of those chosen, and at least one."""
    chosen = np.zeros(len(among), bool)
    chosen[among] = _spread(rng, among.sum()) < max(share, 1 / max(1, among.sum()))
    return chosen


def paint_chip(rng: np.random.Generator, labels: np.ndarray, side: int = 64, hazier: float = 1.0) -> np.ndarray:
    """(side, side, 4) float32 of a chip with these labels, (17,) bool; hazier: strength of weather that is not asked for."""
    there = {name for name, given in zip(CLASSES, labels, strict=True) if given}
    grain = (noise(rng, (side, side), 2.5) + noise(rng, (side, side), 0.3 * side))[..., None] * 0.8
    forest, scrub = np.array([0.10, 0.17, 0.13, 0.62]), np.array([0.17, 0.23, 0.24, 0.40])
    scene = (forest if "primary" in there else scrub) * (1 + 0.10 * grain) * rng.uniform(0.9, 1.1)
    for name, (shape, *colour) in SHAPES.items():
        if name in there:
            share = (shape(rng, side) * rng.uniform(*PLAIN))[..., None]
            scene = scene + share * (np.array(colour) * (1 + 0.08 * grain) - scene)
    veil = _weather(rng, there, side, hazier)[..., None]
    return (scene + veil * (np.array([0.85, 0.85, 0.86, 0.88]) - scene)).astype(np.float32)


def _weather(rng: np.random.Generator, there: set[str], side: int, hazier: float) -> np.ndarray:
    """How much of the light comes from clouds or haze, (side, side)."""
    broad, fine = noise(rng, (side, side), 0.5 * side), noise(rng, (side, side), 0.12 * side)
    if "cloudy" in there:
        return np.clip(0.9 + 0.06 * broad, 0, 1)
    if "haze" in there:
        return np.clip(rng.uniform(0.16, 0.5) + 0.05 * broad, 0, 0.85)
    if "partly_cloudy" in there:
        return 0.95 * smooth_step(fine + 0.4 * broad + rng.uniform(-1.2, 0.2), 0.5, 1.1)
    return np.clip(hazier * rng.uniform(0, 0.18) + 0.02 * broad, 0, 1)


def _fields(rng: np.random.Generator, side: int) -> np.ndarray:
    """Large straight-edged parcels side by side, from one border on."""
    x, y = _turned(rng, side)
    parcels = np.mod(np.floor(x / (0.25 * side)) + np.floor(y / (0.3 * side)), 2) * 0.25 + 0.75
    return _soft(parcels * (x > rng.uniform(-0.35, 0.15) * side))


def _plots(rng: np.random.Generator, side: int) -> np.ndarray:
    """One small striped clearing, a farmer's."""
    x, y = _turned(rng, side)
    x0, y0, half = *rng.uniform(-0.25, 0.25, 2) * side, rng.uniform(0.12, 0.2) * side
    return _soft(((abs(x - x0) < half) & (abs(y - y0) < half)) * (0.55 + 0.45 * (np.mod(x, 5) < 2.5)))


def _line(rng: np.random.Generator, side: int, width: float, bend: float) -> np.ndarray:
    """One band across the chip, width in shares of the side."""
    x, y = _turned(rng, side)
    sway = bend * side * np.sin(y / (0.16 * side) + rng.uniform(0, 6))
    return smooth_step(width * side / 2 + 0.5 - abs(x - sway - rng.uniform(-0.2, 0.2) * side), 0, 1)


def _dots(rng: np.random.Generator, side: int, count: int, radius: float, spread: float) -> np.ndarray:
    """Discs around one place; radius and spread (their deviation) in shares of the side."""
    canvas, middle = np.zeros((side, side), np.float32), rng.uniform(0.3, 0.7, 2)
    for place in np.clip(middle + spread * rng.standard_normal((count, 2)), 0.03, 0.97):
        cv2.circle(canvas, tuple((place * side).astype(int).tolist()), max(1, round(radius * side)), 1.0, -1)
    return _soft(canvas)


def _blob(rng: np.random.Generator, side: int, radius: float, stretch: float = 1.0) -> np.ndarray:
    """One ragged patch; radius in shares of the side, stretch: how many times longer than wide."""
    x, y = _turned(rng, side)
    x0, y0 = rng.uniform(-0.25, 0.25, 2) * side
    reach = np.hypot((x - x0) * stretch, y - y0) / (radius * side) + 0.25 * noise(rng, (side, side), 0.12 * side)
    return smooth_step(1.1 - reach, 0, 0.2)


def _pit(rng: np.random.Generator, side: int) -> np.ndarray:
    """Terraces around a hole."""
    x, y = _turned(rng, side)
    reach = np.hypot(x, 1.3 * y) / side
    return _soft((reach < 0.3) * (0.45 + 0.55 * (np.mod(reach, 0.1) < 0.05)))


def _turned(rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates in pixels from the middle, along two axes of any direction."""
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    turn = rng.uniform(0, 2 * np.pi)
    return np.cos(turn) * columns + np.sin(turn) * rows, np.cos(turn) * rows - np.sin(turn) * columns


def _soft(canvas: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(np.asarray(canvas, np.float32), (0, 0), 0.6)


# label: its shape, then blue, green, red and near infrared; painted in this order
SHAPES: dict[str, tuple[_Shape, float, float, float, float]] = {
    "agriculture": (_fields, 0.18, 0.33, 0.28, 0.52),
    "bare_ground": (lambda rng, side: _blob(rng, side, 0.28), 0.36, 0.46, 0.55, 0.50),
    "slash_burn": (lambda rng, side: _blob(rng, side, 0.2), 0.10, 0.08, 0.10, 0.14),
    "blow_down": (lambda rng, side: _blob(rng, side, 0.4, 4.0), 0.24, 0.32, 0.34, 0.34),
    "cultivation": (_plots, 0.14, 0.42, 0.20, 0.78),
    "water": (lambda rng, side: _line(rng, side, rng.uniform(0.1, 0.3), 0.12), 0.22, 0.21, 0.17, 0.06),
    "conventional_mine": (_pit, 0.46, 0.46, 0.47, 0.30),
    "artisinal_mine": (lambda rng, side: _dots(rng, side, 14, 0.055, 0.12), 0.58, 0.60, 0.42, 0.15),
    "road": (lambda rng, side: _line(rng, side, 0.035, 0.02), 0.34, 0.40, 0.50, 0.42),
    "selective_logging": (lambda rng, side: _dots(rng, side, 12, 0.02, 0.25), 0.28, 0.34, 0.44, 0.34),
    "blooming": (lambda rng, side: _dots(rng, side, 16, 0.015, 0.25), 0.20, 0.70, 0.75, 0.75),
    "habitation": (lambda rng, side: _dots(rng, side, 22, 0.012, 0.09), 0.72, 0.70, 0.78, 0.55),
}
