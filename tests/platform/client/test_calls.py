"""Calls through the real kaggle client, against a server of ours on the loopback interface."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from kernel_folders import write_kernel

from kaggle_utils.platform.client import calls
from kaggle_utils.platform.client.calls import KaggleFailure, all_rows, ask, owner_name, request, requests
from kaggle_utils.platform.push.stamping import Stamp, made
from kaggle_utils.platform.push.versions import send
from kaggle_utils.platform.signals import ENDING

pytest_plugins = ["kaggle_fixtures"]


LIMITS = "competitions.CompetitionApiService/GetSubmissionLimits"


def failure_of(call: str) -> KaggleFailure:
    with pytest.raises(KaggleFailure) as caught:
        request(call, competitionName="c") if "/" in call else ask(call)
    return caught.value


def test_the_owner_is_the_given_one_then_the_environments_then_the_clients(service, monkeypatch, tmp_path):
    assert owner_name("You") == "you"
    assert owner_name() == "me"
    monkeypatch.delenv("KAGGLE_USERNAME")
    (tmp_path / "client/home/kaggle").mkdir()
    config = tmp_path / "client/home/kaggle/kaggle.json"
    config.write_text('{"username": "from-the-file", "key": "k"}')
    config.chmod(0o600)
    assert owner_name() == "from-the-file"
    assert service.calls == []


def test_without_credentials_the_failure_says_where_they_go(service, monkeypatch):
    monkeypatch.delenv("KAGGLE_USERNAME")
    monkeypatch.delenv("KAGGLE_KEY")
    failure = failure_of(LIMITS)
    assert failure.kind == "credentials"
    assert "make an API token" in str(failure)


def test_wrong_credentials_are_told_apart_and_never_shown(service, monkeypatch):
    monkeypatch.setenv("KAGGLE_KEY", "another-secret")
    monkeypatch.setenv("VERBOSE", "true")
    failure = failure_of(LIMITS)
    assert (failure.kind, failure.status) == ("credentials", 401)
    assert "another-secret" not in str(failure)


def test_a_message_that_repeats_the_key_is_blackened(service):
    service.fail("GetSubmissionLimits", 400, f"bad key {service.key}")
    assert "bad key ***" in str(failure_of(LIMITS))


def test_a_signed_address_in_a_message_loses_its_signature(service, quick_client):
    service.fail("GetSubmissionLimits", 400, "not at https://storage.example/a.pt?X-Goog-Signature=s3cret&e=1 (again)")
    assert "not at https://storage.example/a.pt?*** (again)" in str(failure_of(LIMITS))


def test_a_server_that_dies_in_the_middle_is_unreachable(service):
    service.die("GetSubmissionLimits")
    failure = failure_of(LIMITS)
    assert failure.kind == "unreachable" and failure.passing


def test_a_client_that_is_too_old_is_named(service, monkeypatch, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old/kaggle.py").write_text("__version__, api = '2.0.2', object()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "old"))
    assert "kaggle 2.0.2 is too old, 2.2.4 is needed" in str(failure_of("owner"))


@pytest.mark.parametrize("status", [200, 403, 404, 502])
@pytest.mark.parametrize("kind", ["text/html", "text/plain", "application/octet-stream"])
def test_a_proxys_page_is_no_answer_of_kaggles(service, quick_client, status, kind):
    service.show("GetSubmissionLimits", "<html>Sign in to the hotel</html>", status, kind=kind)
    failure = failure_of(LIMITS)
    assert failure.kind == "unreachable" and failure.passing and "a page" in str(failure)


def test_a_client_that_is_killed_may_have_been_heard(service, monkeypatch, tmp_path):
    (tmp_path / "broken.py").write_text("import os; os.kill(os.getpid(), 9)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(calls, "_PROCESS", "broken")
    assert failure_of("owner").uncertain


def test_of_several_requests_each_has_its_answer(service, quick_client):
    service.fail("GetSubmissionLimits", 404)
    first, second = requests([(LIMITS, {"competitionName": "c"})] * 2)
    assert first.status == 404 and second["numAllowedNow"] == 5


@pytest.mark.parametrize("tokens", [True, False])
def test_a_list_is_read_to_its_last_page(service, quick_client, tokens, monkeypatch):
    service.kernels = {f"me/kernel-{n:02}": [{}] for n in range(45)}
    page = service._page
    if not tokens:
        monkeypatch.setattr(service, "_page", lambda *given: page(*given) | {"nextPageToken": ""})
    rows = all_rows("kernels.KernelsApiService/ListKernels", "kernels")
    assert [row["ref"] for row in rows] == sorted(service.kernels)


def test_an_empty_page_with_a_token_for_the_next_is_not_the_last(service, quick_client, monkeypatch):
    pages = [([], "a"), ([{"ref": 1}], "b"), ([], "c"), ([{"ref": 2}], "")]
    told = {token: {"kernels": rows, "nextPageToken": after} for token, (rows, after) in zip(" abc", pages, strict=True)}
    monkeypatch.setattr(service, "_ListKernels", lambda request: told[request.get("pageToken", " ")])
    assert [row["ref"] for row in all_rows("kernels.KernelsApiService/ListKernels", "kernels")] == [1, 2]


@pytest.mark.parametrize(("status", "passing"), [(404, False), (429, True), (503, True)])
def test_which_refusals_pass_with_time(service, status, passing):
    service.fail("GetSubmissionLimits", status)
    failure = failure_of(LIMITS)
    assert (failure.kind, failure.status, failure.passing) == ("refused", status, passing)


def test_a_client_that_hangs_is_stopped(service, monkeypatch):
    monkeypatch.setattr(calls, "_PROCESS", "timeit")
    with pytest.raises(KaggleFailure, match="did not answer the call 'owner' in 0.1 s"):
        ask("owner", limit_s=0.1)


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="POSIX only")
def test_a_client_whose_caller_was_killed_ends_at_its_limit_all_the_same(service):
    service.answer = lambda *_: threading.Event().wait()
    order = {"call": "requests", "arguments": {"requests": [(LIMITS, {"competitionName": "c"})]}, "limit_s": 2.5}
    command = [sys.executable, "-m", "kaggle_utils.platform.client.process"]
    done = subprocess.run(command, input=json.dumps(order), text=True, capture_output=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGALRM


def test_a_client_that_is_not_there_is_named(service, monkeypatch, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/kaggle.py").write_text("raise ImportError('No module named six')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "empty"))
    failure = failure_of("owner")
    assert failure.kind == "missing"
    assert "No module named six" in str(failure) and "pip install --upgrade kaggle six" in str(failure)


def test_a_module_of_the_clients_name_in_the_working_folder_is_not_loaded(service, monkeypatch, tmp_path):
    (tmp_path / "kaggle.py").write_text("raise ImportError('my own notes')")
    monkeypatch.chdir(tmp_path)
    assert request(LIMITS, competitionName="c")["numAllowedNow"] == 5


def test_the_last_words_of_a_client_that_broke_are_told_without_what_may_be_a_key(service, monkeypatch, tmp_path):
    (tmp_path / "broken.py").write_text(f"raise MemoryError('at {'0a' * 16} with KGAT_abc')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(calls, "_PROCESS", "broken")
    assert str(failure_of("owner")) == (
        "the kaggle client ended with code 1 during the call 'owner': MemoryError: at *** with ***"
    )


def test_tests_cannot_reach_another_host(service):
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "tests may not connect to ('192.0.2.1', 80)" in done.stderr


def clients() -> list[int]:
    """The process ids of the clients that this process has started."""
    children = [int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]
    return [pid for pid in children if b"client.process" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the client's process in /proc")
def test_signals_leave_the_clients_process_to_end_its_call(service, tmp_path):
    answer, stopped = service._SaveKernel, []

    def stopped_in_the_middle(request: dict) -> dict:
        stopped.extend(clients())
        for pid in stopped:
            for number in ENDING:
                os.kill(pid, number)
        return answer(request)

    service._SaveKernel = stopped_in_the_middle
    kernel = made(write_kernel(tmp_path / "kernels", "pond-1-eda"), Stamp("me"))
    assert send(kernel, kernel.mark([kernel.kernel], {})).version == 1
    assert len(stopped) == 1
