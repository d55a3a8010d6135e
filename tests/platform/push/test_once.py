"""Once: found or sent, however it is cut."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading

import pytest

from kaggle_utils.platform.client.calls import KaggleFailure
from kaggle_utils.platform.push import once as module
from kaggle_utils.platform.push.once import LOOKS, held, once


@pytest.fixture(autouse=True)
def looks_count_alone(monkeypatch) -> None:
    monkeypatch.setattr(module, "SHOWN_S", 0.0)


def never(*_: object) -> None:
    pytest.fail("it is sent")


def test_what_is_there_is_not_sent(tmp_path):
    assert once(tmp_path / "k", "digest", lambda: "there", never) == "there"


def test_what_is_not_there_is_sent(tmp_path):
    assert once(tmp_path / "k", "digest", lambda: None, lambda keep: "sent") == "sent"


def lose(kind: str = "unreachable"):
    def send(keep):
        raise KaggleFailure(kind, "cut")

    return send


def test_what_was_sent_without_an_answer_is_looked_for_before_it_is_sent_again(tmp_path):
    with pytest.raises(KaggleFailure) as caught:
        once(tmp_path / "k", "digest", lambda: None, lose())
    assert caught.value.kind == "unshown"
    for _ in range(LOOKS):
        with pytest.raises(KaggleFailure, match="k was sent before, and Kaggle does not show it yet"):
            once(tmp_path / "k", "digest", lambda: None, never)
    assert once(tmp_path / "k", "digest", lambda: None, lambda keep: "sent") == "sent"


def test_looks_that_follow_one_another_at_once_are_not_enough(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SHOWN_S", 1e9)
    with pytest.raises(KaggleFailure):
        once(tmp_path / "k", "digest", lambda: None, lose())
    for _ in range(3 * LOOKS):
        with pytest.raises(KaggleFailure, match="k was sent before"):
            once(tmp_path / "k", "digest", lambda: None, never)


def test_something_else_is_not_kept_waiting_by_it(tmp_path):
    with pytest.raises(KaggleFailure):
        once(tmp_path / "k", "digest", lambda: None, lose())
    assert once(tmp_path / "k", "another", lambda: None, lambda keep: "sent") == "sent"


def test_what_was_refused_is_sent_again_at_once(tmp_path):
    with pytest.raises(KaggleFailure) as caught:
        once(tmp_path / "k", "digest", lambda: None, lose("refused"))
    assert caught.value.kind == "refused"
    assert once(tmp_path / "k", "digest", lambda: None, lambda keep: "sent") == "sent"


def test_who_insists_on_stopping_leaves_it_to_be_looked_for(tmp_path):
    def stopped_twice(keep):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        once(tmp_path / "k", "digest", lambda: None, stopped_twice)
    with pytest.raises(KaggleFailure, match="k was sent before, and Kaggle does not show it yet"):
        once(tmp_path / "k", "digest", lambda: None, never)


def test_two_at_a_time_send_once(tmp_path):
    sent: list[int] = []
    work = [threading.Thread(target=once, args=(tmp_path / "k", "d", lambda: sent or None, sent.append)) for _ in range(8)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert len(sent) == 1


def test_the_lock_outlives_its_process_as_long_as_the_clients_that_it_started(tmp_path):
    code = (
        "import subprocess, sys, os\nfrom pathlib import Path\nfrom kaggle_utils.platform.push.once import held\n"
        "with held(Path(sys.argv[1])) as file:\n"
        "    child = subprocess.Popen(['sleep', '60'], stdout=subprocess.DEVNULL, pass_fds=[file.fileno()])\n"
        "    print(child.pid, flush=True)\n    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "k")], stdout=subprocess.PIPE, text=True, check=False)
    with open(tmp_path / "k.lock") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.kill(int(done.stdout), signal.SIGKILL)
    with held(tmp_path / "k"):
        pass
