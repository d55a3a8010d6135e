"""What lives on the sample's reef: crown-of-thorns starfish and all that looks like them.

Each creature is a sprite: colours and opacity on a square canvas, drawn once from a random generator
and placed by :mod:`reef_scene` with its own size, turn and tilt. Starfish have a dark disc, 11 to 19
thick tapering arms and a fuzz of pale spines. The look-alikes share two of these three: feather
stars have arms and no disc, urchins a dark disc and thin needles, anemones the fuzz, branching corals
the radial pattern.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

CANVAS = 224  # pixels a side; twice the largest starfish in a frame
REACH = 0.46 * CANVAS  # longest radius: leaves a margin for spines
SHADOW = 0.6  # how dark the reef is right below a creature

STARFISH = "starfish"
LOOK_ALIKES = ("feather star", "urchin", "anemone", "branching coral")

# Bodies and their pale spines, RGB: crimson, rust, purple, maroon. Seen through water they turn to
# purples and browns that hardly any coral has, which is what a detector learns first.
BODIES = ((104, 28, 48), (112, 42, 30), (84, 34, 72), (80, 24, 28))
SPINES = ((250, 214, 206), (252, 206, 170), (238, 208, 222), (246, 190, 176))


@dataclass(frozen=True)
class Sprite:
    """A creature on a canvas of S x S pixels.

    kind: one of the names above
    rgba: (S, S, 4) uint8, colours multiplied by opacity, and opacity (255 is opaque)
    shade: (S, S) uint8, how much of the reef's light its shadow lets through (255 is all)
    """

    kind: str
    rgba: np.ndarray
    shade: np.ndarray

    def halved(self) -> Sprite:
        """The same at half the size."""
        size = (len(self.shade) // 2,) * 2
        return Sprite(self.kind, *(cv2.resize(a, size, interpolation=cv2.INTER_AREA) for a in (self.rgba, self.shade)))


def draw(kind: str, rng: np.random.Generator) -> Sprite:
    """One creature. Raises KeyError for a kind this module does not know.

    >>> draw(STARFISH, np.random.default_rng(0)).rgba.shape
    (224, 224, 4)
    """
    canvas = np.zeros((CANVAS, CANVAS, 4), np.uint8)  # colour and opacity
    _PAINTERS[kind](canvas, rng)
    light = np.linspace(1.2, 0.8, CANVAS, dtype=np.float32)[:, None, None]  # the sun is above
    canvas[..., :3] = np.clip(canvas[..., :3] * light, 0, 255)
    return Sprite(kind, canvas, (255 - SHADOW * cv2.GaussianBlur(canvas[..., 3], (0, 0), 0.05 * CANVAS)).astype(np.uint8))


def _line(canvas: np.ndarray, points: np.ndarray, colour: tuple, width: float, opacity: int = 255) -> None:
    """Points are in canvas pixels, from the middle."""
    fixed = np.round((np.asarray(points) + CANVAS / 2) * 16).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(canvas, [fixed], False, (*colour, opacity), max(1, round(width)), cv2.LINE_AA, shift=4)


def _disc(canvas: np.ndarray, centre: np.ndarray, radius: float, colour: tuple, opacity: int = 255) -> None:
    fixed = tuple(int(v) for v in np.round((np.asarray(centre) + CANVAS / 2) * 16))
    cv2.circle(canvas, fixed, max(8, round(radius * 16)), (*colour, opacity), -1, cv2.LINE_AA, shift=4)


def _tinted(rng: np.random.Generator, colour: tuple, brightness: float = 0.2, hue: float = 0.06) -> tuple:
    scale = rng.uniform(1 - brightness, 1 + brightness) * rng.uniform(1 - hue, 1 + hue, 3)
    return tuple(float(v) for v in np.clip(np.array(colour) * scale, 0, 255))


def _directions(angles: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def _arm(rng: np.random.Generator, angle: float, length: float, bend: float, steps: int = 9) -> np.ndarray:
    """(steps, 2) points of an arm that leaves the middle at an angle and bends on its way."""
    along = np.linspace(0, 1, steps)
    curve = angle + bend * along**1.5
    return _directions(curve) * (along * length)[:, None]


def _starfish(canvas: np.ndarray, rng: np.random.Generator) -> None:
    choice = rng.integers(len(BODIES))
    body, spine = _tinted(rng, BODIES[choice]), _tinted(rng, SPINES[choice])
    ridge = tuple(0.8 * b + 0.2 * s for b, s in zip(body, spine, strict=True))
    n = int(rng.integers(11, 20))
    angles = 2 * np.pi * np.arange(n) / n + rng.normal(0, 0.07, n)
    width = 2 * np.pi * 0.5 * REACH / n * rng.uniform(0.75, 1.0)
    arms = [_arm(rng, a, REACH * rng.uniform(0.78, 0.98), rng.normal(0, 0.22)) for a in angles]
    for arm in arms:
        _spines(canvas, rng, arm, width, spine)
    for arm in arms:
        for k in range(len(arm) - 1):
            _line(canvas, arm[k : k + 2], body, width * (1.05 - 0.6 * k / len(arm)))
    _disc(canvas, np.zeros(2), 0.42 * REACH, body)
    for arm in arms:
        _line(canvas, arm[2:], ridge, max(2.0, 0.25 * width))
        for point in arm[5:]:
            _disc(canvas, point + rng.normal(0, 1.5, 2), rng.uniform(1.3, 2.4), spine)


def _spines(canvas: np.ndarray, rng: np.random.Generator, arm: np.ndarray, width: float, colour: tuple) -> None:
    step = np.diff(arm, axis=0)
    side = np.stack([-step[:, 1], step[:, 0]], 1) / np.linalg.norm(step, axis=1, keepdims=True)
    for k in range(2, len(step)):
        for sign in (-1, 1):
            out = sign * side[k] + 0.5 * step[k] / np.linalg.norm(step[k])
            start = arm[k] + rng.normal(0, 1.5, 2)
            _line(canvas, [start, start + out * (0.5 * width + rng.uniform(4, 9))], colour, 2, 235)
    _line(canvas, [arm[-1], arm[-1] + 0.5 * step[-1]], colour, 2, 235)


def _feather_star(canvas: np.ndarray, rng: np.random.Generator) -> None:
    colour = _tinted(rng, ((60, 50, 44), (150, 130, 60), (120, 60, 50), (170, 168, 150))[rng.integers(4)])
    pale = tuple(0.6 * c + 90 for c in colour)
    for angle in rng.uniform(0, 2 * np.pi, int(rng.integers(14, 30))):
        arm = _arm(rng, angle, REACH * rng.uniform(0.6, 1.0), rng.normal(0, 1.0), 12)
        _line(canvas, arm, colour, 5)
        _line(canvas, arm[4:], pale, 2)
        for point in arm[3:]:
            _disc(canvas, point, 3.2, colour, 200)


def _urchin(canvas: np.ndarray, rng: np.random.Generator) -> None:
    colour = _tinted(rng, (48, 40, 52))
    for angle in rng.uniform(0, 2 * np.pi, 80):
        tip = _directions(np.array(angle)) * REACH * rng.uniform(0.55, 0.95)
        _line(canvas, [np.zeros(2), tip], _tinted(rng, colour, 0.5), 2, 230)
    _disc(canvas, np.zeros(2), 0.42 * REACH, colour)


def _anemone(canvas: np.ndarray, rng: np.random.Generator) -> None:
    base = _tinted(rng, ((120, 96, 80), (150, 130, 96), (110, 100, 120))[rng.integers(3)])
    tip = tuple(min(255.0, 1.45 * c) for c in base)
    _disc(canvas, np.zeros(2), 0.66 * REACH, tuple(0.6 * c for c in base))
    for radius, angle in zip(np.sqrt(rng.random(110)), rng.uniform(0, 2 * np.pi, 110), strict=True):
        start = _directions(np.array(angle)) * REACH * 0.66 * radius
        end = start * 1.12 + rng.normal(0, 6, 2)
        _line(canvas, [start, end], base, 6)
        _disc(canvas, end, 3.0, tip)


def _branching_coral(canvas: np.ndarray, rng: np.random.Generator) -> None:
    base = _tinted(rng, ((126, 108, 76), (112, 96, 84), (100, 108, 76), (92, 92, 96))[rng.integers(4)])
    tip = tuple(min(255.0, 1.35 * c + 10) for c in base)
    _disc(canvas, np.zeros(2), 0.6 * REACH, tuple(0.45 * c for c in base))
    for radius in np.linspace(0.95, 0.1, 70):
        out = _directions(np.array(rng.uniform(0, 2 * np.pi))) * REACH * radius
        _line(canvas, [0.45 * out, out * rng.uniform(0.75, 0.98)], base, 11)
        _disc(canvas, out * 0.9, 4.5, tip)


_PAINTERS = dict(zip(LOOK_ALIKES, (_feather_star, _urchin, _anemone, _branching_coral), strict=True))
_PAINTERS |= {STARFISH: _starfish}
