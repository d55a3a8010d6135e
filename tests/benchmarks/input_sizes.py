"""What an epoch over clouds' pictures costs at each input size: ``python -m tests.benchmarks.input_sizes [FOLDER]``.

No job of the table, for it compares ways to store, not peers. FOLDER holds JPEGs of 1400x2100; without one
they are made, of about the competition's file size. Printed are seconds of one core for 1,000 pictures, the
fewest of a few rounds, since what else the machine does lengthens the wait and not these: where two cores
decode, a clock shows half. Files come from the system's memory, not from a disk.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from kaggle_utils.images.cache import cached_frames
from kaggle_utils.images.decode import decode

SIZES = ((480, 320), (576, 384), (960, 640))  # (width, height)
IMAGES, ROUNDS = 36, 5
EPOCH = ("every epoch: whole, then resized", "every epoch: `decode` to the size", "small JPEGs", "memory map")
COLUMNS = (*EPOCH, "map made once in", "map, GB")


def main(folder: str | None = None) -> None:
    """Prints the table."""
    print("| width x height | pictures |", " | ".join(COLUMNS), "|")
    print("|---" * (2 + len(COLUMNS)) + "|")
    with tempfile.TemporaryDirectory() as scratch:
        paths = sorted(Path(folder).glob("*.jpg")) if folder else _made(Path(scratch))
        for size in SIZES:
            for grayscale in (False, True):
                cells = _row(paths, size, grayscale, Path(scratch) / f"{size[0]}_{grayscale}")
                print(f"| {size[0]} x {size[1]} | {'grey' if grayscale else 'colour'} |", " | ".join(cells), "|")


def _row(paths: Sequence[Path], size: tuple[int, int], grayscale: bool, scratch: Path) -> list[str]:
    kept = cached_frames(paths, scratch / "kept", size, grayscale=grayscale)
    small = _small(kept, scratch)
    order = np.random.default_rng(0).permutation(len(paths))
    ways = [
        partial(_whole, paths, size, grayscale),
        lambda: _drained(decode(paths, size, grayscale=grayscale)),
        lambda: _drained(decode(small, grayscale=grayscale)),
        lambda: _drained(np.array(kept[row]) for row in order),
        lambda: cached_frames(paths, tempfile.mkdtemp(dir=scratch), size, grayscale=grayscale),
    ]
    seconds = [min(taken) for taken in zip(*([_seconds(way) for way in ways] for _ in range(ROUNDS)), strict=True)]
    return [*(f"{1000 * s / len(paths):.2g}" for s in seconds), f"{kept.nbytes / len(paths) / 1e6:.2f}"]


def _whole(paths: Sequence[Path], size: tuple[int, int], grayscale: bool) -> None:
    """As most notebooks do it, on as many threads as :func:`decode`."""

    def read(path: Path) -> np.ndarray:
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE if grayscale else cv2.IMREAD_COLOR)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return image if grayscale else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        _drained(pool.map(read, paths))


def _small(frames: np.ndarray, folder: Path) -> list[Path]:
    """The frames as JPEGs of their own."""
    paths = [folder / f"{number}.jpg" for number in range(len(frames))]
    for path, frame in zip(paths, frames, strict=True):
        cv2.imwrite(str(path), frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
    return paths


def _drained(images: Iterable[np.ndarray]) -> None:
    deque(images, maxlen=0)


def _seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def _made(folder: Path) -> list[Path]:
    """Smooth noise, 1400x2100, about 700 kB a file."""
    rng, paths = np.random.default_rng(0), [folder / f"{number}.jpg" for number in range(IMAGES)]
    for path in paths:
        coarse = rng.integers(0, 256, (280, 420, 3), dtype=np.uint8)
        smooth = cv2.GaussianBlur(cv2.resize(coarse, (2100, 1400)), (5, 5), 0)
        cv2.imwrite(str(path), smooth, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return paths


if __name__ == "__main__":
    main(*sys.argv[1:])
