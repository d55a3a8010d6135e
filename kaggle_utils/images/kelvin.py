"""Bands of a satellite as arrays in a folder, ``band_14.npy`` of (H, W, T), read for some frames and at a size.

The frame axis is innermost, as Google's contrails have it: one frame costs as much reading as all of them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kaggle_utils.images.decode import resized
from kaggle_utils.images.infrared import half_pixel


def read_bands(
    folder: str | os.PathLike, bands: Sequence[int], frames: Sequence[int], size: tuple[int, int] | None = None, halves: int = 0
) -> dict[int, np.ndarray]:
    """band -> (H, W, T) float32 of these frames, in the files' unit.

    frames: from 0, in any order; size: (width, height) in pixels, None: as they are
    halves: by how many half pixels of the file what is seen is moved, see :func:`kaggle_utils.images.infrared.half_pixel`
    Raises FileNotFoundError naming a band that is not there, and those that are; ValueError naming the file that lacks a frame.
    """
    found = {}
    for band in bands:
        path = Path(folder) / f"band_{band:02d}.npy"
        if not path.is_file():
            there = ", ".join(sorted(one.stem for one in path.parent.glob("band_*.npy"))) or "none"
            raise FileNotFoundError(f"{path} is not there, bands that are: {there}")
        stored = np.load(path, mmap_mode="r")
        if stored.ndim != 3 or not all(0 <= frame < stored.shape[2] for frame in frames):
            raise ValueError(f"{path} has shape {stored.shape}, expected (height, width, frames) with frames {list(frames)}")
        found[band] = resized(half_pixel(np.asarray(stored, np.float32)[..., list(frames)], halves), size)
    return found
