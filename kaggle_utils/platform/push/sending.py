"""Kernels sent one after another and looked at until they have ended, however often the line is cut.

Kaggle runs only so many sessions of an account at a time (two with a GPU) and refuses the next push
with a good answer that carries an error. Who waits anyway waits for room, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tqdm import tqdm

from kaggle_utils.platform.push.client import KaggleFailure
from kaggle_utils.platform.push.kernels import Version, look, pauses, send, work_left
from kaggle_utils.platform.push.mark import Mark
from kaggle_utils.platform.push.once import LOOKS, once
from kaggle_utils.platform.push.order import Order
from kaggle_utils.platform.push.stamping import Made

PATIENCE = 2 * LOOKS  # failures in a row that are sat out
_T = TypeVar("_T")


def patiently(step: Callable[[], _T | None], order: Order) -> _T:
    """What a step brings; it is taken again after a pause while it brings None, and while its failures may pass.

    Who does not wait sits out only that Kaggle does not show yet what it was sent. Raises KaggleFailure.
    """
    lost, sits_out, said = 0, order.waits, ""
    for pause in pauses(order.poll_s):
        try:
            if (found := step()) is not None:
                return found
            lost = 0
        except KaggleFailure as failure:
            full = failure.kind == "full"
            lost = 0 if full else lost + 1
            sits_out |= failure.kind == "unshown"
            if not (sits_out and (failure.passing or full and order.waits)) or lost > PATIENCE:
                raise
            if str(failure) != said:
                said = str(failure)
                order.report(f"{said}; trying again" + (" until there is room" if full else ""))
        time.sleep(pause)
    raise AssertionError("pauses have no end")


@dataclass
class Progress:
    """Kernels to be pushed, and how far that is.

    todo: kernel (owner/slug) -> what sees to it that Kaggle has it, and gives its version; found: those it has
    """

    order: Order
    todo: Mapping[str, Callable[[], Version]]
    found: dict[str, Version] = field(default_factory=dict)

    def carry_out(self) -> list[Version]:
        """The versions when all are sent, and have ended where the order waits; KaggleFailure naming the kernels."""
        with tqdm(total=len({*self.todo, *self.found}), disable=None if self.order.progress else True, unit="kernel") as bar:
            try:
                return patiently(lambda: self._round(bar), self.order)
            except KaggleFailure as failure:
                raise KaggleFailure(failure.kind, self._told(failure), failure.status) from None

    def _round(self, bar: tqdm) -> list[Version] | None:
        self._look()
        bar.n = sum(version.over for version in self.found.values())
        bar.set_postfix_str(", ".join(f"{v.kernel.split('/')[1]} {v.state}" for v in self.found.values()))
        for kernel in self._unsent:
            self.found[kernel] = self.todo[kernel]()
        ended = all(version.over for version in self.found.values())
        return [*self.found.values()] if ended or not self.order.waits else None

    @property
    def _unsent(self) -> list[str]:
        return [kernel for kernel in self.todo if kernel not in self.found]

    def _look(self) -> None:
        """A status or a source of another version than the one that is waited for is not taken for it."""
        running = [kernel for kernel, version in self.found.items() if not version.over]
        for kernel, now in look(running).items() if running else ():
            before = self.found[kernel]
            if now is None or now.version < before.version:
                raise KaggleFailure("unshown", f"{before} is not shown, there is {now or 'no such kernel'}")
            if now.version > before.version:
                raise KaggleFailure("run", f"{before} is waited for, and there is version {now.version} by now")
            self.found[kernel] = now
            if now.over and not now.complete:
                self.order.report(": ".join(filter(None, [f"{now} ended with {now.state}", now.message])))

    def _told(self, failure: KaggleFailure) -> str:
        running = [str(version) for version in self.found.values() if not version.over]
        names = "" if any(kernel in str(failure) for kernel in self.todo) else ", ".join([*running, *self._unsent]) + ": "
        unsent = f"; not sent yet: {', '.join(self._unsent)}" if self.found and self._unsent else ""
        full = failure.kind == "full"
        how = "; the same command goes on" if full or failure.passing or self.found else ""
        return f"{names}{failure}{unsent}{how}{', with --wait when there is room' * (full and not self.order.waits)}"


def ensured(made: Made, mark: Mark, order: Order) -> Version:
    """The version that Kaggle has of a kernel with this mark; without one it is sent. Raises KaggleFailure.

    One that has ended before its work was done is sent again, to go on from what it left.
    """
    going_on: list[Made] = []

    def there() -> Version | None:
        seen = look([made.kernel])[made.kernel]
        same = seen and seen.mark and seen.mark.digest == mark.digest
        if not same or order.again and seen.mark.sent != mark.sent:
            return None
        if seen.version == 0:
            raise KaggleFailure("unshown", f"{made.kernel} is being pushed from elsewhere")
        if seen.complete and (left := work_left(seen)):
            order.report(f"{seen} has ended before its work was done: {left}; it is sent again to go on")
            going_on.append(made.going_on())
            return None
        order.report(f"{seen} is this already, {seen.state}: {seen.url}")
        return seen

    def sent(keep: Sequence[int]) -> Version:
        version = send([made, *going_on][-1], mark, order.run, keep)
        order.report(f"{version} {'pushed' if order.run else 'saved'}: {version.url}")
        return version

    return once(order.locks / made.kernel, mark.digest, there, sent)
