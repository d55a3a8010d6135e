"""One sequence of the sample: a reef, a diver's way over it, and who lives where along it.

The constants are the sample's difficulty, set on its training videos: a small detector that is trained from
scratch for a minute finds most starfish, and has room above it. So they are larger than the real ones, and
more frames have some; what else there is leans on the competition's table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from kaggle_utils.competitions.samples.reef_bottom import fractal_noise
from kaggle_utils.competitions.samples.reef_camera import Swim, swim
from kaggle_utils.competitions.samples.reef_creatures import LOOK_ALIKES, STARFISH, Sprite, draw
from kaggle_utils.competitions.samples.reef_film import (
    Box,
    Ground,
    Look,
    Prop,
    paint_ground,
    paint_props,
    through_lens,
    through_water,
    true_boxes,
)

CAMOUFLAGE = (0.1, 0.5)  # share of the reef's colour in a creature's own: more is harder to see
LOOK_ALIKES_PER_SCENE = 30  # creatures that are no starfish: more are more false alarms
KINDS_DRAWN = 14  # different look-alikes that a scene repeats
DIAMETER = (64.0, 0.3)  # texels: median, and spread of its logarithm
NEAR, FAR = (0.75, 1.9), (0.6, 3.2)  # from the camera to starfish, and to look-alikes, in camera heights
TRIES = 20  # to find a place that is clear of the starfish
SILT_EVERY = 5  # frames, one of them in a cloud of silt, where a starfish that is there is not seen: as many in all videos
SILT, SIGHT = (0.36, 0.52, 0.56), 0.13  # its colour, and how far one sees in it, as a share


@dataclass(frozen=True)
class Scene:
    """A sequence ready to be filmed; its frames are painted one by one, in any order."""

    way: Swim
    look: Look
    ground: Ground
    props: list[Prop]
    seed: tuple[int, ...]  # its last number says which frames are silted

    def __len__(self) -> int:
        return len(self.way)

    def frame(self, t: int) -> tuple[np.ndarray, list[Box]]:
        """(H, W, 3) uint8 RGB of frame t, and its true boxes: x, y, width, height in pixels."""
        rng = np.random.default_rng([*self.seed, t])
        image = paint_ground(self.ground, self.way, t)
        owner, whole = paint_props(image, self.way, t, self.props)
        boxes = true_boxes(owner, whole, rng)
        silted = replace(self.look, water=SILT, clear=tuple(SIGHT * far for far in self.look.clear))
        look = silted if (self.seed[-1] + t) % SILT_EVERY == 0 else self.look
        image = through_water(image, self.ground, self.way, t, look)
        return through_lens(image, self.way, t, look, rng), boxes


def make_scene(
    texture: np.ndarray, look: Look, high: float, seed: tuple[int, ...], frames: int, starfish: int, size: tuple[int, int]
) -> Scene:
    """A sequence over a reef; the same arguments make the same sequence.

    texture: (S, S, 3) uint8 that tiles; high: of the camera above the reef, texels at 1280 pixels of width
    starfish: how many lie along the way; size: (width, height) of the frames in pixels
    """
    rng = np.random.default_rng(seed)
    way = swim(rng, frames, high, *size)
    ground = _ground_in_view(rng, texture, way)
    stars = _strewn(rng, way, [draw(STARFISH, rng) for _ in range(starfish)], NEAR, [])
    alike = [draw(str(rng.choice(LOOK_ALIKES)), rng) for _ in range(KINDS_DRAWN)]
    others = _strewn(rng, way, [alike[i] for i in rng.integers(len(alike), size=LOOK_ALIKES_PER_SCENE)], FAR, stars)
    return Scene(way, look, ground, [_camouflaged(rng, prop, ground) for prop in stars + others], seed)


def _strewn(
    rng: np.random.Generator, way: Swim, sprites: list[Sprite], reach: tuple[float, float], stars: list[Prop]
) -> list[Prop]:
    """The creatures in view at one moment or another, clear of the starfish and of one another as far as there is room."""
    props: list[Prop] = []
    for sprite in sprites:
        size = way.width / 1280 * DIAMETER[0] * np.exp(DIAMETER[1] * np.clip(rng.normal(), -2, 2))
        places = _along(rng, way, rng.integers(0, len(way), TRIES), *reach)
        taken = [np.linalg.norm(places - other.place[:2], axis=1) / (size + other.size) for other in stars + props]
        best = places[np.argmax(np.min([np.full(TRIES, 0.5), *taken], axis=0))]
        place = np.array([*best, way.width / 1280 * 8])
        props.append(Prop(sprite, place, size, rng.uniform(0, 2 * np.pi), rng.uniform(0.72, 1.0)))
    return props


def _along(rng: np.random.Generator, way: Swim, t: np.ndarray, nearest: float, farthest: float) -> np.ndarray:
    """(N, 2) random places ahead of the camera at frames t (N,); nearest, farthest in camera heights."""
    far, aside = rng.uniform(nearest, farthest, len(t)), rng.uniform(-1, 1, len(t))
    ahead = np.array([way.ahead(i) for i in t])
    right = np.stack([ahead[:, 1], -ahead[:, 0]], 1)
    return way.position[t, :2] + way.position[t, 2:] * far[:, None] * (ahead + 0.6 * aside[:, None] * right)


def _ground_in_view(rng: np.random.Generator, texture: np.ndarray, way: Swim) -> Ground:
    corners = np.array([[x, y, 1] for x in (0, way.width) for y in (0, way.height)], np.float64)
    seen = np.concatenate([corners @ np.linalg.inv(way.ground(t)).T for t in range(len(way))])
    points = seen[:, :2] / seen[:, 2:]
    low, high = np.floor(points.min(0)).astype(int) - 2, np.ceil(points.max(0)).astype(int) + 2
    rows, columns = np.arange(low[1], high[1]) % len(texture), np.arange(low[0], high[0]) % len(texture)
    fine = cv2.cvtColor(texture[rows][:, columns], cv2.COLOR_RGB2RGBA)
    coarse = cv2.resize(fine, (fine.shape[1] // 2, fine.shape[0] // 2), interpolation=cv2.INTER_AREA)
    ripples = np.exp(-np.abs(fractal_noise(rng, 256, 1.5)) / 0.12).astype(np.float32)
    return Ground(fine, coarse, low.astype(np.float64), ripples)


def _camouflaged(rng: np.random.Generator, prop: Prop, ground: Ground) -> Prop:
    """The same creature with a share of the reef's mean colour around it."""
    x, y = np.clip((prop.place[:2] - ground.origin).astype(int), 0, np.array(ground.fine.shape[1::-1]) - 1)
    around = ground.fine[max(y - 20, 0) : y + 20, max(x - 20, 0) : x + 20, :3].reshape(-1, 3).mean(0)
    share = rng.uniform(*CAMOUFLAGE)
    rgba = prop.sprite.rgba.astype(np.float32)
    rgba[..., :3] += share * (rgba[..., 3:] / 255 * around - rgba[..., :3])
    sprite = Sprite(prop.sprite.kind, rgba.astype(np.uint8), prop.sprite.shade)
    return Prop(sprite, prop.place, prop.size, prop.turn, prop.tilt)
