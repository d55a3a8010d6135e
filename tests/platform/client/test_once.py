"""Once: found or sent, however it is cut."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading

import pytest

from kaggle_utils.platform.client import once as module
from kaggle_utils.platform.client.calls import KaggleFailure
from kaggle_utils.platform.client.once import LOOKS, held, once


@pytest.fixture(autouse=True)
def looks_count_alone(monkeypatch) -> None:
    monkeypatch.setattr(module, "SHOWN_S", 0.0)


def never(*_: object) -> None:
    pytest.fail("it is sent")


def absent(number: int = 0):
    return lambda: (None, number)


def lose(kind: str = "unreachable"):
    def send(keep):
        raise KaggleFailure(kind, "cut")

    return send


def hidden(path, what: str = "digest", number: int = 0) -> None:
    """It is neither found nor sent."""
    with pytest.raises(KaggleFailure, match="k was sent before, and Kaggle does not show it yet") as caught:
        once(path, what, absent(number), never, print)
    assert caught.value.kind == "unshown"


def test_what_is_there_is_not_sent(tmp_path):
    assert once(tmp_path / "k", "digest", lambda: ("there", 1), never, print) == "there"


def test_what_is_not_there_is_sent(tmp_path):
    assert once(tmp_path / "k", "digest", absent(), lambda keep: "sent", print) == "sent"


def test_what_was_sent_without_an_answer_is_looked_for_before_it_is_sent_again(tmp_path):
    with pytest.raises(KaggleFailure) as caught:
        once(tmp_path / "k", "digest", absent(), lose(), print)
    assert caught.value.kind == "unshown"
    for _ in range(LOOKS):
        hidden(tmp_path / "k")
    assert once(tmp_path / "k", "digest", absent(), lambda keep: "sent", print) == "sent"


def test_looks_that_follow_one_another_at_once_are_not_enough(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SHOWN_S", 1e9)
    with pytest.raises(KaggleFailure):
        once(tmp_path / "k", "digest", absent(), lose(), print)
    for _ in range(3 * LOOKS):
        hidden(tmp_path / "k")


def test_what_has_come_and_is_to_be_sent_once_more_does_not_wait(tmp_path):
    once(tmp_path / "k", "digest", absent(4), lambda keep: "version 5", print)
    hidden(tmp_path / "k", number=4)
    assert once(tmp_path / "k", "digest", absent(5), lambda keep: "version 6", print) == "version 6"
    hidden(tmp_path / "k", number=5)
    hidden(tmp_path / "k", number=4)


def test_what_was_seen_and_is_denied_for_a_moment_is_not_sent(tmp_path):
    for _ in range(2):
        assert once(tmp_path / "k", "digest", lambda: ("there", 5), never, print) == "there"
        for _ in range(LOOKS):
            hidden(tmp_path / "k")


def test_something_else_is_not_kept_waiting_by_it(tmp_path):
    with pytest.raises(KaggleFailure):
        once(tmp_path / "k", "digest", absent(), lose(), print)
    assert once(tmp_path / "k", "another", absent(), lambda keep: "sent", print) == "sent"


def test_what_was_refused_is_sent_again_at_once(tmp_path):
    with pytest.raises(KaggleFailure) as caught:
        once(tmp_path / "k", "digest", absent(), lose("refused"), print)
    assert caught.value.kind == "refused"
    assert once(tmp_path / "k", "digest", absent(), lambda keep: "sent", print) == "sent"


def test_who_insists_on_stopping_leaves_it_to_be_looked_for(tmp_path):
    def stopped_twice(keep):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        once(tmp_path / "k", "digest", absent(), stopped_twice, print)
    hidden(tmp_path / "k")


@pytest.mark.parametrize("left", ["", "[", "digest 0", "{}", '["digest"]'])
def test_a_note_that_is_none_counts_as_none(tmp_path, left):
    (tmp_path / "k.sent").write_text(left)
    assert once(tmp_path / "k", "digest", absent(), lambda keep: "sent", print) == "sent"


def test_two_at_a_time_send_once_and_who_waits_is_told(tmp_path):
    sent, said, waits = [], [], threading.Event()

    def send(keep) -> str:
        assert waits.wait(60)
        return sent.append("sent") or "sent"

    def told(line: str) -> None:
        said.append(line)
        waits.set()

    what = (tmp_path / "k", "d", lambda: (sent[0] if sent else None, len(sent)), send, told)
    work = [threading.Thread(target=once, args=what) for _ in range(8)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert sent == ["sent"] and set(said) == {"k is in the hands of another command; waiting for it"}


def test_the_lock_outlives_its_process_as_long_as_the_clients_that_it_started(tmp_path):
    code = (
        "import subprocess, sys, os\nfrom pathlib import Path\nfrom kaggle_utils.platform.client.once import held\n"
        "with held(Path(sys.argv[1]), print) as file:\n"
        "    child = subprocess.Popen(['sleep', '60'], stdout=subprocess.DEVNULL, pass_fds=[file.fileno()])\n"
        "    print(child.pid, flush=True)\n    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "k")], stdout=subprocess.PIPE, text=True, check=False)
    with open(tmp_path / "k.lock") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.kill(int(done.stdout), signal.SIGKILL)
    with held(tmp_path / "k", print):
        pass
