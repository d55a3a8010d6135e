"""One sequence of the sample: a reef, a diver's way over it, creatures on it, and the frames seen.

A frame is painted from the back to the front: the reef's texture in perspective, creatures and
overhanging plates from far to near, ripples of light, haze that grows with distance and takes red
first, open water beyond the reef's edge, blur from motion, the sensor's noise. The truth is read off
the same painting: a starfish's box encloses those of its pixels that nothing later covered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kaggle_utils.competitions.samples.reef_bottom import fractal_noise
from kaggle_utils.competitions.samples.reef_camera import HEIGHT, Swim, swim
from kaggle_utils.competitions.samples.reef_creatures import CANVAS, LOOK_ALIKES, PLATE, STARFISH, Sprite, draw

__all__ = ["Look", "Scene", "make_scene"]

# What makes finding starfish hard. F2 of a small detector falls as each of the first four rises.
CAMOUFLAGE = (0.05, 0.45)  # share of the reef's colour in a creature's own, drawn evenly
LOOK_ALIKES_PER_SCENE = 40  # creatures that are no starfish, over the whole way
COVERED = 0.45  # share of starfish with a plate beside or above them
PLATES_PER_SCENE = 24  # overhanging table corals elsewhere
STARFISH_TEXELS = (42.0, 0.30)  # median diameter and spread of its logarithm: boxes near 45x40 px
STARFISH_IN_CLUSTER = (2, 6)  # starfish come in groups: 2.4 boxes in a frame that has any
# What an annotator would mark.
LEAST_SEEN = 0.35  # share of a starfish's pixels that nothing covers
LEAST_SIDE = 15  # pixels at 1280 of width
JITTER = 0.022  # standard deviation of each side of a box, as a share of its length


@dataclass(frozen=True)
class Look:
    """A video's water and camera: water is RGB 0..1 of open water, clear is RGB sight in camera heights."""

    water: tuple[float, float, float]
    clear: tuple[float, float, float]
    exposure: float
    blur: float
    noise: float


@dataclass(frozen=True)
class Prop:
    """A creature on the reef: place (x, y, z) and diameter in texels, turn in radians, tilt 0..1."""

    sprite: Sprite
    place: np.ndarray
    size: float
    turn: float
    tilt: float


@dataclass
class Scene:
    """A sequence ready to be filmed; frames are painted one by one and in any order."""

    way: Swim
    look: Look
    texture: np.ndarray  # (H, W, 3) uint8, the part of the reef that comes into view
    origin: np.ndarray  # (2,) texels, x and y of the texture's first texel
    props: list[Prop]
    ripples: np.ndarray  # (R, R) float32 that tiles, brightness of the light's ripples, mean 0
    seed: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.way)

    def frame(self, t: int, *, starfish_only: bool = False) -> tuple[np.ndarray, list[tuple[int, int, int, int]]]:
        """(H, W, 3) uint8 RGB of frame t, and the true boxes x, y, width, height in pixels.

        starfish_only: paint each starfish's visible pixels white on black instead (for checks).
        """
        rng = np.random.default_rng([*self.seed, t])
        image, owner = self._ground(t), np.zeros((self.way.height, self.way.width), np.uint8)
        seen = _paint_props(image, owner, self.way, t, self.props)
        boxes = _boxes(owner, seen, rng, self.way.width / 1280)
        if starfish_only:
            return np.repeat((owner > 0)[..., None] * np.uint8(255), 3, axis=2), boxes
        return self._camera(self._water(image, t), t, rng), boxes

    def _ground(self, t: int) -> np.ndarray:
        import cv2

        shift = np.array([[1, 0, self.origin[0]], [0, 1, self.origin[1]], [0, 0, 1.0]])
        size = (self.way.width, self.way.height)
        return cv2.warpPerspective(self.texture, self.way.ground(t) @ shift, size, flags=cv2.INTER_LINEAR)

    def _water(self, image: np.ndarray, t: int) -> np.ndarray:
        """Ripples of light and the water between, computed on a grid of every fourth pixel."""
        import cv2

        size = (self.way.width, self.way.height)
        points, distance = _ground_grid(self.way, t)
        light = 1 + _ripple_light(self.ripples, points, t, self.way.width / 1280)
        pass_through = np.exp(-distance[..., None] / np.array(self.look.clear, np.float32))
        gain = (self.look.exposure * light[..., None] * pass_through).astype(np.float32)
        veil = (255 * np.array(self.look.water, np.float32) * (1 - pass_through)).astype(np.float32)
        lit = cv2.multiply(image, cv2.resize(gain, size), dtype=cv2.CV_32F)
        return cv2.add(lit, cv2.resize(veil, size))

    def _camera(self, image: np.ndarray, t: int, rng: np.random.Generator) -> np.ndarray:
        import cv2

        image = cv2.filter2D(image, -1, _blur_kernel(self.way, t, self.look.blur))
        grain = rng.normal(0, self.look.noise, (64, 4096)).astype(np.float32).ravel()
        rows = rng.integers(0, grain.size - self.way.width, self.way.height)
        image += grain[rows[:, None] + np.arange(self.way.width)][..., None]
        return cv2.convertScaleAbs(np.clip(image, 0, 255, out=image))


