"""Files that are there whole or not at all.

A kernel is killed at its time limit and a laptop at its lid; what a stage left half written must not
look finished to the next. So everything is written under another name in the same folder and renamed
at the end, which POSIX and Windows do in one step. A folder takes two: the old one out of the way, the new
one in. Where several processes share a file, one of them holds it at a time.

Python writes NaN into JSON, which JSON does not have, and refuses NumPy's numbers. What stages hand
on (run.json, decision.json, the diary) is made of such values, so it goes through :func:`json_text`.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import platform
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from kaggle_utils.errors import KitError

FULL = (errno.ENOSPC, errno.EDQUOT)  # no room on the disk, or for this user
_MACHINE = hashlib.sha1(platform.node().encode()).hexdigest()[:8]  # processes have numbers of their own on each
_PART = re.compile(rf"\..*-{_MACHINE}-(\d+)-[0-9a-f]{{8}}(\..*)?")
_CLEARED: set[Path] = set()


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """A name to write to; it becomes ``path`` when the block ends well and vanishes when it fails.

    The name lies in the same folder (made if it is missing) and keeps the suffix, for writers that
    choose a format by it. Names that killed processes left in the folder go. Raises KitError when the disk is full.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(f"{folder}/runs/scores.json") as part:
    ...         _ = part.write_text("[1]")
    ...     sorted(file.name for file in (Path(folder) / "runs").iterdir())
    ['scores.json']
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear(path.parent.absolute())
    part = path.with_name(f".{path.stem}-{_MACHINE}-{os.getpid()}-{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise KitError(f"{path} cannot be written, the disk is full") from None
    finally:
        part.unlink(missing_ok=True)


def _clear(folder: Path) -> None:
    """Removes parts whose processes, of this machine, are gone; a process looks once into each folder."""
    if folder in _CLEARED or os.name != "posix":
        return
    _CLEARED.add(folder)
    for part, found in [(path, _PART.fullmatch(path.name)) for path in folder.iterdir()]:
        try:
            if found:
                os.kill(int(found[1]), 0)
        except ProcessLookupError:
            part.unlink(missing_ok=True)
        except (PermissionError, OverflowError):
            pass  # somebody else's, or no part of ours


def swap(new: Path, folder: Path, old: Path) -> None:
    """Puts the folder ``new`` in the place of ``folder``, which goes to ``old`` if there is one.

    All three lie in one file system. ``folder`` comes back where that fails or is stopped from the keyboard.
    Raises FileExistsError where ``old`` is taken, and OSError.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     new, folder, old = (Path(place, name) for name in ("new", "outputs", "earlier/outputs"))
    ...     new.mkdir()
    ...     folder.mkdir()
    ...     swap(new, folder, old)
    ...     sorted(path.relative_to(place).as_posix() for path in Path(place).rglob("*"))
    ['earlier', 'earlier/outputs', 'outputs']
    """
    if old.exists():
        raise FileExistsError(f"{folder} cannot be put aside as {old}, expected a name that is free")
    try:
        if folder.exists():
            old.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(old)
        new.rename(folder)
    except BaseException:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise


@contextmanager
def locked(file: IO, told: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Holds an open file for this process alone; others that ask wait.

    told: called before that wait, where there is one
    The system lifts the lock when the block ends and when its process is killed. Only those who ask
    are kept out: a lock does not hinder a plain write. POSIX only.

    >>> import tempfile
    >>> with tempfile.TemporaryFile() as file, locked(file):
    ...     file.write(b"mine")
    4
    """
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        told()
        fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def fingerprint(path: str | os.PathLike) -> str:
    """The SHA-1 of a file's bytes, 40 hexadecimal digits: is this the file it was?"""
    digest = hashlib.sha1()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def json_text(value: object, indent: int | None = None) -> str:
    """A value as JSON, on one line or indented; see :func:`plain`.

    >>> json_text({"f2": np.float64("nan"), "folds": (0, np.int64(1))})
    '{"f2": null, "folds": [0, 1]}'
    """
    return json.dumps(plain(value), indent=indent, allow_nan=False, ensure_ascii=False)


def plain(value: object) -> object:
    """The same in JSON's own types: arrays and tuples are lists, paths text, NaN and infinities None.

    Keys become text. Raises ValueError for what has no such form.

    >>> plain({1: np.array([0.5, np.inf])})
    {'1': [0.5, None]}
    """
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, range)):
        return [plain(part) for part in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ValueError(f"{value!r} is a {type(value).__name__}, expected numbers, texts, lists and mappings of them")


def figure(value: float | None) -> float:
    """A figure as it was before it went through JSON, which has null for what is no number.

    >>> figure(None), figure(0.5)
    (nan, 0.5)
    """
    return math.nan if value is None else value
