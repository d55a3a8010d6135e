"""Something is done once, though the line is cut, the answer is lost, or this process is killed at any moment.

Before it is sent the other side is asked whether it has it, under a lock, which the client's process holds as well:
who is killed in the middle leaves it to the client until that has ended. Beside the lock is noted what was sent, or
seen, and after which number of the other side: where that shows no later one, it is given some looks before what it
accepted counts as lost.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

from kaggle_utils.files import locked, replacing
from kaggle_utils.platform.client.calls import KaggleFailure
from kaggle_utils.platform.signals import uninterrupted

LOOKS, SHOWN_S = 8, 180.0  # looks in vain, and seconds, until what was sent counts as lost
_T, Report = TypeVar("_T"), Callable[[str], None]


@contextmanager
def held(path: Path, report: Report) -> Iterator[IO]:
    """The lock of that name, held for this process alone; its file, to be kept in children. Who waits is told."""
    path.parent.mkdir(parents=True, exist_ok=True)
    busy = f"{path.name} is in the hands of another command; waiting for it"
    with open(path.with_name(f"{path.name}.lock"), "a+") as file, locked(file, lambda: report(busy)):
        yield file


def just_now(since: float) -> bool:
    """Whether something was done (seconds since 1970) so short a time ago that Kaggle may not show it yet."""
    return 0 <= time.time() - since < SHOWN_S


def once(
    path: Path, what: str, there: Callable[[], tuple[_T | None, int]], send: Callable[[Sequence[int]], _T], report: Report
) -> _T:  # fmt: skip
    """What `there` finds, else what `send` brings.

    path: the lock; what: a digest of what is done
    there: gives it, None where it is not there, and a number of the other side that grows with all that it is sent
    send: given the open files that its process must keep
    Raises KaggleFailure: ``unshown`` where it was sent and is not to be seen, so that a later call finds out.
    """
    note = path.with_name(f"{path.name}.sent")
    with held(path, report) as file:
        sent, after, looks, since = before = _noted(note)
        found, number = there()
        if found is not None:
            _write(note, what, number - 1, 0, time.time())
            return found
        if sent == what and number <= after and (looks < LOOKS or just_now(since)):
            _write(note, what, after, looks + 1, since)
            raise KaggleFailure("unshown", f"{path.name} was sent before, and Kaggle does not show it yet")
        _write(note, what, number, 0, time.time())
        return _sent(send, file, lambda: _write(note, *before))


def _sent(send: Callable[[Sequence[int]], _T], file: IO, take_back: Callable[[], None]) -> _T:
    stopped: list[int] = []
    try:
        with uninterrupted() as stopped:
            return send([file.fileno()])
    except KaggleFailure as failure:
        kind = "unshown" if failure.uncertain else failure.kind
        if not failure.uncertain:
            take_back()
        raise KaggleFailure("stopped" if stopped else kind, str(failure), failure.status) from None


def _noted(note: Path) -> tuple[str, int, int, float]:
    """What was sent, after which number; looks in vain since, and the time from which these count."""
    try:
        sent, after, looks, since = json.loads(note.read_text())
        return sent, after, looks, since
    except (OSError, ValueError):
        return "", 0, 0, 0.0


def _write(note: Path, *content: object) -> None:
    with replacing(note) as part:
        part.write_text(json.dumps(content))
