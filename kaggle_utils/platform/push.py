"""A kernel pushed to Kaggle, waited for, brought home and submitted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from kaggle_utils.platform import chain, metadata, receipts, submissions
from kaggle_utils.platform.chain import Stage
from kaggle_utils.platform.client import KaggleFailure, owner_name
from kaggle_utils.platform.kernels import Pushed
from kaggle_utils.platform.order import Order, earlier_kernels, stamps, unsent_stamps
from kaggle_utils.platform.outputs import bring_home, home_of
from kaggle_utils.platform.sending import send_all
from kaggle_utils.platform.stamping import Stamp, with_accelerator

__all__ = ["push"]


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
    pushed, to_send = _begun(found, content, order)
    if order.submit and len(pushed) + len(to_send) != 1:
        raise ValueError(f"{name} is {len(pushed) + len(to_send)} kernels, only one can be submitted")
    for line in _announced(found, content, to_send):
        order.report(line)
    pushed += send_all(found, to_send, order)
    if order.waits:
        bring_home(found, pushed, order)
    if order.submit:
        _see_submission(found, pushed[0], order)
        _submit(content["competition_sources"][0], pushed[0], order)
    return pushed


def _begun(found: Stage, content: Mapping, order: Order) -> tuple[list[Pushed], list[Stamp]]:
    """What was pushed before and is gone on with, and what is to be sent."""
    if not order.resume:
        return [], stamps(found, content, order, earlier_kernels(content, order))
    last = receipts.recall(order.runs, order.owner, found.name)
    if not last.kernels:
        raise ValueError(f"{found.name} was not pushed from here by {order.owner}: nothing to go on with")
    sources = earlier_kernels(content, order) if last.unsent else {}
    rest = unsent_stamps(found, order, last, sources)
    again = {f"{found.name}-{stamp.suffix}" for stamp in rest}
    return [kernel for kernel in last.kernels if kernel.kernel.partition("/")[2] not in again], rest


def _announced(found: Stage, content: Mapping, to_send: list[Stamp]) -> Iterator[str]:
    for stamp in to_send[:1]:
        if stamp.sources:
            yield f"{found.name} takes {', '.join(kernel for kernels in stamp.sources.values() for kernel in kernels)}"
        made = with_accelerator(content, stamp.accelerator) if stamp.accelerator else content
        shape = made.get("machine_shape", "")
        if shape in metadata.RETIRED:
            yield f"{found.name} asks for {shape}: {metadata.RETIRED[shape]}"


def _see_submission(found: Stage, kernel: Pushed, order: Order) -> None:
    """Raises KaggleFailure when the kernel wrote nothing to submit, if what was fetched can tell."""
    folder = home_of(found, kernel, order.runs)
    if (folder / submissions.SUBMISSION).is_file() or not re.search(order.files or "", submissions.SUBMISSION):
        return
    wrote = ", ".join(sorted(path.name for path in folder.rglob("*") if path.is_file())) or "nothing"
    text = f"{kernel.kernel} wrote no {submissions.SUBMISSION}, so nothing was submitted; it wrote {wrote}"
    raise KaggleFailure("run", text)


def _submit(competition: str, kernel: Pushed, order: Order) -> None:
    order.report(submissions.submit(competition, kernel.kernel, kernel.version, order.message))
    try:
        left = f"submissions left today: {submissions.remaining(competition)}"
    except KaggleFailure as failure:
        left = f"it is submitted; how many submissions are left today was not told: {failure}"
    order.report(left)
