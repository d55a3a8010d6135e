"""``kaggle-utils wheels``: its arguments, and what it prints."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from kaggle_utils.platform.client.calls import owner_name, push_dataset
from kaggle_utils.platform.wheels.image import PYTHONS, image
from kaggle_utils.platform.wheels.wheel import Wheel
from kaggle_utils.platform.wheels.wheelhouse import GPUS, build, wheels_dir


def add_wheels_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what :func:`run_wheels` reads."""
    add = parser.add_argument
    add("--python", nargs="+", choices=PYTHONS, default=list(PYTHONS), help="Kaggle's Pythons; default: all of them")
    add("--gpu", choices=sorted(GPUS), help="add a torch that has kernels for this card (3 GB for one Python)")
    add("--python37", type=Path, metavar="PREFIX", help="add this CPython 3.7, for a time-series API that needs it (38 MB)")
    release = "more packages (kaggle-utils[export]: onnx), or the release of one that is to be taken: ultralytics==8.4.190"
    add("--also", nargs="+", action="extend", default=[], metavar="REQUIREMENT", help=release)
    add("--owner", help="Kaggle account; default: KAGGLE_USERNAME, then the kaggle client's credentials")
    add("--folder", type=Path, default=wheels_dir(), help="where the dataset is made anew; default: %(default)s")
    add("--push", action="store_true", help="upload it as a private dataset, or as its next version")


def run_wheels(args: argparse.Namespace) -> int:
    """Does what the arguments say and returns 0; raises what :func:`build` and :func:`push_dataset` do."""
    owner = owner_name(args.owner) if args.push else args.owner or "OWNER"
    wheels = build(args.folder, owner, args.python, args.gpu, args.also, python37=args.python37)
    _report(wheels, args.folder, args.python)
    if args.push:
        url = push_dataset(args.folder, f"wheels for Python {' and '.join(args.python)}")
        print(f"{url}\nprivate; Kaggle needs a minute or two before a notebook can take it")
    return 0


def _report(wheels: Sequence[Wheel], folder: Path, pythons: Sequence[str]) -> None:
    for wheel in wheels:
        print(f"{wheel.path.stat().st_size / 1e6:9.2f} MB  {wheel.path.name}")
    total = sum(wheel.path.stat().st_size for wheel in wheels) / 1e6
    print(f"{total:9.2f} MB  {len(wheels)} wheels in {folder}")
    print(f"complete against Kaggle's image as seen in {image(pythons[0]).seen}, Python {' and '.join(pythons)}")
