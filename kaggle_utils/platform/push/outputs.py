"""What kernels wrote, brought home.

Outputs land in ``runs/kaggle/<competition>/<n>_<stage>`` (``-fold<k>`` of a fan-out), which is the
layout of stages at home: with ``KAGGLE_UTILS_RUNS=runs/kaggle`` the next stage runs here on them. In each folder
stands which version's they are. A stage takes all folders that it finds there, so those of another push are set
aside, in ``earlier``, and so is a folder that a new version's outputs take the place of. Nothing is deleted; files
of the same version, fetched in several goes, come together.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from kaggle_utils.platform.client.calls import KaggleFailure
from kaggle_utils.platform.client.once import held
from kaggle_utils.platform.kernels.chain import Stage
from kaggle_utils.platform.push.order import Order
from kaggle_utils.platform.push.versions import Version, download, work_left
from kaggle_utils.platform.runtime import FANNED_OUT

_NOTE = ".kaggle.json"


def home_of(found: Stage, kernel: str, runs: Path) -> Path:
    """The folder for a kernel's (owner/slug) outputs; runs: the folder of runs.

    >>> stage = Stage(Path("kernels/reef-2-train"), "reef", 2, "train")
    >>> home_of(stage, "me/reef-2-train-fold3", Path("runs")).as_posix()
    'runs/kaggle/reef/2_train-fold3'
    """
    suffix = kernel.partition("/")[2].removeprefix(found.name)
    return runs / "kaggle" / found.competition / (found.runs_as + suffix)


def bring_home(found: Stage, pushed: Sequence[Version], order: Order) -> list[str]:
    """Fetches what is not at home of the versions that are complete; a sentence for each that is not done with."""
    lost, kept = [], set()
    with held(order.runs / "kaggle/locks" / found.name, order.report):
        for version in filter(lambda version: version.complete, pushed):
            folder = home_of(found, version.kernel, order.runs)
            try:
                _fetch(version, folder, order)
                kept.add(folder)
                if left := work_left(version):
                    lost.append(f"{version} has ended before its work was done: {left}; the same command goes on with it")
            except KaggleFailure as failure:
                lost.append(f"{version} completed, but its outputs did not come: {failure}; the same command fetches them")
        for folder in _of_other_pushes(found, pushed, order.runs) - kept if kept else ():
            _put_aside(folder, order)
    return lost


def _fetch(version: Version, folder: Path, order: Order) -> None:
    noted = _noted(folder)
    same = (noted.get("kernel"), noted.get("version")) == (version.kernel, version.version)
    if not (same and noted["files"] in (None, order.files)):
        family = version.mark.family if version.mark else None
        note = {"kernel": version.kernel, "version": version.version, "family": family, "files": order.files}
        new = folder.with_name(f".{folder.name}.part")
        try:
            download(version, new, order.files)
            if same:
                shutil.copytree(new, folder, dirs_exist_ok=True, copy_function=os.replace)
            (folder if same else new).joinpath(_NOTE).write_text(json.dumps(note), encoding="utf-8")  # now they are all there
            if not same:
                _put_aside(folder, order)
                new.rename(folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    files = sum(path.is_file() and path.name != _NOTE for path in folder.rglob("*"))
    order.report(f"{version} complete, {files} files in {folder}")


def _noted(folder: Path) -> dict:
    try:
        return json.loads((folder / _NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _of_other_pushes(found: Stage, pushed: Sequence[Version], runs: Path) -> set[Path]:
    """The stage's folders at home that hold another fan-out's outputs, or an older version's of a kernel just pushed."""
    parent, kernels = runs / "kaggle" / found.competition, {version.kernel for version in pushed}
    families = {version.mark.family for version in pushed if version.mark}
    form = re.compile(re.escape(found.runs_as) + FANNED_OUT)
    notes = {folder: _noted(folder) for folder in parent.iterdir() if form.fullmatch(folder.name)}
    return {f for f, note in notes.items() if note.get("family") not in families or note["kernel"] in kernels}


def _put_aside(folder: Path, order: Order) -> None:
    """Into ``earlier``, if it is there, with a number behind its name where that is taken."""
    if not folder.exists():
        return
    path = folder.parent / "earlier" / folder.name
    names = itertools.chain([path], (path.with_name(f"{path.name}.{number}") for number in itertools.count(2)))
    place = next(place for place in names if not place.exists())
    place.parent.mkdir(exist_ok=True)
    folder.rename(place)
    order.report(f"{folder} is of an earlier push: set aside as {place}")
