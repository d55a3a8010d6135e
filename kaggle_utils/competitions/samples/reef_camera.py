"""The diver of the sample: a camera that swims over a flat reef, looking ahead and down.

A pinhole camera over the plane z = 0, lengths in texels of the reef's texture, angles in radians. A
point's image moves as it would in a film: slowly far off, quickly below the camera, sideways when the
diver looks about, and things above the plane move over things on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FOCAL = 0.72  # focal length as a share of the image's width: 70 degrees across
FORWARD = 7.0  # median texels a frame
SWEEP = (0.09, 0.16)  # the diver searches left and right: how far, radians,
SWEEP_FRAMES = (40, 64)  # and how long it takes there and back
LOOK_ABOUT = 0.004  # standard deviation of the heading's further change, radians a frame
SHAKE = 0.0022  # of pitch and roll, radians a frame: waves


@dataclass(frozen=True)
class Swim:
    """Where the camera is and looks at each of T frames.

    position: (T, 3) x, y, z in texels; heading, pitch (down), roll: (T,) radians
    width, height: of the image in pixels
    """

    position: np.ndarray
    heading: np.ndarray
    pitch: np.ndarray
    roll: np.ndarray
    width: int
    height: int

    def __len__(self) -> int:
        return len(self.heading)

    def matrix(self, t: int) -> np.ndarray:
        """(3, 4) projection of homogeneous world points to homogeneous pixels at frame t."""
        focal = FOCAL * self.width
        lens = np.array([[focal, 0, self.width / 2], [0, focal, self.height / 2], [0, 0, 1.0]])
        (sh, ch), (sp, cp) = _sin_cos(self.heading[t]), _sin_cos(self.pitch[t])
        axes = np.array([[ch, -sh, 0], [-sh * sp, -ch * sp, -cp], [sh * cp, ch * cp, -sp]])
        sr, cr = _sin_cos(self.roll[t])
        turn = lens @ np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]]) @ axes
        return np.column_stack([turn, -turn @ self.position[t]])

    def ground(self, t: int) -> np.ndarray:
        """(3, 3) homography from the reef's x, y in texels to pixels at frame t."""
        return self.matrix(t)[:, [0, 1, 3]]

    def ahead(self, t: int) -> np.ndarray:
        """(2,) the direction on the reef in which the camera looks at frame t, of length 1."""
        return np.array(_sin_cos(self.heading[t]))

    def project(self, t: int, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(N, 3) texels -> (N, 2) pixels and (N,) scale, pixels a texel; scale <= 0 is behind."""
        image = np.column_stack([points, np.ones(len(points))]) @ self.matrix(t).T
        depth = np.where(np.abs(image[:, 2:]) < 1e-6, 1e-6, image[:, 2:])
        return image[:, :2] / depth, FOCAL * self.width / depth[:, 0]


def _sin_cos(angle: float) -> tuple[float, float]:
    return float(np.sin(angle)), float(np.cos(angle))


def swim(rng: np.random.Generator, frames: int, high: float, width: int, height: int) -> Swim:
    """A diver's way over the reef: forward at changing speed, looking about, rocked by waves.

    high: of the camera above the reef, texels at 1280 pixels of width

    >>> len(swim(np.random.default_rng(0), 5, 480, 1280, 720))
    5
    """
    unit = width / 1280
    phase = rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(frames) / rng.uniform(*SWEEP_FRAMES)
    looking = rng.uniform(*SWEEP) * np.sin(phase) + np.cumsum(_wander(rng, frames, LOOK_ABOUT, 9))
    heading = rng.uniform(0, 2 * np.pi) + looking
    speed = unit * FORWARD * np.exp(_wander(rng, frames, 0.35, 7))
    step = np.stack([np.sin(heading), np.cos(heading)], 1) * speed[:, None]
    rise = unit * high * np.exp(np.cumsum(_wander(rng, frames, 0.004, 8)))
    start = rng.uniform(0, 4096 * unit, 2)
    position = np.column_stack([start + np.cumsum(step, 0), rise])
    pitch = np.deg2rad(rng.uniform(33, 40)) + np.cumsum(_wander(rng, frames, SHAKE, 5))
    roll = np.deg2rad(rng.uniform(-6, 6)) + np.cumsum(_wander(rng, frames, SHAKE, 5))
    return Swim(position, heading, np.clip(pitch, 0.5, 0.85), np.clip(roll, -0.2, 0.2), width, height)


def _wander(rng: np.random.Generator, frames: int, spread: float, memory: int) -> np.ndarray:
    """(frames,) smooth noise around 0 with a standard deviation of spread."""
    noise = rng.normal(0, 1, frames + 4 * memory)
    window = np.hanning(2 * memory + 1)
    smooth = np.convolve(noise, window / np.sqrt((window**2).sum()), mode="valid")
    return spread * smooth[:frames]
