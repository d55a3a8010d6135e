"""How a frame of the sample is painted, from the back to the front, and where its truth comes from.

First the reef's texture in perspective, then creatures from far to near with their shadows, then
ripples of light and the water between (haze grows with distance and takes red first), last the lens
and the sensor: blur along the motion and noise. A starfish's box encloses those of its painted pixels
that nothing nearer covered.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from kaggle_utils.competitions.samples.reef_camera import Swim
from kaggle_utils.competitions.samples.reef_creatures import CANVAS, REACH, STARFISH, Sprite

RIPPLES = (-0.12, 0.5)  # light between the ripples and on their crests, on top of 1
FADE = (0.52, 0.66)  # pixels a texel: farther off a creature is one with the reef, nearer it stands out
SOLID = 90  # opacity of 255 from which a pixel counts as the creature's
# What an annotator would mark, and how well.
LEAST_SEEN = 0.35  # share of a starfish's pixels that nothing covers
LEAST_SIDE = 16  # pixels at 1280 of width
JITTER = 0.022  # standard deviation of each side of a box, as a share of its length

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Look:
    """A video's water and camera.

    water: RGB 0..1 of open water; clear: how far red, green and blue reach, in camera heights
    exposure: brightness; blur: pixels at 1280 of width; noise: grey levels of 255
    """

    water: tuple[float, float, float]
    clear: tuple[float, float, float]
    exposure: float
    blur: float
    noise: float


@dataclass(frozen=True)
class Ground:
    """The part of the reef that comes into view.

    fine: (H, W, 4) uint8 RGB and an unused byte (OpenCV warps four channels thrice as fast as three)
    coarse: the same at half size; origin: (2,) x and y of its first texel
    ripples: (R, R) float32 that tiles
    """

    fine: np.ndarray
    coarse: np.ndarray
    origin: np.ndarray
    ripples: np.ndarray


@dataclass(frozen=True)
class Prop:
    """A creature on the reef: place (x, y, z) and diameter in texels, turn in radians, tilt 0..1."""

    sprite: Sprite
    place: np.ndarray
    size: float
    turn: float
    tilt: float
    smaller: list[Sprite] = field(default_factory=list)  # the sprite at half its size, a quarter, ...

    def __post_init__(self) -> None:
        while len((last := [self.sprite, *self.smaller][-1]).shade) > 32:
            self.smaller.append(last.halved())

    def sized(self, zoom: float) -> Sprite:
        """The smallest version that is still at least zoom times the canvas."""
        return [self.sprite, *self.smaller][int(np.clip(np.log2(1 / zoom), 0, len(self.smaller)))]


def paint_ground(ground: Ground, way: Swim, t: int) -> np.ndarray:
    """(H, W, 3) uint8: the reef in perspective, fine below and coarse above the middle so that it never flickers."""
    middle, seam = int(0.36 * way.height), max(2, int(0.07 * way.height))
    below = _warped(ground.fine, 1, ground, way, t, middle, way.height)
    above = _warped(ground.coarse, 2, ground, way, t, 0, middle + seam)
    mix = np.linspace(0, 1, seam, dtype=np.float32)[:, None, None]
    image = np.concatenate([above, below[seam:]])
    image[middle : middle + seam] = above[middle:] * (1 - mix) + below[:seam] * mix
    return image


def _warped(texture: np.ndarray, factor: int, ground: Ground, way: Swim, t: int, top: int, bottom: int) -> np.ndarray:
    texels = np.array([[factor, 0, ground.origin[0]], [0, factor, ground.origin[1]], [0, 0, 1.0]])
    rows = np.array([[1, 0, 0], [0, 1, -top], [0, 0, 1.0]])
    matrix, size = rows @ way.ground(t) @ texels, (way.width, bottom - top)
    return cv2.cvtColor(cv2.warpPerspective(texture, matrix, size, flags=cv2.INTER_LINEAR), cv2.COLOR_RGBA2RGB)


def paint_props(image: np.ndarray, way: Swim, t: int, props: list[Prop]) -> tuple[np.ndarray, dict[int, int]]:
    """Paint creatures into image, from far to near.

    Returns (H, W) uint16, in each pixel the number of the starfish seen there (its row in props + 1) or
    0, and for each starfish in view how many pixels it would have if nothing covered it.
    """
    owner = np.zeros(image.shape[:2], np.uint16)
    whole: dict[int, int] = {}
    centres, scales = way.project(t, np.array([p.place for p in props]))
    for i in np.argsort(scales):
        reach = props[i].size * scales[i] / 2 * CANVAS / 2 / REACH
        far_out = (centres[i] + reach < 0).any() or (centres[i] - reach > [way.width, way.height]).any()
        if scales[i] > FADE[0] and not far_out:
            number = i + 1 if props[i].sprite.kind == STARFISH else 0
            area = _paste(image, owner, props[i], centres[i], scales[i], number)
            if number:
                whole[number] = area
    return owner, whole


def _paste(image: np.ndarray, owner: np.ndarray, prop: Prop, centre: np.ndarray, scale: float, number: int) -> int:
    """Paint one creature; returns how many pixels it has, those outside the image included."""
    zoom = prop.size * scale / 2 / REACH
    fade = np.float32(min((scale - FADE[0]) / (FADE[1] - FADE[0]), 1.0))
    reach = int(np.ceil(0.71 * CANVAS * zoom)) + 2
    corner = np.floor(centre).astype(int) - reach
    rgba, shade = _turned(prop, zoom, centre - corner, 2 * reach)
    whole = int((rgba[..., 3] > SOLID).sum())
    left, top = np.maximum(corner, 0)
    right, bottom = np.minimum(corner + 2 * reach, image.shape[1::-1])
    if right > left and bottom > top:
        cut = (slice(top - corner[1], bottom - corner[1]), slice(left - corner[0], right - corner[0]))
        under, over = image[top:bottom, left:right], rgba[cut] * fade
        through = (1 - over[..., 3:] / 255) * (1 - fade + fade * shade[cut][..., None] / np.float32(255))
        under[:] = under * through + over[..., :3]
        owner[top:bottom, left:right][over[..., 3] > SOLID] = number
    return whole


def _turned(prop: Prop, zoom: float, centre: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The sprite on a (side, side) patch, its middle at centre, zoom times the canvas, turned, then tilted."""
    sprite = prop.sized(zoom)
    zoom *= CANVAS / len(sprite.shade)
    cos, sin = np.cos(prop.turn) * zoom, np.sin(prop.turn) * zoom
    turn = np.array([[cos, -sin], [sin * prop.tilt, cos * prop.tilt]])
    matrix = np.column_stack([turn, centre - turn @ np.full(2, len(sprite.shade) / 2)])
    rgba = cv2.warpAffine(sprite.rgba, matrix, (side, side), flags=cv2.INTER_LINEAR)
    shade = cv2.warpAffine(sprite.shade, matrix, (side, side), flags=cv2.INTER_LINEAR, borderValue=255)
    return rgba, shade


