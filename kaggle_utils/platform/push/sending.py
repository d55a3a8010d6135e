"""Kernels sent one after another and looked at until they have ended, however often the line is cut.

Kaggle runs only so many sessions of an account at a time (two with a GPU) and refuses the next push
with a good answer that carries an error. Who waits anyway waits for room, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence, Sized
from typing import TypeVar

from tqdm import tqdm

from kaggle_utils.platform.client.calls import KaggleFailure
from kaggle_utils.platform.client.once import LOOKS, once
from kaggle_utils.platform.push.mark import Mark
from kaggle_utils.platform.push.order import Order
from kaggle_utils.platform.push.sources import require_same, versions_read
from kaggle_utils.platform.push.stamping import Made
from kaggle_utils.platform.push.versions import SAVED, Version, look, require_whole, send, work_left

PATIENCE = 2 * LOOKS  # failures in a row that are sat out
_LONGEST_PAUSE_S = 60.0  # each pause is half as long again as the one before, up to this
_T = TypeVar("_T")


def patiently(step: Callable[[], _T | None], order: Order, gained: Sized = ()) -> _T:
    """What a step brings; it is taken again after a pause while it brings None, and while its failures may pass.

    gained: what grows as the steps get on; failures in a row are counted anew then
    Who does not wait sits out only that Kaggle does not show yet what it was sent. Raises KaggleFailure.
    """
    lost, sits_out, said, pause, had = 0, order.waits, "", order.poll_s, len(gained)
    while True:
        try:
            if (found := step()) is not None:
                return found
            lost = 0
        except KaggleFailure as failure:
            busy = failure.kind == "busy"
            lost, had = 0 if busy or len(gained) > had else lost + 1, len(gained)
            sits_out |= failure.kind == "unshown"
            if not (order.waits if busy else sits_out and failure.passing) or lost > PATIENCE:
                raise
            if str(failure) != said:
                said = str(failure)
                order.report(f"{said}; trying again")
        time.sleep(pause)
        pause = min(1.5 * pause, max(pause, _LONGEST_PAUSE_S))


def carried_out(todo: Mapping[str, Callable[[], Version]], order: Order) -> list[Version]:
    """The versions of kernels when all are sent, and have ended where the order waits.

    todo: kernel (owner/slug) -> what sees to it that Kaggle has it, and gives its version
    Raises KaggleFailure, which names the kernels and says how to go on.
    """
    found: dict[str, Version] = {}

    def step() -> list[Version] | None:
        found.update(_looked_at(found, order))
        bar.n = sum(version.over for version in found.values())
        bar.set_postfix_str(", ".join(f"{version.kernel.split('/')[1]} {version.state}" for version in found.values()))
        for kernel in [kernel for kernel in todo if kernel not in found]:
            found[kernel] = todo[kernel]()
        return [*found.values()] if not order.waits or all(version.over for version in found.values()) else None

    with tqdm(total=len(todo), disable=None if order.progress else True, unit="kernel") as bar:
        try:
            return patiently(step, order, found)
        except KaggleFailure as failure:
            text = _told(failure, found, [kernel for kernel in todo if kernel not in found])
            raise KaggleFailure(failure.kind, text, failure.status) from None


def _looked_at(found: Mapping[str, Version], order: Order) -> dict[str, Version]:
    """Those that ran, now. A status of another version than the one that is waited for is not taken for it."""
    now = look([kernel for kernel, version in found.items() if not version.over])
    for kernel, version in now.items():
        before = found[kernel]
        if version is None or version.version < before.version:
            raise KaggleFailure("unshown", f"{before} is not shown, there is {version or 'no such kernel'}")
        if version.version > before.version:
            raise KaggleFailure("run", f"{before} is waited for, and there is version {version.version} by now")
        if version.failed:
            order.report(": ".join(filter(None, [f"{version} ended with {version.state}", version.message])))
    return now


def _told(failure: KaggleFailure, found: Mapping[str, Version], unsent: Sequence[str]) -> str:
    running = [str(version) for version in found.values() if not version.over]
    names = "" if any(kernel in str(failure) for kernel in (*found, *unsent)) else ", ".join([*running, *unsent]) + ": "
    rest = f"; not sent yet: {', '.join(unsent)}" if found and unsent else ""
    room = " as soon as there is room, --wait waits for it" if failure.kind == "busy" else ""
    return f"{names}{failure}{rest}" + (f"; the same command goes on{room}" if found or room or failure.passing else "")


def ensured(made: Made, mark: Mark, order: Order) -> Version:
    """The version that Kaggle has of a kernel with this mark; without one it is sent. Raises KaggleFailure.

    One that has ended before its work was done is sent again, to go on from what it left.
    """
    versions = [made]

    def there() -> tuple[Version | None, int]:
        seen = look([made.kernel])[made.kernel]
        number = seen.version if seen else 0
        same = seen and seen.mark and seen.mark.digest == mark.digest
        if not same or order.again and seen.mark.sent != mark.sent or order.run and seen.state == SAVED:
            return None, number
        if number == 0:
            raise KaggleFailure("unshown", f"{made.kernel} is being pushed from elsewhere")
        require_whole(seen)
        if seen.complete and (left := work_left(seen)):
            order.report(f"{seen} has ended before its work was done: {left}; it is sent again to go on")
            versions.append(made.going_on())
            return None, number
        order.report(f"{seen} is this already, {seen.state}: {seen.url}")
        return seen, number

    def sent(keep: Sequence[int]) -> Version:
        require_same(mark.reads, versions_read(made.content))
        version = send(versions[-1], mark, keep)
        order.report(f"{version} {'pushed' if order.run else 'saved'}: {version.url}")
        return version

    return once(order.locks / made.kernel, mark.sent if order.again else mark.digest, there, sent, order.report)
