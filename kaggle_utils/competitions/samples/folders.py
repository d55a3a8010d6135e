"""A sample's two folders: what Kaggle shows, and ``<folder>-hidden`` with what it keeps to itself.

Both are made whole or not at all, beside their place and moved there at the end. A marker with the
parameters is written last, so that a finished sample is known and used again, one with other parameters
is replaced, and somebody's files are never touched.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

MARKER = "sample.json"  # a folder with it is finished, one without it is not ours


def hidden_folder(folder: Path) -> Path:
    """Where the sample in folder keeps what notebooks must not see.

    >>> hidden_folder(Path("input/reef-sample")).name
    'reef-sample-hidden'
    """
    return folder.with_name(folder.name + "-hidden")


def make_once(folder: Path, parameters: Mapping[str, Any], write: Callable[[Path, Path], None]) -> Path:
    """The sample in folder, written unless it is there with the same parameters; returns folder.

    parameters: what JSON can hold; write: makes the two folders it is given, the shown and the hidden one
    Raises ValueError for files that are no sample, which stay.
    """
    folder, parameters = Path(folder), dict(parameters)
    if _finished(folder) == parameters and hidden_folder(folder).is_dir():
        return folder
    _refuse_strangers(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as work:
        shown, hidden = Path(work) / "shown", Path(work) / "hidden"
        write(shown, hidden)
        for made, place in ((hidden, hidden_folder(folder)), (shown, folder)):
            (made / MARKER).write_text(json.dumps(parameters, indent=1) + "\n")
            shutil.rmtree(place, ignore_errors=True)
            os.replace(made, place)
    return folder


def _finished(folder: Path) -> dict | None:
    marker = folder / MARKER
    return json.loads(marker.read_text()) if marker.is_file() else None


def _refuse_strangers(folder: Path) -> None:
    for place in (folder, hidden_folder(folder)):
        taken = place.is_file() or (place.is_dir() and any(place.iterdir()))
        if taken and _finished(place) is None and _finished(folder) is None:
            raise ValueError(f"{place} exists and holds no {MARKER}, expected a new folder or an earlier sample")


def write_jpeg(path: Path, image: np.ndarray, quality: int) -> None:
    """(H, W, 3) uint8 RGB as a JPEG of that quality, 0 to 100."""
    path.write_bytes(cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())
