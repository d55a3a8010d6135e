"""Pictures of more than three bands, 16 bits each, as satellites deliver them: named, and scaled to 8 bits.

A GeoTIFF of four bands, blue, green, red and near infrared in the file's order (Planet: Understanding the Amazon from
Space), opens in many readers without a word as something else: as 8-bit red, green, blue with a mask, or with its first
and third band exchanged. Here bands have names. They become 8 bits between two percentiles of the training set's
pixels, the same for every picture, so that a hazy one stays hazier than a clear one; how bright the brightest may be
is a matter of a few clouds.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from kaggle_utils.images.decode import resized, threaded

FILE_BANDS = ("blue", "green", "red", "nir")  # in the order in which they lie in the file
INDICES = {"ndvi": ("nir", "red")}  # (one - other) / (one + other), of plants near 1, of water below 0
PERCENTILES = (1.0, 99.0)
Limits = Mapping[str, Sequence[float]]  # band -> (the value that becomes 0, the value that becomes 255)


def read_bands(path: str | os.PathLike) -> np.ndarray:
    """(H, W, 4) uint16, blue, green, red and near infrared.

    Raises FileNotFoundError, and ValueError naming a file that is not of four bands of 16 bits.
    """
    data = np.fromfile(path, dtype=np.uint8)
    raw = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if len(data) else None
    if raw is None or raw.dtype != np.uint16 or raw.shape[2:] != (4,):
        what = "cannot be read" if raw is None else f"has shape {raw.shape} and dtype {raw.dtype}"
        raise ValueError(f"{path} ({len(data)} bytes) {what}, expected {', '.join(FILE_BANDS)} of 16 bits each")
    return cv2.cvtColor(raw, cv2.COLOR_BGRA2RGBA)  # OpenCV hands out a file's first and third channel exchanged


def fit_limits(paths: Sequence[str | os.PathLike], most: int = 200, progress: str | None = None) -> dict[str, list[float]]:
    """What becomes 0 and 255 in each band: percentiles 1 and 99 of the pixels of up to ``most`` pictures, evenly chosen.

    progress: the title of a bar, None for no bar; errors as of :func:`read_bands`
    """
    chosen = np.unique(np.linspace(0, len(paths) - 1, min(most, len(paths))).astype(int))
    pixels = [raw[::4, ::4].reshape(-1, 4) for raw in threaded(read_bands, [paths[i] for i in chosen], progress=progress)]
    limits = np.percentile(np.concatenate(pixels), PERCENTILES, axis=0).T
    return dict(zip(FILE_BANDS, limits.tolist(), strict=True))


def read_picture(
    path: str | os.PathLike, wanted: Sequence[str], limits: Limits, size: tuple[int, int] | None = None
) -> np.ndarray:
    """(H, W, C) uint8 of the wanted bands in that order, as it is or resized to ``size`` = (width, height) in pixels.

    wanted: of FILE_BANDS, and ``ndvi``, an index from -1 to 1 that becomes 0 to 255; limits: of :func:`fit_limits`
    Errors as of :func:`read_bands`, and ValueError naming a band that there is not, or one without limits.
    """
    require_bands(wanted)
    raw = dict(zip(FILE_BANDS, np.moveaxis(read_bands(path).astype(np.float32), -1, 0), strict=True))
    made = [_index(*(raw[band] for band in INDICES[name])) if name in INDICES else _eight_bits(raw[name], name, limits)
            for name in wanted]  # fmt: skip
    return resized(np.stack(made, axis=-1), size)


def require_bands(wanted: Sequence[str]) -> None:
    """Raises ValueError for a name that is no band and no index.

    >>> require_bands(("red", "swir"))
    Traceback (most recent call last):
    ValueError: bands are ('red', 'swir'), 'swir' is not among blue, green, red, nir, ndvi
    """
    known = (*FILE_BANDS, *INDICES)
    if odd := [name for name in wanted if name not in known]:
        raise ValueError(f"bands are {tuple(wanted)}, {odd[0]!r} is not among {', '.join(known)}")


def _index(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.rint(127.5 * ((one - other) / np.maximum(one + other, 1) + 1)).astype(np.uint8)


def _eight_bits(band: np.ndarray, name: str, limits: Limits) -> np.ndarray:
    if name not in limits:
        raise ValueError(f"the band {name!r} has no limits, expected percentiles of the training set's pixels")
    low, high = limits[name]
    return np.rint(np.clip((band - low) / max(high - low, 1), 0, 1) * 255).astype(np.uint8)
