"""Fixtures of the tests that push: a loopback server, and a competition's folder of kernels."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from pathlib import Path

import pytest
from kaggle_server import USER, KaggleServer
from kernel_folders import TAKES, write_kernel

from kaggle_utils.platform.client import calls, once
from kaggle_utils.platform.client.process import outcome
from kaggle_utils.platform.push import sending, versions
from kaggle_utils.platform.push.order import Order


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A server that knows the kit's wheel dataset, and this process's environment pointing at it.

    Skips where the kaggle client is not installed; it does not import it, for that would sign in.
    """
    if importlib.util.find_spec("kaggle") is None:
        pytest.skip("the kaggle client is not installed")
    for name in [name for name in os.environ if name.startswith("KAGGLE_")]:
        monkeypatch.delenv(name)
    with KaggleServer() as server:
        for name, value in server.environment(tmp_path / "client").items():
            monkeypatch.setenv(name, value)
        server.datasets[f"{USER}/kaggle-utils-wheels"] = [{}]
        yield server


@pytest.fixture
def pond(tmp_path: Path) -> Path:
    """The folder of kernels of the competition `pond`: three stages, their notebooks outside."""
    root = tmp_path / "kernels"
    for name in TAKES:
        write_kernel(root, name)
    return root


@pytest.fixture
def quick_client(service: KaggleServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real client without a process of its own for each call, where a test makes many; looks are counted, not seconds.

    Not imported before `service` has put the environment of the test in place.
    """
    from kaggle import api
    from kagglesdk import kaggle_env

    monkeypatch.setattr(type(api), "args", ["--local"])
    monkeypatch.setattr(api, "_authenticated", False, raising=False)
    everywhere = dict.fromkeys(kaggle_env._env_to_endpoint, service.endpoint)
    monkeypatch.setattr(kaggle_env, "_env_to_endpoint", everywhere)

    def run(command: list[str], input: str, **_: object) -> subprocess.CompletedProcess:
        order = json.loads(input)
        return subprocess.CompletedProcess(command, 0, json.dumps(outcome(order["call"], order["arguments"])))

    monkeypatch.setattr(calls.subprocess, "run", run)
    monkeypatch.setattr(once, "SHOWN_S", 0.0)


@pytest.fixture
def news() -> list[str]:
    """What a push reports."""
    return []


@pytest.fixture
def order(service, quick_client, pond, tmp_path, news, monkeypatch) -> Order:
    """An order on the folder `pond`, whose first stage has been pushed; pauses do not grow."""
    monkeypatch.setattr(sending, "_LONGEST_PAUSE_S", 0.01)
    monkeypatch.setattr(versions, "_AGAIN_S", (0.0, 0.0, 0.0))
    service.kernels["me/pond-1-eda"] = [{}]
    return Order(kernels=pond, runs=tmp_path / "runs", poll_s=0.01, report=news.append)
