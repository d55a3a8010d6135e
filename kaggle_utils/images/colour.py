"""Seeing through water: local contrast and a colour cast taken out.

Water swallows red first and scatters the rest into haze. The reef diaries tried CLAHE and colour
correction before training; here both are plain functions on one image, to look at side by side.
"""

from __future__ import annotations

import cv2
import numpy as np


def clahe(image: np.ndarray, clip: float = 2.0, tiles: int = 8) -> np.ndarray:
    """Contrast-limited adaptive histogram equalisation of lightness; colours keep their hue.

    image: (H, W, 3) uint8 RGB, returned alike; clip: the most a tile's histogram may be stretched;
    tiles: how many a side

    >>> haze = np.random.default_rng(0).integers(100, 120, (64, 64, 3), dtype=np.uint8)
    >>> bool(clahe(haze).std() > 1.5 * haze.std())
    True
    """
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(clip, (tiles, tiles)).apply(np.ascontiguousarray(lab[..., 0]))
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)


def grey_world(image: np.ndarray, most: float = 3.0) -> np.ndarray:
    """Channels scaled to one mean: the assumption that the world is grey on average.

    image: (H, W, 3) uint8 RGB, returned alike; most: no channel is scaled by more, so that the noise
    of a swallowed red does not become the picture

    >>> grey_world(np.full((2, 2, 3), (50, 100, 150), np.uint8))[0, 0]
    array([100, 100, 100], dtype=uint8)
    """
    mean = image.mean(axis=(0, 1))
    gain = np.minimum(mean.mean() / np.maximum(mean, 1e-6), most)
    return np.clip(np.rint(image * gain), 0, 255).astype(np.uint8)
