"""Calls through the real kaggle client, against a server of ours on the loopback interface."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kaggle_utils.platform.push import client
from kaggle_utils.platform.push.client import KaggleFailure, ask, owner_name

pytest_plugins = ["kaggle_fixtures"]


def failure_of(call: str, **arguments: object) -> KaggleFailure:
    with pytest.raises(KaggleFailure) as caught:
        ask(call, **arguments)
    return caught.value


def test_the_owner_is_the_given_one_then_the_environments_then_the_clients(service, monkeypatch, tmp_path):
    assert owner_name("you") == "you"
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
    failure = failure_of("allowance", competition="c")
    assert failure.kind == "credentials"
    assert "make an API token" in str(failure)


def test_wrong_credentials_are_told_apart_and_never_shown(service, monkeypatch):
    monkeypatch.setenv("KAGGLE_KEY", "another-secret")
    monkeypatch.setenv("VERBOSE", "true")
    failure = failure_of("allowance", competition="c")
    assert (failure.kind, failure.status) == ("credentials", 401)
    assert "another-secret" not in str(failure)


def test_a_message_that_repeats_the_key_is_blackened(service):
    service.fail("GetSubmissionLimits", 400, f"bad key {service.key}")
    assert "bad key ***" in str(failure_of("allowance", competition="c"))


def test_a_signed_address_in_a_message_loses_its_signature(service, quick_client):
    service.fail("GetSubmissionLimits", 400, "not at https://storage.example/a.pt?X-Goog-Signature=s3cret&e=1 (again)")
    assert "not at https://storage.example/a.pt?*** (again)" in str(failure_of("allowance", competition="c"))


def test_a_server_that_dies_in_the_middle_is_unreachable(service):
    service.die("GetSubmissionLimits")
    failure = failure_of("allowance", competition="c")
    assert failure.kind == "unreachable" and failure.passing


def test_a_client_that_is_too_old_is_named(service, monkeypatch, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old/kaggle.py").write_text("__version__, api = '2.0.2', object()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "old"))
    assert "kaggle 2.0.2 is too old, 2.2.4 is needed" in str(failure_of("owner"))


@pytest.mark.parametrize(("status", "passing"), [(404, False), (429, True), (503, True)])
def test_which_refusals_pass_with_time(service, status, passing):
    service.fail("GetSubmissionLimits", status)
    failure = failure_of("allowance", competition="c")
    assert (failure.kind, failure.status, failure.passing) == ("refused", status, passing)


def test_a_client_that_hangs_is_stopped(service, monkeypatch):
    monkeypatch.setattr(client, "_PROCESS", "timeit")
    with pytest.raises(KaggleFailure, match="did not answer the call 'owner' in 0.1 s"):
        ask("owner", limit_s=0.1)


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
    assert ask("allowance", competition="c") == 5


def test_the_last_words_of_a_client_that_broke_are_told_without_what_may_be_a_key(service, monkeypatch, tmp_path):
    (tmp_path / "broken.py").write_text(f"raise MemoryError('at {'0a' * 16} with KGAT_abc')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(client, "_PROCESS", "broken")
    assert str(failure_of("owner")) == (
        "the kaggle client ended with code 1 during the call 'owner': MemoryError: at *** with ***"
    )


def test_tests_cannot_reach_another_host(service):
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "tests may not connect to ('192.0.2.1', 80)" in done.stderr
