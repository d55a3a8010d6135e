"""Ctrl-C while something is on its way to Kaggle."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
from kernel_folders import write_kernel

from kaggle_utils.platform.push.interruption import uninterrupted
from kaggle_utils.platform.push.kernels import send
from kaggle_utils.platform.push.stamping import Stamp

pytest_plugins = ["kaggle_fixtures"]


def stop() -> None:
    signal.raise_signal(signal.SIGINT)


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


def clients() -> list[int]:
    """The process ids of the clients that this process has started."""
    children = [
        int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()
    ]
    return [pid for pid in children if b"client_process" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the client's process in /proc")
def test_the_clients_process_ends_its_call(service, tmp_path):
    answer, stopped = service._SaveKernel, []

    def stopped_in_the_middle(request: dict) -> dict:
        stopped.extend(clients())
        for pid in stopped:
            os.kill(pid, signal.SIGINT)
        return answer(request)

    service._SaveKernel = stopped_in_the_middle
    assert send(write_kernel(tmp_path / "kernels", "pond-1-eda"), Stamp("me")).version == 1
    assert len(stopped) == 1
