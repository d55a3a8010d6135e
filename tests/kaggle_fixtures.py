"""Fixtures of the tests that push: a loopback server, and a competition's folder of kernels."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from kaggle_server import USER, KaggleServer
from kernel_folders import TAKES, write_kernel


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A server that knows the kit's wheel dataset, and this process's environment pointing at it."""
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
