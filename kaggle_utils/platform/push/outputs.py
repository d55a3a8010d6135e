"""What kernels wrote, brought home.

Outputs land in ``runs/kaggle/<competition>/<n>_<stage>`` (``-fold<k>`` of a fan-out), which is the
layout of stages at home: with ``KAGGLE_UTILS_RUNS=runs/kaggle`` the next stage runs here on them. It
takes all folds that it finds there, so those of an earlier push are set aside, in ``earlier``, and so is a
folder that a new version's outputs take the place of. Nothing is deleted; files of the same version, fetched
in several goes, come together.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from kaggle_utils.platform.push import receipts
from kaggle_utils.platform.push.chain import Stage
from kaggle_utils.platform.push.client import KaggleFailure
from kaggle_utils.platform.push.kernels import Pushed, fetch, wait
from kaggle_utils.platform.push.order import Order, resume_command
from kaggle_utils.platform.push.stamping import FANNED


def home_of(found: Stage, kernel: Pushed, runs: Path) -> Path:
    """The folder for a kernel's outputs; runs: the folder of runs.

    >>> stage = Stage(Path("kernels/reef-2-train"), "reef", 2, "train")
    >>> home_of(stage, Pushed("me/reef-2-train-fold3", 1, ""), Path("runs")).as_posix()
    'runs/kaggle/reef/2_train-fold3'
    """
    suffix = kernel.kernel.partition("/")[2].removeprefix(found.name)
    return runs / "kaggle" / found.competition / (found.runs_as + suffix)


def bring_home(found: Stage, pushed: list[Pushed], order: Order) -> None:
    """Waits for all, then fetches the outputs of each that completed.

    Raises KaggleFailure, at the very end, for those that did not complete or could not be fetched.
    """
    told = wait([kernel.kernel for kernel in pushed], order.poll_s, progress=order.progress)
    failures = [text for text in told.values() if text]
    complete = [kernel for kernel in pushed if not told[kernel.kernel]]
    lost = [text for kernel in complete if (text := _fetched(found, kernel, order))]
    if len(lost) < len(complete):
        for line in _set_aside(found, order):
            order.report(line)
    if failures or lost:
        raise KaggleFailure("run", "\n".join(failures + lost))


def _fetched(found: Stage, kernel: Pushed, order: Order) -> str:
    """Fetches one kernel's outputs; why they did not come, empty if they did."""
    folder = home_of(found, kernel, order.runs)
    last = receipts.recall(order.runs, order.owner, found.name)
    older = folder.exists() and last.home.get(kernel.kernel) != kernel.version
    place = _place_aside(folder) if older else None
    try:
        files = fetch(kernel.kernel, folder, order.files, place)
    except KaggleFailure as failure:
        again = f"`{resume_command(order, found.name)}` fetches them"
        return f"{kernel.kernel} completed, but its outputs did not come: {failure}; {again}"
    if place:
        order.report(_told_aside(folder, place))
    receipts.fetched(order.runs, order.owner, found.name, kernel)
    order.report(f"{kernel.kernel} complete, {len(files)} files in {folder}")
    return ""


def _set_aside(found: Stage, order: Order) -> Iterator[str]:
    """Moves the stage's folders that are not of the last push; a line for each."""
    last = receipts.recall(order.runs, order.owner, found.name)
    here = [kernel for kernel in last.kernels if last.home.get(kernel.kernel) == kernel.version]
    kept = {home_of(found, kernel, order.runs) for kernel in here}
    parent = order.runs / "kaggle" / found.competition
    for folder in sorted(set(parent.glob(f"{found.runs_as}*")) - kept):
        if folder.is_dir() and re.fullmatch(rf"{re.escape(found.runs_as)}(-{FANNED}\d+)?", folder.name):
            place = _place_aside(folder)
            place.parent.mkdir(exist_ok=True)
            folder.rename(place)
            yield _told_aside(folder, place)


def _told_aside(folder: Path, place: Path) -> str:
    return f"{folder} is of an earlier push: set aside as {place}"


def _place_aside(folder: Path) -> Path:
    """Where a folder goes, with a number behind its name where that is taken."""
    path = folder.parent / "earlier" / folder.name
    names = itertools.chain([path], (path.with_name(f"{path.name}.{number}") for number in itertools.count(2)))
    return next(place for place in names if not place.exists())
