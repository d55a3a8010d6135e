"""The kernels of a stage sent one after another, each noted as soon as Kaggle has taken it.

Kaggle runs only so many sessions of an account at a time (two with a GPU) and refuses the next push
with a good answer that carries an error. Who waits anyway waits for room, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from kaggle_utils.platform.push import receipts
from kaggle_utils.platform.push.chain import Stage
from kaggle_utils.platform.push.client import KaggleFailure, ask
from kaggle_utils.platform.push.interruption import uninterrupted
from kaggle_utils.platform.push.kernels import OVER, PATIENCE, Pushed, pauses, send
from kaggle_utils.platform.push.order import Order, folds, resume_command
from kaggle_utils.platform.push.stamping import FANNED, Stamp

_LONGEST_S = 24 * 3600.0  # of waiting for room for one kernel; a session ends after 12 hours


def send_all(found: Stage, stamps: Sequence[Stamp], order: Order, running: Sequence[Pushed] = ()) -> list[Pushed]:
    """Sends a kernel for each stamp; what Kaggle took.

    running: kernels of the same stage that were sent before; while there is no room, it is reported when
    one of them ends.
    Without ``order.waits`` it ends at the first that there is no room for. Raises KaggleFailure; what was
    taken before stays noted, and so does what is still to be sent.
    """
    pushed: list[Pushed] = []
    watch = _Watch({kernel.kernel for kernel in running}, order.report)
    for number, stamp in enumerate(stamps):
        try:
            kernel = _taken(found, stamp, stamps[number + 1 :], order, watch)
        except KaggleFailure as failure:
            raise _with_the_rest(failure, found, stamps[number:] if pushed or order.resume else [], order) from None
        order.report(f"{kernel.kernel} version {kernel.version} pushed: {kernel.url}")
        pushed.append(kernel)
        watch.running.add(kernel.kernel)
    return pushed


@dataclass
class _Watch:
    """Kernels that run, as far as is known, and whom to tell of those that have ended."""

    running: set[str]
    report: Callable[[str], None]

    def look(self) -> None:
        """Reports each kernel that has ended, once; a look that fails is no loss."""
        try:
            states = ask("status", kernels=sorted(self.running)) if self.running else {}
        except KaggleFailure:
            return
        for kernel, (state, message) in states.items():
            if state in OVER:
                self.running.discard(kernel)
                self.report(": ".join(filter(None, [f"{kernel} ended with {state}", message])))


def _taken(found: Stage, stamp: Stamp, rest: Sequence[Stamp], order: Order, watch: _Watch) -> Pushed:
    """Sends a kernel, when there is room for it if the order waits.

    A push that is not answered is not repeated, for it may have arrived; but once Kaggle has said that
    there is no room, a lost connection is sat out, and it is sent again unless Kaggle has it by then.
    """
    full, lost, waits, end = False, 0, pauses(order.poll_s), time.monotonic() + _LONGEST_S
    while True:
        stopped: list[int] = []
        try:
            with uninterrupted() as stopped:
                return _sent(found, stamp, rest, order)
        except KaggleFailure as failure:
            lost = 0 if failure.kind == "full" else lost + 1
            sat_out = failure.kind == "full" or (full and failure.passing and lost < PATIENCE)
            if stopped or not (order.waits and sat_out and time.monotonic() < end):
                raise
            if not full:
                order.report(f"{failure}; trying again until there is room")
            full = True
            watch.look()
            time.sleep(next(waits))
            if failure.uncertain and _may_run(stamp.kernel(found.name), waits):
                raise


def _may_run(kernel: str, waits: Iterator[float]) -> bool:
    """Whether a kernel waits or runs; True when Kaggle does not tell."""
    for pause, _ in zip(waits, range(PATIENCE), strict=False):
        try:
            [(state, _message)] = ask("status", kernels=[kernel]).values()
            return state not in OVER
        except KaggleFailure as failure:
            if not failure.passing:
                return failure.status not in (403, 404)  # there is no such kernel
        time.sleep(pause)
    return True


def _sent(found: Stage, stamp: Stamp, rest: Sequence[Stamp], order: Order) -> Pushed:
    """Sends a kernel and notes it and what is still to be sent."""
    kernel = send(found.folder, stamp)
    receipts.record(order.runs, found.name, kernel, stamp, rest)
    return kernel


def _with_the_rest(failure: KaggleFailure, found: Stage, rest: Sequence[Stamp], order: Order) -> KaggleFailure:
    if not rest:
        return failure
    unsent = folds(stamp.values[FANNED] for stamp in rest)
    wait = "" if order.waits else ", with --wait as soon as there is room"
    how = f"`{resume_command(order, found.name)}` sends what is left{wait}"
    return KaggleFailure(failure.kind, f"{failure}; {unsent} not sent: {how}", failure.status)
