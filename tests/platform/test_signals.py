"""Signals that end the program are exits inside the block, and what they were before outside of it.

That a rehearsed notebook goes with the program is tested in test_session.py.
"""

from __future__ import annotations

import signal

import pytest

from kaggle_utils.platform.signals import signals_as_exits

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
