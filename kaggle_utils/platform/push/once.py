"""Something is done once, though the line is cut, the answer is lost, or this process is killed at any moment.

Before it is sent the other side is asked whether it has it, under a lock, which the client's process holds as well:
who is killed in the middle leaves it to the client until that has ended. In the lock's file stands what was sent and
not seen since: the other side is given some looks to show what it has accepted, before it counts as lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

from kaggle_utils.files import locked
from kaggle_utils.platform.client.calls import KaggleFailure
from kaggle_utils.platform.signals import uninterrupted

LOOKS, SHOWN_S = 8, 180.0  # looks in vain, and seconds, until what was sent counts as lost
_T = TypeVar("_T")


@contextmanager
def held(path: Path) -> Iterator[IO]:
    """The lock of that name, held for this process alone; its file, to be kept in children."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(f"{path.name}.lock"), "a+") as file, locked(file):
        yield file


def once(path: Path, what: str, there: Callable[[], _T | None], send: Callable[[Sequence[int]], _T]) -> _T:
    """What `there` finds, else what `send` brings.

    path: the lock; what: a digest of what is done; send: given the open files that its process must keep
    Raises KaggleFailure: ``unshown`` where it was sent and is not to be seen, so that a later call finds out.
    """
    with held(path) as file:
        file.seek(0)
        begun, looks, since = (file.read().split(" ") + ["0", "0"])[:3]
        found = there()
        if found is None and begun == what and (int(looks) < LOOKS or 0 <= time.time() - float(since) < SHOWN_S):
            _write(file, f"{what} {int(looks) + 1} {since}")
            raise KaggleFailure("unshown", f"{path.name} was sent before, and Kaggle does not show it yet")
        _write(file, "" if found is not None else f"{what} 0 {time.time()}")
        return _sent(send, file) if found is None else found


def _sent(send: Callable[[Sequence[int]], _T], file: IO) -> _T:
    stopped: list[int] = []
    try:
        with uninterrupted() as stopped:
            return send([file.fileno()])
    except KaggleFailure as failure:
        kind = "unshown" if failure.uncertain else failure.kind
        if not failure.uncertain:
            _write(file, "")
        raise KaggleFailure("stopped" if stopped else kind, str(failure), failure.status) from None


def _write(file: IO, text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()
