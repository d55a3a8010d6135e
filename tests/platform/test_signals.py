"""Signals that end the program are exits inside one block, are held back in another, and are as before outside.

That a rehearsed notebook goes with the program is tested in test_session.py.
"""

from __future__ import annotations

import signal
import threading

import pytest

from kaggle_utils.platform.signals import signals_as_exits, uninterrupted

ENDING = [signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def as_it_was():
    before = {number: signal.getsignal(number) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDING)
def test_in_the_block_a_signal_is_an_exit_with_the_shells_code(number):
    signal.signal(number, signal.SIG_DFL)
    with pytest.raises(SystemExit) as caught, signals_as_exits():
        signal.raise_signal(number)
    assert caught.value.code == 128 + number and signal.getsignal(number) is signal.SIG_DFL


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_that_is_ignored_or_handled_is_left_so(number):
    """SIGHUP is ignored under nohup."""
    for handler in (signal.SIG_IGN, lambda number, frame: None):
        signal.signal(number, handler)
        with signals_as_exits():
            signal.raise_signal(number)
            assert signal.getsignal(number) is handler
        assert signal.getsignal(number) is handler


def stop(number: int = signal.SIGINT) -> None:
    signal.raise_signal(number)


def test_the_block_ends_before_it_is_stopped():
    done = []
    with pytest.raises(KeyboardInterrupt):
        with uninterrupted():
            stop()
            done.append("noted")
    assert done == ["noted"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_stop_does_not_swallow_a_failure_of_the_block():
    with pytest.raises(ValueError, match="refused"):
        with uninterrupted() as held:
            stop()
            raise ValueError("refused")
    assert held == [signal.SIGINT]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with uninterrupted():
            stop()
    finally:
        signal.signal(signal.SIGINT, before)


def test_who_insists_is_obeyed():
    done = []
    with pytest.raises(KeyboardInterrupt):
        with uninterrupted():
            stop()
            stop()
            done.append("noted")
    assert done == []


def test_other_threads_are_not_concerned():
    done = []

    def work() -> None:
        with uninterrupted():
            done.append("noted")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == ["noted"]


@pytest.mark.parametrize("number", ENDING)
def test_other_signals_that_end_the_program_are_held_back_as_well(number):
    done = []
    with pytest.raises(SystemExit) as caught, signals_as_exits(), uninterrupted():
        stop(number)
        done.append("noted")
    assert done == ["noted"] and caught.value.code == 128 + number