def _ground_grid(way: Swim, t: int) -> tuple[np.ndarray, np.ndarray]:
    """(h, w, 2) texels under every fourth pixel and (h, w) distance in camera heights."""
    x, y = np.meshgrid(np.arange(2, way.width, 4), np.arange(2, way.height, 4))
    pixels = np.stack([x, y, np.ones_like(x)], -1).astype(np.float64)
    world = pixels @ np.linalg.inv(way.ground(t)).T
    points = world[..., :2] / world[..., 2:]
    away = np.hypot(*np.moveaxis(points - way.position[t, :2], -1, 0)) / way.position[t, 2]
    return points.astype(np.float32), np.sqrt(1 + away**2).astype(np.float32)


def _ripple_light(ripples: np.ndarray, points: np.ndarray, t: int, unit: float) -> np.ndarray:
    side = len(ripples)
    scaled = points / (1.6 * unit)
    drift = 5 * t
    first = ripples[(scaled[..., 1] + drift).astype(int) % side, scaled[..., 0].astype(int) % side]
    second = ripples[(scaled[..., 0] * 1.3 - drift).astype(int) % side, (scaled[..., 1] * 1.3).astype(int) % side]
    return np.maximum(first, second)


def _blur_kernel(way: Swim, t: int, sigma: float) -> np.ndarray:
    """A 7x7 kernel: defocus, drawn out along the motion of what lies ahead."""
    a, b = max(t - 1, 0), min(t + 1, len(way) - 1)
    ahead = np.array([*(way.position[t, :2] + 0.9 * way.position[t, 2] * _heading(way, t)), 0.0])[None]
    move = (way.project(b, ahead)[0] - way.project(a, ahead)[0])[0] / max(b - a, 1)
    length = min(0.10 * np.hypot(*move), 5.0)
    along = move / max(np.hypot(*move), 1e-6)
    axis = np.arange(-3, 4)
    forward, across = axis[None] * along[0] + axis[:, None] * along[1], axis[None] * along[1] - axis[:, None] * along[0]
    kernel = np.exp(-0.5 * (forward**2 / (sigma**2 + length**2 / 12) + across**2 / sigma**2))
    return (kernel / kernel.sum()).astype(np.float32)


def _heading(way: Swim, t: int) -> np.ndarray:
    return np.array([np.sin(way.heading[t]), np.cos(way.heading[t])])


def _paint_props(image: np.ndarray, owner: np.ndarray, way: Swim, t: int, props: list[Prop]) -> dict[int, int]:
    """Paint from far to near; owner gets the number of the starfish in each pixel. Returns whole areas."""
    centres, scales = way.project(t, np.array([p.place for p in props]))
    height, width = owner.shape
    whole: dict[int, int] = {}
    for i in np.argsort(scales):
        reach = 0.5 * props[i].size * scales[i] * CANVAS / 200
        x, y = centres[i]
        if scales[i] <= 0 or x + reach < 0 or y + reach < 0 or x - reach >= width or y - reach >= height or reach < 3:
            continue
        number = i + 1 if props[i].sprite.kind == STARFISH else 0
        area = _paste(image, owner, props[i], centres[i], scales[i], number)
        if number:
            whole[number] = area
    return whole


