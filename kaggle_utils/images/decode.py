"""Images from files: decoded in threads, in order, small where small will do.

OpenCV decodes a 1280x720 JPEG about as fast as anything and releases the interpreter's lock, so
threads scale. A JPEG can be decoded straight to a half, a quarter or an eighth of its size, which is
used wherever the wanted size allows it, and straight to grey, without its colours. Files that cannot
be read are named. Files are read into memory first, since OpenCV refuses the bytes of a JPEG that was cut
off during a download, but fills up the picture when it reads the file itself.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import TypeVar

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

_TIFF = (b"II*\0", b"MM\0*")  # how such a file begins

T = TypeVar("T")
R = TypeVar("R")


def read_image(path: str | os.PathLike, size: tuple[int, int] | None = None, grayscale: bool = False) -> np.ndarray:
    """One image, (H, W, 3) uint8 RGB, as it is or resized to ``size`` = (width, height) in pixels.

    grayscale: (H, W, 1) instead, the brightness .299 R + .587 G + .114 B as the decoder has it
    Raises FileNotFoundError, and ValueError naming a file that is no image, is cut off, or is a TIF of more than 8 bits.

    >>> import cv2, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = cv2.imwrite(f"{folder}/a.png", np.full((90, 160, 3), (0, 0, 255), np.uint8))  # cv2 writes BGR
    ...     read_image(f"{folder}/a.png", size=(16, 9))[0, 0]
    array([255,   0,   0], dtype=uint8)
    """
    data = np.fromfile(path, dtype=np.uint8)
    image = cv2.imdecode(data, _flag(path, size, grayscale)) if len(data) else None
    if image is None:
        raise ValueError(f"{path} ({len(data)} bytes) cannot be read, expected a whole image file")
    if data[:4].tobytes() in _TIFF and (raw := cv2.imdecode(data, cv2.IMREAD_UNCHANGED)).dtype != np.uint8:
        told = f"has shape {raw.shape} and dtype {raw.dtype}, expected 8 bits"
        raise ValueError(f"{path} {told}; kaggle_utils.images.bands reads bands of 16 bits")
    return resized(image[..., None] if grayscale else cv2.cvtColor(image, cv2.COLOR_BGR2RGB), size)


def resized(image: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """(H, W, C) uint8 or float as it is, for None, or at ``size`` = (width, height) in pixels; smaller by means of areas.

    >>> resized(np.arange(16, dtype=np.uint8).reshape(4, 4, 1), (2, 2))[..., 0].tolist()
    [[3, 5], [11, 13]]
    >>> resized(np.array([[[0.0], [2.0]], [[4.0], [6.0]]]), (1, 1)).tolist()
    [[[3.0]]]
    """
    if size is None or image.shape[1::-1] == tuple(size):
        return image
    shrinks = image.shape[1] > size[0]
    made = cv2.resize(image, tuple(size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return made.reshape(*made.shape[:2], -1)


def decode(
    paths: Sequence[str | os.PathLike],
    size: tuple[int, int] | None = None,
    threads: int | None = None,
    progress: str | None = None,
    grayscale: bool = False,
) -> Iterator[np.ndarray]:
    """The images of many files in the order of ``paths``; arguments and errors as for :func:`read_image`.

    threads: how many decode at once, by default one a core; at most twice as many images wait in memory
    progress: the title of a bar, None for no bar

    >>> next(decode(["no/such.jpg"]))
    Traceback (most recent call last):
    FileNotFoundError: [Errno 2] No such file or directory: 'no/such.jpg'
    """
    yield from threaded(partial(read_image, size=size, grayscale=grayscale), paths, threads, progress)


def threaded(
    read: Callable[[T], R], wanted: Sequence[T], threads: int | None = None, progress: str | None = None
) -> Iterator[R]:
    """``read`` of each in turn, some ahead in threads, which pays for what releases the interpreter's lock.

    threads, progress: as for :func:`decode`

    >>> list(threaded(abs, [-3, 2], threads=2))
    [3, 2]
    """
    threads = threads or os.cpu_count() or 1
    bar = tqdm(desc=progress, total=len(wanted), disable=progress is None, unit="image")
    with bar, ThreadPoolExecutor(threads) as pool:
        rest = iter(wanted)
        waiting = deque(pool.submit(read, one) for one in islice(rest, 2 * threads))
        try:
            while waiting:
                answer = waiting.popleft().result()
                waiting.extend(pool.submit(read, one) for one in islice(rest, 1))
                bar.update()
                yield answer
        finally:
            for future in waiting:
                future.cancel()


def _flag(path: str | os.PathLike, size: tuple[int, int] | None, grayscale: bool) -> int:
    """How OpenCV should decode: to the smallest size that is not below the wanted one."""
    kind = "GRAYSCALE" if grayscale else "COLOR"
    if size is None:
        return getattr(cv2, f"IMREAD_{kind}")
    try:
        with Image.open(path) as image:  # reads the header alone
            width, height = image.size
    except UnidentifiedImageError:
        return getattr(cv2, f"IMREAD_{kind}")
    factor = min(width / size[0], height / size[1])
    reduced = next((f"REDUCED_{kind}_{times}" for times in (8, 4, 2) if factor >= times), kind)
    return getattr(cv2, f"IMREAD_{reduced}")


def image_statistics(image: np.ndarray) -> dict[str, float]:
    """Numbers that tell images apart at a glance, for a table with one row an image.

    image: (H, W, 3) uint8 RGB. Returns red, green, blue (channel means), brightness and contrast
    (mean and standard deviation of grey), saturation (mean, 0 to 255) and sharpness (variance of the
    Laplacian; falls with blur and haze).

    >>> image_statistics(np.full((9, 9, 3), (10, 20, 30), np.uint8))["blue"]
    30.0
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(grey))
    red, green, blue = (float(value) for value in image.mean(axis=(0, 1)))
    return {
        "red": red,
        "green": green,
        "blue": blue,
        "brightness": mean,
        "contrast": deviation,
        "saturation": float(cv2.cvtColor(image, cv2.COLOR_RGB2HSV)[..., 1].mean()),
        "sharpness": float(cv2.Laplacian(grey, cv2.CV_64F).var()),
    }