def through_water(image: np.ndarray, ground: Ground, way: Swim, t: int, look: Look) -> np.ndarray:
    """(H, W, 3) uint8: ripples of light and the water between, computed for every fourth pixel."""
    points, distance = _seen_points(way, t)
    light = look.exposure * (1 + _ripple_light(ground.ripples, points * (1280 / way.width), t))
    pass_through = np.exp(-distance[..., None] / np.array(look.clear, np.float32))
    veil = 255 * np.array(look.water, np.float32) * (1 - pass_through)
    size = (way.width, way.height)
    lit = cv2.multiply(image, cv2.resize(light[..., None] * pass_through, size), dtype=cv2.CV_32F)
    return cv2.add(lit, cv2.resize(veil, size), dtype=cv2.CV_8U)


def _seen_points(way: Swim, t: int) -> tuple[np.ndarray, np.ndarray]:
    """(h, w, 2) float32 texels under every fourth pixel; (h, w) float32 length of water, in camera heights."""
    x, y = np.meshgrid(np.arange(2, way.width, 4), np.arange(2, way.height, 4))
    world = np.stack([x, y, np.ones_like(x)], -1).astype(np.float32) @ np.linalg.inv(way.ground(t)).T
    points = world[..., :2] / world[..., 2:]
    away = np.linalg.norm(points - way.position[t, :2], axis=-1) / way.position[t, 2]
    return points.astype(np.float32), np.hypot(1, away).astype(np.float32)


def _ripple_light(ripples: np.ndarray, points: np.ndarray, t: int) -> np.ndarray:
    """Two sheets of ripples that drift over one another; points in texels at 1280 of width."""
    side, drift = len(ripples), 5 * t
    x, y = np.moveaxis(points / 1.6, -1, 0)
    one = ripples[(y + drift).astype(int) % side, x.astype(int) % side]
    other = ripples[(1.3 * x - drift).astype(int) % side, (1.3 * y).astype(int) % side]
    return RIPPLES[0] + (RIPPLES[1] - RIPPLES[0]) * np.maximum(one, other)


def through_lens(image: np.ndarray, way: Swim, t: int, look: Look, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) uint8: blur, more along the motion, then grain that is alike in the three colours."""
    image = cv2.filter2D(image, -1, _blur_kernel(way, t, look.blur * way.width / 1280))
    grain = np.round(rng.normal(0, look.noise, 1 << 17)).astype(np.int16)
    starts = rng.integers(0, grain.size - way.width, way.height)
    rows = np.lib.stride_tricks.sliding_window_view(grain, way.width)[starts]
    return cv2.add(image, cv2.merge([rows] * 3), dtype=cv2.CV_8U)


def _blur_kernel(way: Swim, t: int, sigma: float) -> np.ndarray:
    """(5, 5) float32, sum 1: a round blot, drawn out by a tenth of the way that things ahead move."""
    before, after = max(t - 1, 0), min(t + 1, len(way) - 1)
    target = np.array([[*(way.position[t, :2] + 0.9 * way.position[t, 2] * way.ahead(t)), 0.0]])
    move = (way.project(after, target)[0] - way.project(before, target)[0])[0] / max(after - before, 1)
    length = np.hypot(*move)
    cos, sin = move / max(length, 1e-6)
    x, y = np.meshgrid(np.arange(-2, 3), np.arange(-2, 3))
    along = sigma**2 + (0.1 * length) ** 2 / 12
    kernel = np.exp(-0.5 * ((x * cos + y * sin) ** 2 / along + (y * cos - x * sin) ** 2 / sigma**2))
    return (kernel / kernel.sum()).astype(np.float32)


def true_boxes(owner: np.ndarray, whole: dict[int, int], rng: np.random.Generator) -> list[Box]:
    """x, y, width, height in pixels of each starfish that an annotator would mark; left and top are cut at 0.

    owner, whole: what :func:`paint_props` returned
    """
    boxes = []
    for number in sorted(whole):
        jitter = rng.normal(0, JITTER, 4)
        rows, columns = np.nonzero(owner == number)
        if len(rows) >= LEAST_SEEN * whole[number]:
            tight = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
            sides = np.tile(tight[2:] - tight[:2], 2)
            if sides.min() >= LEAST_SIDE * owner.shape[1] / 1280:
                left, top, right, bottom = (int(v) for v in np.round(tight + jitter * sides))
                boxes.append((max(left, 0), max(top, 0), right - max(left, 0), bottom - max(top, 0)))
    return boxes
