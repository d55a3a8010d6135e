"""The bottom of the sample's sea: a tileable picture of a reef seen from straight above.

A heap of corals is built as a height field: some thousand stamps (domes, branching thickets, tables,
rubble) are dropped on fractal ground, the higher surface wins, and light from one side plus darkness
in the hollows turn height into a picture. Everything wraps around, so a camera can travel for ever.
Nothing here comes from a photograph.
"""

from __future__ import annotations

import cv2
import numpy as np

STAMPS = 64  # different stamps in a heap; fewer and the eye finds repeats
DROPS = 7000  # stamps dropped on a heap: about three layers
BARE_SHARE = 0.12  # of the area, its lowest: fewer corals, more stones
STAMP_SIZES = (18, 26, 38, 54, 80, 130)  # texels: corals across, in a texture 2048 texels wide
STAMP_SHARES = (0.20, 0.28, 0.26, 0.16, 0.08, 0.02)
KIND_SHARES = (0.14, 0.42, 0.10, 0.34)  # dome, thicket, table, rubble

# Albedo of living and dead coral in air, RGB 0..1; the water's colour comes on top, by distance.
CORAL_COLOURS = np.array(
    [
        [0.74, 0.66, 0.50],
        [0.62, 0.54, 0.40],
        [0.84, 0.80, 0.68],
        [0.52, 0.52, 0.38],
        [0.66, 0.52, 0.44],
        [0.66, 0.60, 0.60],
        [0.62, 0.64, 0.55],
        [0.72, 0.66, 0.48],
        [0.48, 0.43, 0.36],
    ],
    np.float32,
)
GROUND_COLOUR = np.array([0.66, 0.62, 0.53], np.float32)


def fractal_noise(rng: np.random.Generator, side: int, slope: float = 1.6) -> np.ndarray:
    """(side, side) float32 noise that tiles, mean 0 and standard deviation 1.

    slope: how fast amplitude falls with frequency; 1 is crisp, 2 is cloudy.

    >>> noise = fractal_noise(np.random.default_rng(0), 64)
    >>> noise.shape, bool(abs(noise.std() - 1) < 1e-3)
    ((64, 64), True)
    """
    fy, fx = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    frequency = np.hypot(fy, fx)
    frequency[0, 0] = np.inf  # no constant part
    waves = frequency**-slope * np.exp(2j * np.pi * rng.random(frequency.shape))
    noise = np.fft.irfft2(waves, s=(side, side))
    return ((noise - noise.mean()) / noise.std()).astype(np.float32)


def reef_texture(rng: np.random.Generator, side: int) -> np.ndarray:
    """(side, side, 3) uint8 RGB, a reef from above in white light; it tiles in both directions.

    side: texels; 2048 of them are 3 to 5 times the camera's height above the reef.

    >>> reef_texture(np.random.default_rng(0), 64).shape
    (64, 64, 3)
    """
    unit = side / 2048
    hills, stones = fractal_noise(rng, side, 1.7), fractal_noise(rng, side, 1.15)
    heap = np.empty((side, side, 4), np.float32)  # height, red, green, blue
    heap[..., 0] = unit * (34 * hills - 22 * np.abs(fractal_noise(rng, side, 1.6)) + 6 * stones)
    heap[..., 1:] = GROUND_COLOUR * (1 + 0.12 * stones)[..., None]
    stamps = [_stamp(rng, unit) for _ in range(STAMPS)]
    bare = np.quantile(hills[::8, ::8], BARE_SHARE)
    for _ in range(DROPS):
        y, x = rng.integers(0, side, 2)
        if hills[y, x] > bare or rng.random() < 0.3:
            _drop(heap, stamps[rng.integers(STAMPS)], y, x, rng)
    return _lit(rng, heap[..., 0], heap[..., 1:], unit)


