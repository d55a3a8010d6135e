"""A kernel pushed to Kaggle, waited for, brought home and submitted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from kaggle_utils.platform import parameters
from kaggle_utils.platform.push import chain, metadata, receipts, submissions
from kaggle_utils.platform.push.chain import Stage
from kaggle_utils.platform.push.client import KaggleFailure, owner_name
from kaggle_utils.platform.push.interruption import uninterrupted
from kaggle_utils.platform.push.kernels import Pushed
from kaggle_utils.platform.push.order import Order, earlier_kernels, refuse_several, resume_command, stamps, unsent_stamps
from kaggle_utils.platform.push.outputs import bring_home, home_of
from kaggle_utils.platform.push.receipts import Receipt
from kaggle_utils.platform.push.sending import send_all
from kaggle_utils.platform.push.stamping import Stamp, with_accelerator


def push(name: str, order: Order | None = None) -> list[Pushed]:
    """Pushes one kernel, e.g. ``reef-2-train``; what Kaggle took, several of a fan-out.

    Raises ValueError for what is wrong at home, before anything is sent, and KaggleFailure for what
    Kaggle refuses, rejects or fails to finish.
    """
    order = order or Order()
    root = chain.kernels_root(order.kernels)
    found = chain.stage(name, root)
    content = chain.check(found, root)
    uploads = order.submit and submissions.takes_a_file(found.competition)
    if uploads and not re.search(order.files or "", submissions.SUBMISSION):
        raise ValueError(f"--files is {order.files!r}, expected it to take {submissions.SUBMISSION}, which is to be uploaded")
    order = replace(order, owner=owner_name(order.owner))
    before = receipts.recall(order.runs, order.owner, name)
    pushed, to_send = _begun(found, content, before, order)
    refuse_several(found, len(pushed) + len(to_send), order)
    for line in _announced(found, content, to_send):
        order.report(line)
    with _resumable(found, before, order):
        pushed += send_all(found, to_send, order, pushed)
        if order.waits:
            bring_home(found, pushed, order)
    if order.submit:
        _see_submission(found, pushed[0], order)
        _submit(content["competition_sources"][0], found, pushed[0], order)
    return pushed


def _begun(found: Stage, content: Mapping, last: Receipt, order: Order) -> tuple[list[Pushed], list[Stamp]]:
    """What was pushed before and is gone on with, and what is to be sent."""
    if not order.resume:
        return [], stamps(found, order, earlier_kernels(content, order))
    if not last.kernels:
        raise ValueError(f"{found.name} was not pushed from here by {order.owner}: nothing to go on with")
    _refuse_others(found, last, order)
    rest = unsent_stamps(found, order, last, earlier_kernels(content, order) if last.unsent else {})
    again = {stamp.kernel(found.name) for stamp in rest}
    return [kernel for kernel in last.kernels if kernel.kernel not in again], rest


def _refuse_others(found: Stage, last: Receipt, order: Order) -> None:
    """Raises ValueError for an order to go on with something else than what was pushed."""
    text = f"--resume goes on with {found.name} as it was pushed, and that was not with"
    how = "leave out the one or the other"
    for values in parameters.fan_out(order.overrides):
        for name, value in values.items():
            if repr(value) not in last.given(name):
                raise ValueError(f"{text} {name} = {value!r}: {how}")
    if order.accelerator not in (None, last.accelerator):
        raise ValueError(f"{text} {order.accelerator}: {how}")


@contextmanager
def _resumable(found: Stage, before: Receipt, order: Order) -> Iterator[None]:
    """Says how to go on when it is stopped from the keyboard and anything runs on Kaggle."""
    try:
        yield
    except KeyboardInterrupt:
        if order.resume or receipts.recall(order.runs, order.owner, found.name) != before:
            order.report(f"stopped; on Kaggle it runs on, and `{resume_command(order, found.name)}` goes on here")
        raise


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
    unseen = not re.search(order.files or "", submissions.SUBMISSION)
    if (folder / submissions.SUBMISSION).is_file() or unseen:
        return
    wrote = ", ".join(sorted(path.name for path in folder.rglob("*") if path.is_file())) or "nothing"
    text = f"{kernel.kernel} wrote no {submissions.SUBMISSION}, so nothing was submitted; it wrote {wrote}"
    raise KaggleFailure("run", text)


def _submit(competition: str, found: Stage, kernel: Pushed, order: Order) -> None:
    """The version itself, or the table it wrote where the competition scores a file."""
    given = kernel.kernel, kernel.version, order.message
    table = home_of(found, kernel, order.runs) / submissions.SUBMISSION
    uploads = submissions.takes_a_file(found.competition)
    if uploads:
        order.report(submissions.check(found.competition, table))
    with uninterrupted():
        sent = submissions.submit_file(competition, table, *given) if uploads else submissions.submit(competition, *given)
        order.report(sent)
    try:
        left = f"submissions left today: {submissions.remaining(competition)}"
    except KaggleFailure as failure:
        left = f"it is submitted; how many submissions are left today was not told: {failure}"
    order.report(left)
