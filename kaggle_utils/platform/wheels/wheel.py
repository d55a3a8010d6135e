"""A wheel as it lies on disk: its name, what it requires, which Pythons on Kaggle it fits.

Kaggle's machines are x86-64 Linux with CPython, so that is what tags and markers are judged against,
wherever this runs. Nothing is imported or installed: everything is read from the file's own METADATA.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from email.parser import Parser
from functools import cache
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

_GLIBC = 35  # the image's C library is 2.35 or newer


@dataclass(frozen=True)
class Wheel:
    """One wheel: canonical package name, version, Requires-Dist and Requires-Python texts, its file."""

    path: Path
    name: str
    version: str
    requires: tuple[str, ...]
    requires_python: str

    def fits(self, python: str) -> bool:
        """Whether Kaggle's Python of that version, such as ``"3.13"``, can install it."""
        tags = parse_wheel_filename(self.path.name)[3]
        return not _tags(python).isdisjoint(tags) and SpecifierSet(self.requires_python).contains(f"{python}.15")

    def needs(self, python: str, extras: Iterable[str] = ()) -> list[Requirement]:
        """What it requires under that Python, with these extras of it asked for."""
        return needed_on(python, map(Requirement, self.requires), extras)


def read_wheel(path: Path) -> Wheel:
    """Reads name, version and requirements out of a wheel; ValueError when it is none."""
    try:
        parse_wheel_filename(path.name)
        with zipfile.ZipFile(path) as archive:
            inside = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            head = Parser().parsestr(archive.read(inside).decode(), headersonly=True)
    except (InvalidWheelFilename, zipfile.BadZipFile, StopIteration) as error:
        raise ValueError(f"{path.name} is not a wheel: {str(error) or 'it has no METADATA'}") from error
    requires = tuple(head.get_all("Requires-Dist", []))
    return Wheel(path, canonicalize_name(head["Name"]), head["Version"], requires, head.get("Requires-Python", ""))


def needed_on(python: str, requirements: Iterable[Requirement], extras: Iterable[str] = ()) -> list[Requirement]:
    """Those whose marker holds on Kaggle under that Python, with none or some extras asked for.

    >>> [str(r) for r in needed_on("3.13", map(Requirement, ["a; python_version < '3'", "b>1", "c; extra == 'd'"]))]
    ['b>1']
    """
    there = {
        "python_version": python,
        "python_full_version": f"{python}.15",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
    }
    asked = ["", *extras]
    return [r for r in requirements if not r.marker or any(r.marker.evaluate(there | {"extra": e}) for e in asked)]


def platforms() -> list[str]:
    """The platform tags that Kaggle's machines accept, best first."""
    named = ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"]
    return [f"manylinux_2_{minor}_x86_64" for minor in range(_GLIBC, 4, -1)] + named


@cache
def _tags(python: str) -> frozenset:
    version = tuple(int(part) for part in python.split("."))
    interpreter = f"cp{version[0]}{version[1]}"
    ours = cpython_tags(version, platforms=platforms())
    return frozenset([*ours, *compatible_tags(version, interpreter, platforms())])