def _drop(heap: np.ndarray, stamp: np.ndarray, y: int, x: int, rng: np.random.Generator) -> None:
    """Lay a stamp on the heap, on a base that follows the heap's height only in part; the higher wins."""
    side, size = len(heap), len(stamp)
    rows, columns = np.ix_((y + np.arange(size)) % side, (x + np.arange(size)) % side)
    base = 0.6 * heap[(y + size // 2) % side, (x + size // 2) % side, 0] + 0.4 * heap[y, x, 0]
    tint = rng.uniform(0.75, 1.25)
    new = np.rot90(stamp, rng.integers(4)) * np.float32([1, tint, tint, tint]) + np.float32([base, 0, 0, 0])
    old = heap[rows, columns]
    heap[rows, columns] = np.where(new[..., :1] > old[..., :1], new, old)


def _stamp(rng: np.random.Generator, unit: float) -> np.ndarray:
    """(S, S, 4) float32, a coral: its relief in texels, very low outside its outline, and its colour."""
    size = max(8, int(unit * rng.choice(STAMP_SIZES, p=STAMP_SHARES)))
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = np.meshgrid(axis, axis * rng.uniform(1.0, 1.5))
    radius = np.hypot(x, y) + 0.16 * np.clip(fractal_noise(rng, size, 1.5), -2, 2) + 0.2
    relief, light = _RELIEFS[rng.choice(len(_RELIEFS), p=KIND_SHARES)](rng, size, radius, np.arctan2(y, x))
    relief = np.where(radius < 1, size * relief, -1e6)
    colour = CORAL_COLOURS[rng.integers(len(CORAL_COLOURS))] * rng.uniform(0.8, 1.15)
    return np.dstack([relief, light[..., None] * colour]).astype(np.float32)


def _dome(rng: np.random.Generator, size: int, radius: np.ndarray, angle: np.ndarray) -> tuple:
    folds = np.sin(fractal_noise(rng, size, 1.3) * 6)
    return 0.36 * np.sqrt(np.clip(1 - radius**2, 0, 1)) + 0.012 * folds, 1 + 0.12 * folds


def _thicket(rng: np.random.Generator, size: int, radius: np.ndarray, angle: np.ndarray) -> tuple:
    fingers = _smooth(rng.normal(0, 1, (size, size)).astype(np.float32), rng.uniform(0.9, 1.8))
    fingers = np.clip(fingers / fingers.std(), -0.7, 2.2)
    dome = np.sqrt(np.clip(1 - radius**2, 0, 1))
    return 0.26 * dome + 2.4 / size * fingers, 0.85 + 0.20 * fingers


def _table(rng: np.random.Generator, size: int, radius: np.ndarray, angle: np.ndarray) -> tuple:
    grain = fractal_noise(rng, size, 0.5)
    ribs = np.sin(angle * rng.integers(14, 30) + 2 * grain) * radius
    return 0.24 + 0.05 * radius + 1.6 / size * grain, 0.85 + 0.10 * ribs + 0.15 * grain + 0.35 * (radius > 0.92)


def _rubble(rng: np.random.Generator, size: int, radius: np.ndarray, angle: np.ndarray) -> tuple:
    lumps = fractal_noise(rng, size, 1.2)
    return 0.16 * (1 - radius) + 0.07 * lumps, 1 + 0.15 * lumps


_RELIEFS = (_dome, _thicket, _table, _rubble)


def _lit(rng: np.random.Generator, height: np.ndarray, albedo: np.ndarray, unit: float) -> np.ndarray:
    """Sun from the upper left, hollows dark at two scales, fine grain of growth."""
    pad = int(128 * unit) + 2
    padded = np.pad(height, pad, mode="wrap")
    inner = (slice(pad, -pad), slice(pad, -pad))
    dy, dx = np.gradient(padded)
    sun = np.clip(0.85 - 0.28 * (dx + dy), 0.2, 1.9)
    hollow = np.exp(-np.clip(_smooth(padded, 4 * unit) - padded, 0, None) / (6 * unit))
    hollow *= np.exp(-np.clip(_smooth(padded, 24 * unit) - padded, 0, None) / (22 * unit))
    hollow *= np.exp(-np.clip(_smooth(padded, 60 * unit) - padded, 0, None) / (60 * unit))
    grain = 1 + 0.07 * fractal_noise(rng, len(height), 0.4)
    light = (sun * (0.12 + 0.88 * hollow))[inner] * grain
    return (255 * np.clip(albedo * light[..., None], 0, 1)).astype(np.uint8)


def _smooth(image: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), max(sigma, 0.5))
