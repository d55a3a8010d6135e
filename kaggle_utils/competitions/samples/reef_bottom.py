"""The bottom of the sample's sea: a tileable picture of a reef seen from straight above.

A heap of corals is built as a height field: some thousand stamps (domes, branching thickets, tables,
rubble) are dropped on fractal ground, the higher surface wins, and light from one side plus darkness
in the hollows turn height into a picture. Everything wraps around, so a camera can travel for ever.
Nothing here is a photograph: the competition's frames (20 of them) were only looked at.
"""

from __future__ import annotations

import numpy as np

__all__ = ["reef_texture", "fractal_noise"]

STAMPS = 48  # different stamps in a heap; fewer and the eye finds repeats
DROPS = 6500  # stamps dropped on a heap: about four layers, hardly any bare ground
SAND_SHARE = 0.12  # of the area where the heap is thin and the ground shows

# Albedo of living and dead coral in air, RGB 0..1; the water's colour comes on top, by distance.
CORAL_COLOURS = np.array(
    [
        [0.74, 0.66, 0.50],
        [0.62, 0.54, 0.40],
        [0.84, 0.80, 0.68],
        [0.52, 0.52, 0.38],
        [0.66, 0.52, 0.44],
        [0.60, 0.56, 0.64],
        [0.60, 0.64, 0.60],
        [0.76, 0.70, 0.44],
        [0.46, 0.40, 0.34],
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

    side: texels; 2048 of them are about 4.3 times the camera's height above the reef.

    >>> reef_texture(np.random.default_rng(0), 64).shape
    (64, 64, 3)
    """
    unit = side / 2048
    ground = fractal_noise(rng, side, 1.9)
    stones = fractal_noise(rng, side, 1.15)
    height = unit * (40 * ground + 7 * np.abs(stones)).astype(np.float32)
    albedo = np.broadcast_to(GROUND_COLOUR, (side, side, 3)).copy()
    albedo *= (1 + 0.10 * fractal_noise(rng, side, 1.0))[..., None]
    stamps = [_stamp(rng, unit) for _ in range(STAMPS)]
    bare = np.quantile(ground[::8, ::8], SAND_SHARE)
    for _ in range(DROPS):
        y, x = rng.integers(0, side, 2)
        if ground[y, x] > bare or rng.random() < 0.15:
            _drop(height, albedo, stamps[rng.integers(STAMPS)], y, x, rng)
    return _lit(rng, height, albedo, unit)


def _drop(height: np.ndarray, albedo: np.ndarray, stamp: tuple, y: int, x: int, rng: np.random.Generator) -> None:
    relief, colour = stamp
    side, size = len(height), len(relief)
    rows, cols = np.ix_((y + np.arange(size)) % side, (x + np.arange(size)) % side)
    base = height[(y + size // 2) % side, (x + size // 2) % side]
    here = relief + (0.6 * base + 0.4 * height[y, x])
    turned = rng.integers(4)
    here, tint = np.rot90(here, turned), np.rot90(colour, turned) * np.float32(rng.uniform(0.8, 1.2))
    wins = here > height[rows, cols]
    height[rows, cols] = np.where(wins, here, height[rows, cols])
    albedo[rows, cols] = np.where(wins[..., None], tint, albedo[rows, cols])


def _stamp(rng: np.random.Generator, unit: float) -> tuple[np.ndarray, np.ndarray]:
    """A coral's relief (S, S) in texels, very low outside its outline, and its colour (S, S, 3)."""
    size = max(8, int(unit * rng.choice([20, 28, 40, 56, 80, 120], p=[0.22, 0.26, 0.24, 0.16, 0.09, 0.03])))
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = np.meshgrid(axis, axis * rng.uniform(1.0, 1.4))
    angle = np.arctan2(y, x)
    waves = rng.integers(3, 9, 3)
    outline = 0.88 + 0.04 * sum(np.sin(k * angle + p) for k, p in zip(waves, rng.uniform(0, 6.3, 3), strict=True))
    radius = np.hypot(x, y) / outline
    kind = rng.choice(["dome", "thicket", "table", "rubble"], p=[0.25, 0.35, 0.15, 0.25])
    shape, light = _RELIEFS[kind](rng, size, radius, angle)
    relief = np.where(radius < 1, size * shape, -1e6).astype(np.float32)
    colour = CORAL_COLOURS[rng.integers(len(CORAL_COLOURS))] * rng.uniform(0.75, 1.2)
    return relief, (light[..., None] * colour).astype(np.float32)


def _dome(rng: np.random.Generator, size: int, radius: np.ndarray, angle: np.ndarray) -> tuple:
    folds = np.sin(fractal_noise(rng, size, 1.3) * 5)
    return 0.32 * np.sqrt(np.clip(1 - radius**2, 0, 1)) + 0.012 * folds, 1 + 0.10 * folds


def _thicket(rng: np.random.Generator, size: int, radius: np.ndarray, angle: np.ndarray) -> tuple:
    fingers = np.sin(np.linspace(0, size * rng.uniform(0.7, 1.0), size))
    bumps = np.clip(fingers[:, None] * fingers + 0.5 * fractal_noise(rng, size, 0.6), -1.2, 1.6)
    return 0.28 * np.sqrt(np.clip(1 - radius**2, 0, 1)) + 0.045 * bumps, 0.9 + 0.22 * bumps


def _table(rng: np.random.Generator, size: int, radius: np.ndarray, angle: np.ndarray) -> tuple:
    ribs = np.sin(angle * rng.integers(14, 30) + 5 * radius) * radius
    return 0.20 + 0.03 * radius + 0.01 * ribs, 0.85 + 0.10 * ribs + 0.35 * np.clip(radius - 0.85, 0, 1) / 0.15


def _rubble(rng: np.random.Generator, size: int, radius: np.ndarray, angle: np.ndarray) -> tuple:
    lumps = fractal_noise(rng, size, 1.4)
    return 0.10 * (1 - radius) + 0.05 * lumps, 1 + 0.12 * lumps


_RELIEFS = {"dome": _dome, "thicket": _thicket, "table": _table, "rubble": _rubble}


def _lit(rng: np.random.Generator, height: np.ndarray, albedo: np.ndarray, unit: float) -> np.ndarray:
    """Sun from the upper left, hollows dark at two scales, fine grain of growth."""
    pad = int(96 * unit) + 2
    padded = np.pad(height, pad, mode="wrap")
    inner = (slice(pad, -pad), slice(pad, -pad))
    dy, dx = np.gradient(padded)
    sun = np.clip(0.80 - 0.30 * (dx + dy), 0.25, 1.7)
    hollow = np.exp(-np.clip(_smooth(padded, 5 * unit) - padded, 0, None) / (7 * unit))
    hollow *= np.exp(-np.clip(_smooth(padded, 26 * unit) - padded, 0, None) / (26 * unit))
    grain = 1 + 0.07 * fractal_noise(rng, len(height), 0.4)
    light = (sun * (0.22 + 0.78 * hollow))[inner] * grain
    return (255 * np.clip(albedo * light[..., None], 0, 1)).astype(np.uint8)


def _smooth(image: np.ndarray, sigma: float) -> np.ndarray:
    import cv2

    return cv2.GaussianBlur(image, (0, 0), max(sigma, 0.5))
