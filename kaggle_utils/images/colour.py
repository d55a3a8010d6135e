"""Seeing through water and haze: local contrast, a colour cast and scattered light taken out.

Water swallows red first and scatters the rest into haze. The reef diaries tried CLAHE and colour
correction before training, amazon's first place took the haze out of its chips; here all are plain functions
on one image, to look at side by side.
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


def without_haze(image: np.ndarray, strength: float = 0.95, patch: int = 15, least: float = 0.1) -> np.ndarray:
    """Haze removed by the dark channel: where even the darkest colour nearby is bright, the light is scattered.

    Source: He, Sun, Tang, "Single image haze removal using dark channel prior" (2009), the transmission smoothed along
    the picture's edges by a guided filter (the same, 2010).
    image: (H, W, 3) uint8 RGB, returned alike; strength: share of the haze that is taken
    patch: side of the neighbourhood in pixels; least: of the light that is taken to come through

    >>> scene = np.random.default_rng(0).integers(0, 200, (64, 64, 3)).astype(np.uint8)
    >>> hazy = (0.4 * scene + 0.6 * 220).astype(np.uint8)
    >>> bool(np.abs(without_haze(hazy) - 1.0 * scene).mean() < 0.6 * np.abs(hazy - 1.0 * scene).mean())
    True
    """
    light = np.maximum(_airlight(image, patch), 1)
    shares = image / light
    through = _guided(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) / 255, 1 - strength * _dark(shares, patch), 2 * patch)
    clear = (image - light) / np.clip(through, least, 1)[..., None] + light
    return np.clip(np.rint(clear), 0, 255).astype(np.uint8)


def _dark(image: np.ndarray, patch: int) -> np.ndarray:
    """(H, W): the least of all channels in each neighbourhood."""
    return cv2.erode(image.min(2), np.ones((patch, patch), np.uint8))


def _airlight(image: np.ndarray, patch: int) -> np.ndarray:
    """(3,): the colour of the haze: of the thousandth of the pixels whose neighbourhood is least dark the brightest."""
    dark = _dark(image, patch).ravel()
    hazy = image.reshape(-1, 3)[np.argsort(-dark.astype(int), kind="stable")[: max(1, len(dark) // 1000)]]
    return hazy[hazy.sum(1, dtype=int).argmax()].astype(np.float64)


def _guided(guide: np.ndarray, values: np.ndarray, radius: int, smooth: float = 1e-3) -> np.ndarray:
    """values, (H, W), as linear functions of guide in each window: edges of both are in the same place."""

    def mean(of: np.ndarray) -> np.ndarray:
        return cv2.blur(of, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT)

    slope = (mean(guide * values) - mean(guide) * mean(values)) / (mean(guide**2) - mean(guide) ** 2 + smooth)
    return mean(slope) * guide + mean(mean(values) - slope * mean(guide))