def _paste(image: np.ndarray, owner: np.ndarray, prop: Prop, centre: np.ndarray, scale: float, number: int) -> int:
    import cv2

    zoom = prop.size * scale / 200  # canvas pixels to image pixels
    reach = int(np.ceil(0.75 * CANVAS * zoom)) + 2
    left, top = (np.floor(centre).astype(int) - reach).tolist()
    cos, sin = np.cos(prop.turn) * zoom, np.sin(prop.turn) * zoom
    turn = np.array([[cos, -sin], [sin * prop.tilt, cos * prop.tilt]])
    middle = centre - [left, top] - turn @ [CANVAS / 2, CANVAS / 2]
    matrix, size = np.column_stack([turn, middle]), (2 * reach, 2 * reach)
    rgb, alpha = (cv2.warpAffine(a, matrix, size, flags=cv2.INTER_LINEAR) for a in (prop.sprite.rgb, prop.sprite.alpha))
    solid = alpha > 96
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + 2 * reach, len(owner)), min(left + 2 * reach, owner.shape[1])
    if y1 <= y0 or x1 <= x0:
        return int(solid.sum())
    cut = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    under = image[y0:y1, x0:x1]
    shadow = cv2.GaussianBlur(alpha, (0, 0), max(0.05 * reach, 0.8))[cut][..., None] * np.float32(0.55 / 255)
    opacity = alpha[cut][..., None] * np.float32(1 / 255)
    under[:] = under * (1 - shadow) * (1 - opacity) + rgb[cut] * opacity
    owner[y0:y1, x0:x1][solid[cut]] = number
    return int(solid.sum())


def _boxes(owner: np.ndarray, whole: dict[int, int], rng: np.random.Generator, unit: float) -> list[tuple]:
    boxes = []
    for number in sorted(whole):
        noise = rng.normal(0, JITTER, 4)
        ys, xs = np.nonzero(owner == number)
        if len(xs) < LEAST_SEEN * whole[number]:
            continue
        left, top, right, bottom = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
        if min(right - left, bottom - top) < LEAST_SIDE * unit:
            continue
        sides = np.array([left, top, right, bottom]) + noise * np.array([right - left, bottom - top] * 2)
        x0, y0, x1, y1 = (int(v) for v in np.round(sides))
        boxes.append((max(x0, 0), max(y0, 0), x1 - max(x0, 0), y1 - max(y0, 0)))
    return boxes


def make_scene(
    texture: np.ndarray,
    look: Look,
    seed: tuple[int, ...],
    frames: int,
    window: tuple[float, float] | None,
    size: tuple[int, int],
) -> Scene:
    """A sequence over a reef.

    texture: (S, S, 3) uint8 that tiles; window: first and last moment of the starfish's visit as shares
    of the sequence, None for a sequence without any; size: (width, height) of the frames in pixels.
    """
    rng = np.random.default_rng(seed)
    way = swim(rng, frames, *size)
    part, origin = _in_view(texture, way)
    unit = size[0] / 1280
    props = _population(rng, way, window, unit)
    coloured = [_camouflaged(rng, p, part, origin) for p in props]
    cells = fractal_noise(rng, 256, 1.5)
    ripples = 0.55 * np.exp(-np.abs(cells) / 0.12) - 0.12
    return Scene(way, look, part, origin, coloured, ripples.astype(np.float32), seed)


def _in_view(texture: np.ndarray, way: Swim) -> tuple[np.ndarray, np.ndarray]:
    corners = np.array([[x, y, 1] for x in (0, way.width) for y in (0, way.height)], np.float64)
    seen = np.concatenate([corners @ np.linalg.inv(way.ground(t)).T for t in range(len(way))])
    points = seen[:, :2] / seen[:, 2:]
    low, high = np.floor(points.min(0)).astype(int) - 2, np.ceil(points.max(0)).astype(int) + 2
    rows, cols = np.arange(low[1], high[1]) % len(texture), np.arange(low[0], high[0]) % len(texture)
    return texture[rows][:, cols], low.astype(np.float64)


