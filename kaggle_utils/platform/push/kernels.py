"""One kernel on Kaggle: sent, waited for, its log and its outputs brought home.

What the service says is read from its answer, not from an exit code: a push may be refused with a
200, and it is accepted and run even when some of its sources were rejected.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from kaggle_utils.files import swap
from kaggle_utils.platform.push import metadata
from kaggle_utils.platform.push.client import KaggleFailure, ask
from kaggle_utils.platform.push.stamping import Stamp, stamped

_REJECTED = {
    "datasets": "invalidDatasetSources",
    "kernels": "invalidKernelSources",
    "competitions": "invalidCompetitionSources",
    "models": "invalidModelSources",
}
OVER = ("COMPLETE", "ERROR", "CANCEL_ACKNOWLEDGED")
_LONGEST_PAUSE_S = 60.0
_AGAIN_S = (2.0, 10.0, 30.0)  # pauses before a download is tried again
PATIENCE = 8  # calls in a row without an answer that are sat out
_FULL = re.compile(r"session count of \d+ reached")  # "Maximum batch GPU session count of 2 reached."


@dataclass(frozen=True)
class Pushed:
    """A kernel version that Kaggle took: ``owner/slug``, its version number, its page."""

    kernel: str
    version: int
    url: str


def send(folder: Path, stamp: Stamp) -> Pushed:
    """Pushes a kernel's folder, stamped; Kaggle starts to run it.

    Raises ValueError for metadata that cannot be pushed and KaggleFailure when Kaggle refuses, does
    not answer, or took the kernel without some of its sources.
    """
    with stamped(folder, stamp) as copy:
        wanted = metadata.read(copy)["id"]
        try:
            answer = ask("push", folder=str(copy))
        except KaggleFailure as failure:
            raise _explained(wanted, failure) from None
    return _pushed(wanted, answer)


def _explained(wanted: str, failure: KaggleFailure) -> KaggleFailure:
    advice = ""
    if failure.status == 409:
        advice = "; another notebook of yours has this title, perhaps under an older slug: rename or delete it"
    if failure.uncertain:
        advice = f"; the push may have arrived all the same: look at https://www.kaggle.com/code/{wanted} first"
    return KaggleFailure(failure.kind, f"{wanted} was not pushed: {failure}{advice}", failure.status)


def _pushed(wanted: str, answer: dict) -> Pushed:
    if answer.get("error"):
        kind = "full" if _FULL.search(answer["error"]) else "refused"
        raise KaggleFailure(kind, f"{wanted} was not pushed: Kaggle says {answer['error']!r}")
    url = answer.get("url", "")
    kernel = "/".join((answer.get("ref") or wanted).strip("/").split("/")[-2:])
    pushed = Pushed(kernel, answer.get("versionNumber", 0), url)
    rejected = [f"{kind} {', '.join(answer[key])}" for kind, key in _REJECTED.items() if answer.get(key)]
    if rejected:
        what = f"{kernel} version {pushed.version} runs without some of its sources. Rejected: {'; '.join(rejected)}"
        raise KaggleFailure("sources", f"{what}. Stop it at {url}, make them or correct {metadata.FILE}, push again")
    if kernel.lower() != wanted.lower():
        raise KaggleFailure("refused", f"Kaggle keeps {wanted} as {kernel}, where the next stage would not look: {url}")
    return pushed


def wait(
    kernels: Sequence[str], poll_s: float = 5.0, limit_hours: float = 24.0, progress: bool = False
) -> dict[str, str]:
    """Waits until all kernels (owner/slug) have ended; kernel -> how it failed, empty where it completed.

    poll_s: first pause between two looks, see :func:`pauses`
    limit_hours: how long to wait in all, a queue included
    progress: show a line with what each is doing
    How a kernel failed is a sentence and the tail of its log. Short losses of the connection are sat
    out. Raises KaggleFailure when the time is over; the kernels run on.
    """
    end = time.monotonic() + 3600 * limit_hours
    with tqdm(total=len(kernels), disable=None if progress else True, unit="kernel") as bar:
        states = _poll(list(kernels), lambda now: _show(bar, now), pauses(poll_s), end)
    return {kernel: _account(kernel, *states[kernel]) for kernel in kernels}


def pauses(first_s: float) -> Iterator[float]:
    """Pauses between looks, in seconds: each half as long again as the one before, up to a minute.

    >>> from itertools import islice
    >>> list(islice(pauses(20), 5))
    [20, 30.0, 45.0, 60.0, 60.0]
    """
    pause = first_s
    while True:
        yield pause
        pause = min(pause * 1.5, max(pause, _LONGEST_PAUSE_S))


def _poll(kernels: list[str], show: Callable, waits: Iterator[float], end: float) -> dict[str, list]:
    silent = 0
    for pause in waits:
        try:
            states = ask("status", kernels=kernels)
            silent = 0
        except KaggleFailure as failure:
            silent += 1
            if not failure.passing or silent >= PATIENCE:
                raise
        else:
            show(states)
            if all(state in OVER for state, _ in states.values()):
                return states
        if time.monotonic() + pause > end:
            break
        time.sleep(pause)
    raise KaggleFailure("run", f"{', '.join(kernels)}: not over yet, they go on running; wait again later")


def _show(bar: tqdm, states: dict[str, list]) -> None:
    bar.n = sum(state in OVER for state, _ in states.values())
    bar.set_postfix_str(", ".join(f"{kernel.split('/')[1]} {state}" for kernel, (state, _) in states.items()))


def _account(kernel: str, state: str, message: str) -> str:
    if state == "COMPLETE":
        return ""
    try:
        tail = log_tail(kernel)
    except KaggleFailure as failure:
        tail = f"(no log: {failure})"
    return f"{kernel} ended with {state}{': ' + message if message else ''}. The end of its log:\n{tail}"


def log_tail(kernel: str, lines: int = 30) -> str:
    """The last lines of a kernel's log; KaggleFailure when it cannot be had."""
    return "\n".join(_log_text(ask("log", kernel=kernel)).splitlines()[-lines:])


def _log_text(log: str) -> str:
    """The service keeps a log as a JSON list of pieces, ``{"stream_name", "time", "data"}``."""
    try:
        return "".join(piece["data"] for piece in json.loads(log))
    except (ValueError, KeyError, TypeError):
        return log


def fetch(
    kernel: str, folder: Path, pattern: str | None = None, aside: Path | None = None, limit_hours: float = 6.0
) -> list[Path]:
    """Downloads a kernel's outputs and its log into a folder; the files that it holds then.

    pattern: a regular expression that the wanted names match, all without one
    aside: where the folder goes before, if it is there, a name that is free; None: the files join those in it
    Tried again where that may help. Raises KaggleFailure when a file does not come whole; the folder
    is then as it was.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as name:
        new = Path(name, "new")
        _downloaded(kernel, new, pattern, 3600 * limit_hours)
        if aside:
            swap(new, folder, aside)
        elif folder.exists():
            _join(new, folder)
        else:
            new.rename(folder)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _join(new: Path, folder: Path) -> None:
    for path in (path for path in new.rglob("*") if path.is_file()):
        place = folder / path.relative_to(new)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, place)


def _downloaded(kernel: str, folder: Path, pattern: str | None, limit_s: float) -> None:
    for pause in (*_AGAIN_S, None):
        folder.mkdir()
        try:
            ask("outputs", limit_s=limit_s, kernel=kernel, folder=str(folder), pattern=pattern)
            return
        except KaggleFailure as failure:
            if pause is None or not failure.passing:
                raise
        shutil.rmtree(folder)
        time.sleep(pause)
