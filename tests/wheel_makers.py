"""Tiny wheels for tests: real archives with METADATA, WHEEL and RECORD, and one module inside; an index of them.

And what the kit itself requires.
"""

from __future__ import annotations

import ast
import re
import shutil
import zipfile
from pathlib import Path

from packaging.requirements import Requirement

from kaggle_utils.platform.wheels.sources import NoWheel
from kaggle_utils.platform.wheels.wheel import read_wheel

PURE = "py3-none-any"


def make_wheel(folder: Path, name: str, version: str = "1.0", requires: tuple = (), tag: str = PURE, head: str = "") -> Path:
    """A wheel that pip installs: package `name` with `VERSION = version` in it."""
    folder.mkdir(parents=True, exist_ok=True)
    module, info = name.replace("-", "_"), f"{name.replace('-', '_')}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {r}" for r in requires)]
    content = {
        f"{module}/__init__.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": "\n".join([*lines, *([head] if head else [])]) + "\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = f"{info}/RECORD"
    content[record] = "".join(f"{path},,\n" for path in [*content, record])
    path = folder / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in content.items():
            archive.writestr(inside, text)
    return path


def kit_requirements() -> list[str]:
    """What setup.py requires for running the kit."""
    setup = (Path(__file__).parents[1] / "setup.py").read_text()
    return ast.literal_eval(re.search(r"^RUN = (\[.+?^\])", setup, re.MULTILINE | re.DOTALL).group(1))


class Index:
    """Stands for the package index: wheels by name, and a list of what was asked for."""

    def __init__(self, folder: Path):
        self.folder, self.asked = folder, []

    def add(self, name: str, *given, **named) -> None:
        make_wheel(self.folder / name, name, *given, **named)

    def fetch(self, requirement: str, python: str, folder: Path) -> Path:
        self.asked.append((requirement, python))
        for path in sorted(self.folder.glob(f"{Requirement(requirement).name}/*.whl"), reverse=True):
            wheel = read_wheel(path)
            if wheel.fits(python) and Requirement(requirement).specifier.contains(wheel.version):
                folder.mkdir(exist_ok=True)
                return Path(shutil.copy(path, folder))
        raise NoWheel(f"no wheel of {requirement}")
