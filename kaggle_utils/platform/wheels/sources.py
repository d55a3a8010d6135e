"""Where the wheels come from: the package index, a source archive built here, the kit's own checkout.

The only module that calls pip to fetch. Everything goes without dependencies: what is needed is
decided in :mod:`kaggle_utils.platform.wheels.wheelhouse`, not by pip, which would take the newest of all.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from kaggle_utils.errors import KitError
from kaggle_utils.platform import runtime
from kaggle_utils.platform.wheels.wheel import platforms

Fetch = Callable[[str, str, Path], Path]  # requirement, python, folder -> the wheel, now in the folder


class NoWheel(KitError):
    """A wheel could be neither downloaded nor built."""


def download(requirement: str, python: str, folder: Path) -> Path:
    """A wheel for Kaggle's Python of that version, from the index or built from a source archive.

    requirement: such as ``"filterpy<2.0.0,>=1.4.5"``. Raises NoWheel with pip's own last words. A
    built wheel may fit this machine's Python only, which the check of the folder then finds.
    """
    binary = ["--only-binary=:all:", "--implementation", "cp", "--python-version", python]
    binary += [word for tag in platforms() for word in ("--platform", tag)]
    with tempfile.TemporaryDirectory() as scratch:
        words = _pip("download", *binary, "--dest", scratch, requirement)
        if not list(Path(scratch).glob("*.whl")):
            words = _pip("wheel", "--wheel-dir", scratch, requirement) or words
        return _only_wheel(Path(scratch), folder, requirement, words)


def kit_wheel(folder: Path, checkout: Path = runtime.CHECKOUT) -> Path:
    """The wheel of the kit as the checkout has it, edits included.

    Built from a copy, since what an earlier build left in a checkout would get into the wheel. Raises
    NoWheel when the checkout has no setup.py (the kit was installed from a wheel) or does not build.
    """
    if not (checkout / "setup.py").is_file():
        raise NoWheel(f"the kit's wheel is built from its checkout, and {checkout} holds no setup.py")
    with tempfile.TemporaryDirectory() as scratch:
        source, built = Path(scratch, "source"), Path(scratch, "built")
        unwanted = shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc")
        shutil.copytree(checkout / "kaggle_utils", source / "kaggle_utils", ignore=unwanted)
        for name in ("setup.py", "README.md", "LICENSE"):
            if (checkout / name).is_file():
                shutil.copy(checkout / name, source)
        return _only_wheel(built, folder, "kaggle-utils", _pip("wheel", "--wheel-dir", str(built), str(source)))


def kit_differences(wheel: Path, checkout: Path = runtime.CHECKOUT) -> list[str]:
    """The kit's files, sorted, that a wheel of it has otherwise than the checkout, or that one of the two lacks."""
    here = {
        path.relative_to(checkout).as_posix(): path.read_bytes()
        for suffix in ("py", "json", "txt")
        for path in (checkout / "kaggle_utils").rglob(f"*.{suffix}")
    }
    with zipfile.ZipFile(wheel) as archive:
        there = {name: archive.read(name) for name in archive.namelist() if name.startswith("kaggle_utils/")}
    return sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))


def _pip(command: str, *words: str) -> str:
    """Runs pip quietly and without dependencies; its last words, empty when it went well."""
    order = [sys.executable, "-m", "pip", command, "--quiet", "--no-deps", "--disable-pip-version-check", *words]
    done = subprocess.run(order, capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
    return "" if done.returncode == 0 else (said or [f"pip ended with {done.returncode}"])[-1]


def _only_wheel(scratch: Path, folder: Path, requirement: str, words: str) -> Path:
    found = list(scratch.glob("*.whl"))
    if len(found) != 1:
        raise NoWheel(f"no wheel of {requirement}: {words or 'pip left nothing'}")
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.move(found[0], folder / found[0].name))
