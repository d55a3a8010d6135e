"""Decoding: many JPEGs in threads beside a plain OpenCV loop, at full size and at half."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from kaggle_utils.images.cache import cached_frames
from kaggle_utils.images.decode import decode

from . import Job, Peer, job

IMAGES = 32


@job
def decode_full_size() -> Job:
    paths = _photographs()
    return Job(
        title=f"decoding, {IMAGES} JPEGs of 1280x720",
        ours=lambda: _means(decode(paths)),
        peers=[
            Peer("cv2 in a loop", lambda: lambda: _means(map(_by_cv2, paths)), same=np.allclose),
            Peer("PIL in a loop", lambda: lambda: _means(map(_by_pil, paths)), same=_alike),
            Peer("simplejpeg in a loop", lambda: _by_simplejpeg(paths), needs=("simplejpeg",), same=_alike),
        ],
    )


@job
def decode_half_size() -> Job:
    paths, size = _photographs(), (640, 360)
    return Job(
        title=f"decoding and resizing, {IMAGES} JPEGs of 1280x720 to 640x360",
        ours=lambda: _means(decode(paths, size)),
        peers=[Peer("cv2 decode and resize in a loop", lambda: lambda: _means(_halved(paths, size)), same=_alike)],
    )


@job
def resized_once() -> Job:
    """An epoch over frames that were resized once and kept, beside decoding and resizing them every time."""
    paths, size = _photographs(), (640, 360)
    kept = cached_frames(paths, _KEPT[-1].name, size)
    return Job(
        title=f"an epoch over {IMAGES} JPEGs of 1280x720 at 640x360, resized once and kept",
        ours=lambda: _means(np.array(frame) for frame in kept),
        peers=[Peer("decoded and resized every epoch", lambda: lambda: _means(decode(paths, size)), same=_alike)],
    )


def _photographs() -> list[str]:
    """Smooth noise with the file size of a reef frame (about 600 kB), in a folder that stays for the run."""
    import cv2

    folder = tempfile.TemporaryDirectory()
    _KEPT.append(folder)
    rng, paths = np.random.default_rng(0), []
    for number in range(IMAGES):
        coarse = rng.integers(0, 256, (360, 640, 3), dtype=np.uint8)
        paths.append(str(Path(folder.name) / f"{number}.jpg"))
        cv2.imwrite(paths[-1], cv2.GaussianBlur(cv2.resize(coarse, (1280, 720)), (5, 5), 0))
    return paths


_KEPT: list = []  # removed when the run ends


def _means(images) -> np.ndarray:
    return np.array([image[::16, ::16].mean() for image in images])


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Decoders round differently; a mean may differ by half a grey level."""
    return bool(np.abs(one - other).max() < 0.5)


def _by_cv2(path: str) -> np.ndarray:
    import cv2

    return cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)


def _halved(paths: list[str], size: tuple[int, int]):
    import cv2

    return (cv2.resize(_by_cv2(path), size, interpolation=cv2.INTER_AREA) for path in paths)


def _by_pil(path: str) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(path).convert("RGB"))


def _by_simplejpeg(paths: list[str]):
    import simplejpeg

    return lambda: _means(simplejpeg.decode_jpeg(Path(path).read_bytes()) for path in paths)
