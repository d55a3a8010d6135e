"""Synthetic infrared skies: warm ground, water clouds, cirrus, and contrails that are born, drift and spread.

A cloud is optical depth on top of what is seen through it. Thin ice lets more of band 11 (8.4 micrometres) through than of 14
(11.2), and less of 15 (12.3), which is why it is dark blue in the ash scheme; water clouds and thick ice are nearly alike in
all three. Lengths are in pixels, times in frames, and frame 0 is the first that is stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from kaggle_utils.competitions.samples.clouds_sky import noise, smooth_step

ICE = {11: 0.7, 14: 1.0, 15: 1.3}  # optical depth in each band, of one in band 14
MOIST = {11: 3.2, 14: 0.0, 15: 3.4}  # kelvin that clear air takes away
COLD, ROOM = 218.0, 48  # kelvin of high clouds; pixels of sky around the picture, from where clouds come in
YOUNG = 1.0  # pixels: deviation of a line across, when it is young


@dataclass(frozen=True)
class Contrail:
    """A line behind an aircraft.

    x, y: its middle at frame 4; turn: radians; length; bend: of its arc; born: frame; depth: optical, when it is young
    """

    x: float
    y: float
    turn: float
    length: float
    bend: float
    born: float
    depth: float

    def density(self, shape: tuple[int, int], frame: float, wind: np.ndarray, offset: float = 0.0) -> np.ndarray:
        """(H, W) optical depth; offset: by how many pixels it is seen farther down and right."""
        age = frame - self.born
        if age <= 0:
            return np.zeros(shape)
        y, x = np.mgrid[: shape[0], : shape[1]] - offset
        dx, dy = x - self.x - (frame - 4) * wind[0], y - self.y - (frame - 4) * wind[1]
        along, across = dx * np.cos(self.turn) + dy * np.sin(self.turn), dy * np.cos(self.turn) - dx * np.sin(self.turn)
        along, half = along / self.length, min(1.0, age / 2) / 2  # the aircraft takes two frames to pass
        width = YOUNG + 0.1 * age
        profile = np.exp(-(((across - self.bend * along**2) / width) ** 2) / 2)
        return self.depth * (YOUNG / width) ** 0.7 * profile * smooth_step(half - np.abs(along), 0.0, 0.08)


def draw_contrails(rng: np.random.Generator, side: int) -> list[Contrail]:
    """None in half of the skies, else some in two directions; a few of them faint, or not yet born at frame 4."""
    if rng.random() < 0.5:
        return []
    turns, found = rng.uniform(0, np.pi, 2), []
    for _ in range(rng.integers(2, 7)):
        x, y = rng.uniform(0.1 * side, 0.9 * side, 2)
        turn, length = rng.choice(turns) + rng.normal(0, 0.08), rng.uniform(0.25, 0.8) * side
        found.append(Contrail(x, y, turn, length, length * rng.normal(0, 0.08), rng.uniform(-14, 5), rng.uniform(0.08, 0.5)))
    return found


def paint_bands(
    rng: np.random.Generator, side: int, contrails: list[Contrail], wind: np.ndarray, frames: np.ndarray
) -> dict[int, np.ndarray]:
    """band -> (side, side, T) float32 kelvin. wind: (2,) pixels a frame of high clouds, x and y; frames: (T,) numbers."""
    wide = (side + 2 * ROOM,) * 2
    ground = rng.uniform(284, 297) + 1.5 * noise(rng, wide, 40) + 0.5 * noise(rng, wide, 5) + 0.15 * noise(rng, wide, 2)
    dry = 0.6 * noise(rng, wide, 60)
    low = 6 * smooth_step(noise(rng, wide, 14) + 0.6 * noise(rng, wide, 5), *rng.uniform([0.8, 2.0], [2.0, 3.5]))
    turn, thin = rng.uniform(0, np.pi), rng.uniform(0.05, 0.5)
    streaks = thin * smooth_step(noise(rng, wide, 5, 7, turn) + 0.8 * noise(rng, wide, 30), 0.7, 3)  # look-alikes
    streaks *= np.clip(1 + 0.5 * noise(rng, wide, 2.5, 3, turn), 0, None)
    anvils = 8 * smooth_step(noise(rng, wide, 35) + 0.3 * noise(rng, wide, 6), *rng.uniform([1.6, 2.6], [2.6, 3.6]))
    lower, top, seen = wind * rng.uniform(0.2, 0.6), rng.uniform(268, 282), {band: [] for band in ICE}
    ground, dry = (field[ROOM : ROOM + side, ROOM : ROOM + side] for field in (ground, dry))
    for frame in frames:
        ice = _drifted(streaks + anvils, wind, frame, side)
        ice = ice + sum(one.density((side, side), frame, wind) for one in contrails)
        water = np.exp(-_drifted(low, lower, frame, side))
        for band, thick in ICE.items():
            clear = ground - MOIST[band] + dry * (band != 14)
            below = water * clear + (1 - water) * (top - 0.4 * MOIST[band])
            through = np.exp(-thick * ice)
            seen[band].append(through * below + (1 - through) * COLD + rng.normal(0, 0.06, (side, side)))
    return {band: np.stack(pictures, axis=2).astype(np.float32) for band, pictures in seen.items()}


def _drifted(wide: np.ndarray, wind: np.ndarray, frame: float, side: int) -> np.ndarray:
    """The middle of a field that has moved with the wind since frame 4."""
    moved = np.column_stack([np.eye(2), ROOM - (frame - 4) * wind])
    return cv2.warpAffine(wide, moved, (side, side), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def annotated(
    rng: np.random.Generator, side: int, contrails: list[Contrail], wind: np.ndarray, frame: float, annotators: int = 4
) -> np.ndarray:
    """(side, side, 1, annotators) int32: faint lines are often missed, ends and widths differ, half a pixel off all of them."""
    masks = np.zeros((side, side, 1, annotators), np.int32)
    for one in contrails:
        depth = one.density((side, side), frame, wind).max()
        for number in range(annotators):
            if rng.random() < smooth_step(depth, 0.0, 0.25):
                offset, share = 0.5 + rng.normal(0, 0.4), rng.uniform(0.2, 0.7)
                masks[..., 0, number] |= one.density((side, side), frame, wind, offset) > share * depth
    return masks
