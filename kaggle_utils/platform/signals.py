"""A signal that ends the program, at the right moment: what it started is ended first, and cleaned up.

Without this a SIGTERM or a closed terminal leaves a rehearsed notebook running, and its temporary folder.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


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
