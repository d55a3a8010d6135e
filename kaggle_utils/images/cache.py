"""Resized frames on disk, decoded once: one array that any process may map.

Decoding 23,501 frames takes minutes and every epoch of every fold wants them again, smaller. Here
they are decoded and resized once into a plain ``.npy`` file, beside a ``.json`` that says what it
holds. A kill loses nothing: the next call goes on where the last one was. Processes that ask at the
same time wait for the first, then map the same pages of memory.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kaggle_utils.files import locked, replacing
from kaggle_utils.images.decode import read_image, threaded

STEP = 64  # images between two notes of how far the work is


def cached_frames(
    paths: Sequence[str | os.PathLike],
    folder: str | os.PathLike,
    size: tuple[int, int],
    threads: int | None = None,
    progress: str | None = None,
    read: Callable[..., np.ndarray] | None = None,
    **how: Any,
) -> np.memmap:
    """All images at one size, (N, height, width, C) uint8, mapped read-only from a file in ``folder``.

    paths: image files; their names, sizes and times of change tell one cache from another. Or folders, one an image: then
        their names do, and what is read of three of them, wherever they lie, so that another machine's cache serves
    size: (width, height) in pixels; N * width * height * C bytes must fit on the disk
    threads, progress: as for :func:`kaggle_utils.images.decode.decode`, whose errors come through
    read: (number of the image, size, **how) -> (height, width, C) uint8, for what is no picture in one file;
        None: :func:`kaggle_utils.images.decode.read_image` of its path
    how: what ``read`` is told besides, such as grayscale=True; plain values, which tell caches apart, too

    >>> import cv2, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = cv2.imwrite(f"{folder}/a.png", np.zeros((90, 160, 3), np.uint8))
    ...     cached_frames([f"{folder}/a.png"], f"{folder}/cache", size=(32, 18)).shape
    (1, 18, 32, 3)
    """
    one = partial(read or (lambda row, size, **how: read_image(paths[row], size, **how)), size=size, **how)
    sources = _content(paths, one) if paths and Path(paths[0]).is_dir() else [_source(path) for path in paths]
    key = hashlib.sha256(json.dumps([size, how, sources], sort_keys=True).encode()).hexdigest()[:12]
    path = Path(folder) / f"frames_{size[0]}x{size[1]}_{key}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path.with_suffix(".lock"), "w") as lock, locked(lock):
            if not path.exists():  # another process made it while this one waited
                _note(path.with_suffix(".json"), {"size": size, **how, "sources": sources})
                _fill(path, one, len(paths), threads, progress)
    return np.load(path, mmap_mode="r")


def _source(path: str | os.PathLike) -> tuple[str, int, float]:
    stat = os.stat(path)
    return str(Path(path).absolute()), stat.st_size, stat.st_mtime


def _content(paths: Sequence[str | os.PathLike], read: Callable[[int], np.ndarray]) -> list[str]:
    some = sorted({0, len(paths) // 2, len(paths) - 1})
    return [*(Path(path).name for path in paths), *(hashlib.sha256(read(row).tobytes()).hexdigest() for row in some)]


def _fill(path: Path, read: Callable[[int], np.ndarray], count: int, threads: int | None, progress: str | None) -> None:
    part, note = path.with_suffix(".part"), path.with_suffix(".done")
    done = json.loads(note.read_text()) if part.exists() and note.exists() else 0
    frames = np.lib.format.open_memmap(part, mode="r+") if done else None
    for number, image in enumerate(threaded(read, range(done, count), threads, progress), start=done):
        if frames is None:
            frames = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=(count, *image.shape))
        frames[number] = image
        if (number + 1) % STEP == 0:
            frames.flush()
            _note(note, number + 1)
    frames.flush()
    os.replace(part, path)
    note.unlink(missing_ok=True)


def _note(path: Path, value: object) -> None:
    with replacing(path) as part:
        part.write_text(json.dumps(value))
