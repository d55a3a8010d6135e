"""Ctrl-C at the wrong moment: what has gone out to Kaggle must be noted before the program stops.

A push that is stopped between the request and its answer runs on Kaggle all the same, and would be sent
a second time by whoever goes on later.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uninterrupted() -> Iterator[list[int]]:
    """Holds a KeyboardInterrupt back until the block has ended well; a second one comes through.

    Yields the signals that are held, none yet. Where the block fails, its failure is raised and nothing else:
    who would go on after it looks whether any is held. Only the main thread is ever interrupted, so in another
    the block simply runs, and so it does where the signal is ignored (``nohup``, ``&`` in a script).

    >>> with uninterrupted():
    ...     print("sent and noted")
    sent and noted
    """
    stops: list[int] = []
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if ignored or threading.current_thread() is not threading.main_thread():
        yield stops
        return

    def hold(number: int, frame: object) -> None:
        stops.append(number)
        if len(stops) > 1:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, hold)
    try:
        yield stops
    finally:
        signal.signal(signal.SIGINT, before or signal.default_int_handler)
    if stops:
        raise KeyboardInterrupt
