"""A signal that ends the program, at the right moment: what it started is ended first, what it sends is not cut.

Without this a SIGTERM or a closed terminal leaves a rehearsed notebook running, and its temporary folder; and a
push that is stopped between the request and its answer never learns what became of it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, kill, a closed terminal


@contextmanager
def signals_as_exits() -> Iterator[None]:
    """In the block SIGTERM and SIGHUP are SystemExit: what runs is ended and temporary folders go, as at a Ctrl-C.

    A signal that is ignored or handled already is left so. For the main thread alone.
    """

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    taken = [s for s in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(s) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def uninterrupted() -> Iterator[list[int]]:
    """Holds the signals of ENDING back until the block has ended well; a second one stops it.

    Yields those that are held, none yet. Where the block fails, its failure is raised and nothing else: who
    would go on after it looks whether any is held. Only the main thread is ever interrupted, so in another the
    block simply runs, and a signal that is ignored (``nohup``, ``&`` in a script) stays so.

    >>> with uninterrupted():
    ...     print("sent and noted")
    sent and noted
    """
    stops: list[int] = []

    def hold(number: int, frame: object) -> None:
        stops.append(number)
        if len(stops) > 1:
            raise KeyboardInterrupt

    main = threading.current_thread() is threading.main_thread()
    before = {s: signal.getsignal(s) for s in ENDING if main and signal.getsignal(s) not in (signal.SIG_IGN, None)}
    try:
        for number in before:
            signal.signal(number, hold)
        yield stops
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for number in stops[:1]:
        signal.raise_signal(number)
