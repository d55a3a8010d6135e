"""Tiny wheels for tests: real archives with METADATA, WHEEL and RECORD, and one module inside."""

from __future__ import annotations

import zipfile
from pathlib import Path

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
