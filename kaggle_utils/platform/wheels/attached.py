"""Installs what Kaggle's image lacks from the wheels that lie beside the kit's own.

The second half of the bootstrap cell. The cell itself only finds and installs the kit's wheel; from
the same folder this module adds every package that is not installed yet, with ``--no-index
--no-deps``, so nothing of the image (torch, numpy, OpenCV above all) is ever replaced. One exception
is asked for on purpose: where torch has no kernels for a card (a P100 under today's image) and the
folder carries another torch (``kaggle-utils wheels --gpu p100``), that one takes its place. A packed CPython 3.7
is no package: it stays where it lies until reef's API is wanted.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename

from kaggle_utils.errors import KitError
from kaggle_utils.platform import runtime
from kaggle_utils.platform.wheels import python37


class WrongPython(KitError):
    """A package has a wheel, but none for this Python."""


def install() -> list[str]:
    """Installs what is attached and lacking; the names of the wheels installed, sorted.

    Does nothing at home, or when no folder with the kit's wheel is attached. Raises WrongPython when a
    package that is needed has wheels for other Pythons only, CalledProcessError when pip fails.
    """
    found = [wheel for folder in folders() for wheel in sorted(folder.glob("*.whl"))]
    wheels = [wheel for wheel in found if _name(wheel) != python37.NAME]
    replace_torch = any(belongs_to_torch(_name(wheel)) for wheel in wheels) and not torch_works()
    wanted = [w for w in wheels if (replace_torch if belongs_to_torch(_name(w)) else not _installed(_name(w)))]
    chosen = best_wheels(wanted)
    if chosen:
        quiet = ["--quiet", "--no-index", "--no-deps", "--disable-pip-version-check", "--root-user-action=ignore"]
        subprocess.run([sys.executable, "-m", "pip", "install", *quiet, *map(str, chosen)], check=True)
        importlib.invalidate_caches()
    return [wheel.name for wheel in chosen]


def folders() -> list[Path]:
    """The attached datasets that hold the kit's wheel, in either mount layout; none at home."""
    root = runtime.input_root()
    if runtime.place() == "home" or root is None:
        return []
    spots = ("datasets/*/*", "*")
    return sorted({wheel.parent for spot in spots for wheel in root.glob(f"{spot}/kaggle_utils-*.whl")})


def best_wheels(wheels: Iterable[Path]) -> list[Path]:
    """Of each package the newest wheel that this Python can install, sorted by name.

    Raises WrongPython naming the package, what there is and what this Python is.
    """
    ours, best, others = set(sys_tags()), {}, {}
    for wheel in wheels:
        name, version, build, tags = parse_wheel_filename(wheel.name)
        if ours.isdisjoint(tags):
            others[name] = wheel.name
        elif name not in best or (version, build) > best[name][0]:
            best[name] = ((version, build), wheel)
    for name in sorted(others.keys() - best.keys()):
        here = f"{sys.version_info.major}.{sys.version_info.minor}"
        remedy = f"build the dataset anew with `kaggle-utils wheels --python {here} --push`"
        raise WrongPython(f"{others[name]} does not fit Python {here} on this machine: {remedy}")
    return [wheel for _, (_, wheel) in sorted(best.items())]


def belongs_to_torch(name: str) -> bool:
    """Whether a package is torch or what torch is made of.

    >>> [belongs_to_torch(name) for name in ("torch", "nvidia-cublas-cu12", "nvidia-ml-py", "torchmetrics")]
    [True, True, False, False]
    """
    return re.fullmatch(r"torch|torchvision|triton|nvidia-.+-cu\d+", name) is not None


def torch_works() -> bool:
    """Whether torch can compute on the cards there are; asked in a process of its own.

    So that this process has not loaded a torch that is about to be replaced.
    """
    check = "from kaggle_utils.platform.gpu import check_gpu; check_gpu()"
    answer = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    return "GpuUnusable" not in answer.stderr


def _name(wheel: Path) -> str:
    return wheel.name.split("-", 1)[0].replace("_", "-").lower()


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
