"""Models, losses and augmentations of one's own: ``own.py:name``, found in a file that a notebook's cell writes.

    %%writefile own.py
    def tversky(logits, targets): ...

The file lies in the working folder; a training keeps a copy beside its weights, which is all that whoever loads them
needs, and notes its digest: with another file it is another training. Processes of a training import the same copy.

It is the user's own code, and runs as such. Weights are still read without running code; own.py is run only where the
checkpoint names it, with the digest that the checkpoint notes.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from kaggle_utils.files import replacing

OWN = "own.py"
_places: list[Path] = [Path()]  # where the file lies: the working folder, or beside weights


def is_own(name: str) -> bool:
    """Whether a name is one of own.py's.

    >>> is_own("own.py:tversky"), is_own("bce")
    (True, False)
    """
    return name.startswith(f"{OWN}:")


def own(name: str) -> Any:
    """What ``own.py:name`` is. Raises ValueError where there is no such file, or no such name in it."""
    path, wanted = _places[-1] / OWN, name.partition(":")[2]
    if not path.is_file():
        raise ValueError(f"{name}: there is no {path.absolute()}, expected a cell to write it: %%writefile {OWN}")
    module = _module(str(path.absolute()), digest())
    if not hasattr(module, wanted):
        there = ", ".join(name for name in vars(module) if not name.startswith("_"))
        raise ValueError(f"{name}: {path} has no {wanted!r}, it has {there}")
    return getattr(module, wanted)


@cache
def _module(path: str, content: str) -> ModuleType:
    """The file as a module, by its content: no byte code of an earlier one is met."""
    module = ModuleType(f"own_{content}")
    module.__file__ = path
    sys.modules[module.__name__] = module
    exec(compile(Path(path).read_text(), path, "exec"), vars(module))
    return module


def digest() -> str:
    """Stands for the content of own.py, where it lies now."""
    return hashlib.sha1((_places[-1] / OWN).read_bytes()).hexdigest()[:12]


def used(parameters: Mapping[str, Any]) -> dict[str, str]:
    """What a training depends on by its parameters, plain: {"own.py": digest}, or nothing where none names it."""
    names = [part for value in parameters.values() if isinstance(value, str) for part in value.split("+")]
    if not any(map(is_own, names)):
        return {}
    for name in filter(is_own, names):
        own(name)
    return {OWN: digest()}


@contextmanager
def beside(folder: Path) -> Iterator[None]:
    """own.py is the one in this folder, where it has one."""
    _places.append(folder if (folder / OWN).is_file() else _places[-1])
    try:
        yield
    finally:
        _places.pop()


def keep(folder: Path, noted: Mapping[str, str]) -> None:
    """A copy of own.py for a training's folder, where it is noted that the training depends on it; noted: of :func:`used`."""
    if OWN in noted:
        with replacing(folder / OWN) as partial:
            shutil.copy2(_places[-1] / OWN, partial)
