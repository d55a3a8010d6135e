"""A kernel pushed to Kaggle, waited for, brought home and submitted.

Outputs land in ``runs/kaggle/<competition>/<n>_<stage>`` (``-fold<k>`` of a fan-out), which is the
layout of stages at home: with ``KAGGLE_UTILS_RUNS=runs/kaggle`` the next stage runs here on them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kaggle_utils.platform import chain, metadata, parameters, receipts, submissions
from kaggle_utils.platform.chain import Stage
from kaggle_utils.platform.client import KaggleFailure, owner_name
from kaggle_utils.platform.kernels import Pushed, fetch, send, wait
from kaggle_utils.platform.stamping import FANNED, Stamp, with_accelerator

__all__ = ["Order", "push"]


def _runs() -> Path:
    return Path(os.environ.get("KAGGLE_UTILS_RUNS", "runs"))


@dataclass(frozen=True)
class Order:
    """How to push.

    owner: account; None asks the environment and the client's credentials
    accelerator: machine in place of the declared one, see :data:`metadata.ACCELERATORS`, or ``none``
    overrides: texts ``name=value``; ``fold=0..4`` makes a kernel per fold
    wait: wait for the end and fetch the outputs; ``files``: only names matching this expression
    submit: wait, then submit the finished version, described by ``message``
    resume: go on with the last push of this kernel (wait, fetch, submit) instead of pushing again
    kernels, runs: the folders of kernels and of runs
    poll_s: first pause between two looks, in seconds
    report: called with each line of news; progress: show a bar while waiting
    """

    owner: str | None = None
    accelerator: str | None = None
    overrides: Sequence[str] = ()
    wait: bool = False
    files: str | None = None
    submit: bool = False
    message: str = ""
    resume: bool = False
    kernels: Path | None = None
    runs: Path = field(default_factory=_runs)
    poll_s: float = 5.0
    report: Callable[[str], None] = lambda line: None
    progress: bool = False


def push(name: str, order: Order | None = None) -> list[Pushed]:
    """Pushes one kernel, e.g. ``reef-2-train``; what Kaggle took, several of a fan-out.

    Raises ValueError for what is wrong at home, before anything is sent, and KaggleFailure for what
    Kaggle refuses, rejects or fails to finish.
    """
    order = order or Order()
    root = chain.kernels_root(order.kernels)
    found = chain.stage(name, root)
    content = chain.check(found, root)
    order = replace(order, owner=owner_name(order.owner))
    pushed = _resumed(found, order) if order.resume else _sent(found, content, order)
    if order.wait or order.submit:
        _bring_home(found, pushed, order)
    if order.submit:
        _submit(content["competition_sources"][0], pushed[0], order)
    return pushed


def _resumed(found: Stage, order: Order) -> list[Pushed]:
    pushed = receipts.recall(order.runs, order.owner, found.name)
    if not pushed:
        raise ValueError(f"{found.name} was not pushed from here by {order.owner}: nothing to go on with")
    return _submittable(found, pushed, order)


def _submittable(found: Stage, kernels: list, order: Order) -> list:
    if order.submit and len(kernels) != 1:
        raise ValueError(f"{found.name} is {len(kernels)} kernels, only one can be submitted")
    return kernels


def _sent(found: Stage, content: dict, order: Order) -> list[Pushed]:
    stamps = _submittable(found, list(_stamps(content, order)), order)
    for line in _announced(found, content, stamps[0]):
        order.report(line)
    pushed = []
    for stamp in stamps:
        kernel = send(found.folder, stamp)
        receipts.record(order.runs, order.owner, found.name, kernel, stamp.values, bool(stamp.suffix))
        order.report(f"{kernel.kernel} version {kernel.version} pushed: {kernel.url}")
        pushed.append(kernel)
    return pushed


def _stamps(content: dict, order: Order) -> Iterator[Stamp]:
    """One for each kernel to push."""
    wide = parameters.ranges(order.overrides)
    if wide - {FANNED}:
        raise ValueError(f"{', '.join(sorted(wide))} cannot be fanned out, only {FANNED} can: stages find their folds")
    own = [source.split("/")[1] for source in content.get("kernel_sources", [])]
    sources = {name: [p.kernel for p in receipts.recall(order.runs, order.owner, name)] for name in own}
    sources = {name: kernels for name, kernels in sources.items() if kernels}
    for values in parameters.fan_out(order.overrides):
        suffix = f"{FANNED}{values[FANNED]}" if wide else ""
        yield Stamp(order.owner, values, suffix, order.accelerator, sources)


def _announced(found: Stage, content: dict, stamp: Stamp) -> Iterator[str]:
    if stamp.sources:
        yield f"{found.name} takes {', '.join(kernel for kernels in stamp.sources.values() for kernel in kernels)}"
    made = with_accelerator(content, stamp.accelerator) if stamp.accelerator else content
    shape = made.get("machine_shape", "")
    if shape in metadata.RETIRED:
        yield f"{found.name} asks for {shape}: {metadata.RETIRED[shape]}"


def _bring_home(found: Stage, pushed: list[Pushed], order: Order) -> None:
    """Waits for all, fetches the outputs of each."""
    wait([kernel.kernel for kernel in pushed], order.poll_s, progress=order.progress)
    for kernel in pushed:
        suffix = kernel.kernel.partition("/")[2].removeprefix(found.name)
        folder = order.runs / "kaggle" / found.competition / (found.runs_as + suffix)
        files = fetch(kernel.kernel, folder, order.files)
        order.report(f"{kernel.kernel} complete, {len(files)} files in {folder}")
        if order.submit and not (folder / submissions.SUBMISSION).is_file() and _wanted(order.files):
            text = f"{kernel.kernel} wrote no {submissions.SUBMISSION}, so nothing was submitted"
            raise KaggleFailure("run", f"{text}; it wrote {', '.join(f.name for f in files) or 'nothing'}")


def _wanted(pattern: str | None) -> bool:
    return pattern is None or re.search(pattern, submissions.SUBMISSION) is not None


def _submit(competition: str, kernel: Pushed, order: Order) -> None:
    order.report(submissions.submit(competition, kernel.kernel, kernel.version, order.message))
    order.report(f"submissions left today: {submissions.remaining(competition)}")
