"""A CPython 3.7 with numpy and pandas, and a competition's folder whose API only that one can import."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from kaggle_utils.platform.wheels import python37
from kaggle_utils.platform.wheels.sources import Fetch, NoWheel
from kaggle_utils.platform.wheels.wheel import platforms

HERE = Path(__file__).parent
SLUG = "tensorflow-great-barrier-reef"
COMPILED = "competition.cpython-37m-x86_64-linux-gnu.so"
HEAD = """
import sys
if sys.version_info[:2] != (3, 7):
    raise ImportError("built for CPython 3.7")
"""


def interpreters() -> list[str]:
    """Where a CPython 3.7 may be: the variable, pyenv, the PATH."""
    try:
        root = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    pyenv = sorted(map(str, Path(root, "versions").glob("3.7*/bin/python3.7")), reverse=True)
    return [os.environ.get("KAGGLE_UTILS_PYTHON37"), *pyenv, shutil.which("python3.7")]


def runs(python: str, code: str) -> bool:
    return subprocess.run([python, "-I", "-c", code], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="session")
def plain_python37() -> Path:
    """A CPython 3.7 of this machine, with or without packages; skips where there is none."""
    for python in filter(None, interpreters()):
        if Path(python).is_file() and runs(python, "import sys; assert sys.version_info[:2] == (3, 7)"):
            return Path(python)
    pytest.skip("no CPython 3.7: set KAGGLE_UTILS_PYTHON37 to one, or install one with pyenv")


@pytest.fixture(scope="session")
def packed_python37(plain_python37, tmp_path_factory) -> Path:
    """That interpreter packed for Kaggle, with numpy and pandas from the index; compressed in a hurry."""
    order = [str(plain_python37), "-I", "-c", "import sys; print(sys.base_prefix)"]
    prefix = subprocess.run(order, capture_output=True, text=True, check=True).stdout.strip()
    quick = SimpleNamespace(**vars(zipfile) | {"ZipFile": partial(zipfile.ZipFile, compresslevel=1)})
    try:
        fetch = fetched_together(tmp_path_factory.mktemp("wheels"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(python37, "zipfile", quick)
            return python37.pack(Path(prefix), tmp_path_factory.mktemp("packed"), fetch)
    except NoWheel as missing:
        pytest.skip(f"CPython 3.7 is here, its numpy and pandas cannot be fetched: {missing}")


def fetched_together(folder: Path) -> Fetch:
    """What hands out the wheels of the pack, downloaded by one pip; NoWheel as of the kit's own fetch."""
    words = [word for tag in platforms() for word in ("--platform", tag)]
    order = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check", *words]
    order += ["--only-binary=:all:", "--implementation", "cp", "--python-version", "3.7.17", "--dest", str(folder)]
    done = subprocess.run([*order, *python37.PACKAGES], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoWheel(done.stderr.strip().rpartition("\n")[2])
    wheels = {path.name.split("-")[0].replace("_", "-"): path for path in folder.glob("*.whl")}
    return lambda requirement, python, into: wheels[requirement.split("==")[0]]


@pytest.fixture(scope="session")
def unpacked_python37(packed_python37, tmp_path_factory) -> Path:
    """The packed one, unpacked: its interpreter."""
    return python37.unpack(packed_python37, tmp_path_factory.mktemp("unpacked"), quiet=True)


@pytest.fixture(scope="session")
def reef_python37(plain_python37, request) -> Path:
    """A CPython 3.7 that can run the API: this machine's where it has pandas, else the packed one, unpacked."""
    if runs(str(plain_python37), "import numpy, pandas"):
        return plain_python37
    return request.getfixturevalue("unpacked_python37")


@pytest.fixture(scope="session")
def make_competition(tmp_path_factory) -> Callable[..., Path]:
    """Makes a competition's folder: the stand-in for the API, or another module of the text given."""

    def make(n_frames: int = 2, text: str | None = None, folder: Path | None = None) -> Path:
        folder = folder or tmp_path_factory.mktemp("competition")
        package = folder / "greatbarrierreef"
        package.mkdir(parents=True)
        (package / COMPILED).write_bytes(b"")  # what the kit looks for; nothing imports it here
        shutil.copy(HERE / "reef_stand_in.py", package / "mock.py")
        (package / "frames.txt").write_text(str(n_frames))
        (package / "__init__.py").write_text(HEAD + (text or "from .mock import make_env\n"))
        return folder

    return make
