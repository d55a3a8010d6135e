"""Which images lie in a folder, in the order in which a person counts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

SUFFIXES = (".jpg", ".jpeg", ".png", ".npy")


def frame_paths(folder: str | os.PathLike) -> list[Path]:
    """The frames below a folder (.jpg, .jpeg, .png, .npy), numbers in names in numeric order.

    So ``video_0/9.jpg`` comes before ``video_0/10.jpg`` and both before ``video_1``. Raises ValueError
    when there are none.
    """
    paths = [path for path in Path(folder).rglob("*") if path.suffix.lower() in SUFFIXES]
    if not paths:
        raise ValueError(f"{os.fspath(folder)!r} has no frames, expected files ending in {', '.join(SUFFIXES)}")
    return sorted(paths, key=lambda path: [_natural(part) for part in path.relative_to(folder).parts])


def _natural(name: str) -> list[tuple[int, int, str]]:
    """'f9.jpg' -> [(1, 0, 'f'), (0, 9, ''), (1, 0, '.jpg')]: digits compare as numbers, before letters."""
    parts: Iterable[str] = filter(None, re.split(r"(\d+)", name))
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