def _population(rng: np.random.Generator, way: Swim, window: tuple | None, unit: float) -> list[Prop]:
    props = [_prop(rng, str(rng.choice(LOOK_ALIKES)), p, unit) for p in _anywhere(rng, way, LOOK_ALIKES_PER_SCENE)]
    props += [_prop(rng, PLATE, p, unit) for p in _anywhere(rng, way, PLATES_PER_SCENE)]
    if window is None:
        return props
    centre = _meeting_place(rng, way, window)
    for _ in range(rng.integers(*STARFISH_IN_CLUSTER)):
        place = centre + rng.normal(0, 0.16 * HEIGHT * unit, 2)
        star = _prop(rng, STARFISH, place, unit)
        props.append(star)
        if rng.random() < COVERED:
            aside = rng.uniform(0, 2 * np.pi)
            offset = star.size * rng.uniform(0.45, 0.9) * np.array([np.cos(aside), np.sin(aside)])
            props.append(_prop(rng, PLATE, place + offset, unit))
    return props


def _anywhere(rng: np.random.Generator, way: Swim, count: int) -> np.ndarray:
    """(count, 2) places in front of the camera at some frame, nearer ones as likely as farther ones."""
    t = rng.integers(0, len(way), count)
    ahead, aside = rng.uniform(0.6, 3.6, count), rng.uniform(-1.0, 1.0, count)
    forward = np.stack([np.sin(way.heading[t]), np.cos(way.heading[t])], 1)
    right = np.stack([forward[:, 1], -forward[:, 0]], 1)
    height = way.position[t, 2:]
    return way.position[t, :2] + height * ahead[:, None] * (forward + aside[:, None] * right)


def _meeting_place(rng: np.random.Generator, way: Swim, window: tuple[float, float]) -> np.ndarray:
    """(2,) a place in view just during the window: the best of many random ones."""
    places = _anywhere(rng, way, 4000)
    wanted = (np.arange(len(way)) >= window[0] * len(way)) & (np.arange(len(way)) < window[1] * len(way))
    wrong = np.zeros(len(places))
    for t in range(len(way)):
        (x, y), scale = _project_flat(way, t, places)
        inside = (x > 0) & (x < way.width) & (y > 0) & (y < way.height) & (scale > 0.5)
        wrong += inside != wanted[t]
    return places[np.argmin(wrong)]


def _project_flat(way: Swim, t: int, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pixels, scale = way.project(t, np.column_stack([places, np.zeros(len(places))]))
    return pixels.T, scale


def _prop(rng: np.random.Generator, kind: str, place: np.ndarray, unit: float) -> Prop:
    median, spread = STARFISH_TEXELS
    size = unit * median * np.exp(rng.normal(0, spread)) * (1.9 if kind == PLATE else 1.0)
    above = unit * (rng.uniform(30, 60) if kind == PLATE else 8)
    tilt = rng.uniform(0.55, 0.75) if kind == PLATE else rng.uniform(0.7, 1.0)
    turn = rng.normal(0, 0.3) if kind == PLATE else rng.uniform(0, 2 * np.pi)
    return Prop(draw(kind, rng), np.array([*place, above]), size, turn, tilt)


def _camouflaged(rng: np.random.Generator, prop: Prop, texture: np.ndarray, origin: np.ndarray) -> Prop:
    x, y = np.clip((prop.place[:2] - origin).astype(int), 20, np.array(texture.shape[1::-1]) - 20)
    around = texture[y - 20 : y + 20, x - 20 : x + 20].reshape(-1, 3).mean(0)
    share = rng.uniform(*CAMOUFLAGE)
    rgb = (prop.sprite.rgb * (1 - share) + around * share).astype(np.uint8)
    return Prop(Sprite(prop.sprite.kind, rgb, prop.sprite.alpha), prop.place, prop.size, prop.turn, prop.tilt)
