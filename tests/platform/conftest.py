"""Where a notebook runs, as far as a test is concerned: at home, or in a session of Kaggle's."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def home(monkeypatch, tmp_path) -> Path:
    """An empty working folder away from Kaggle; whatever a test or a session sets in the environment is undone."""
    ours = ("INPUT", "RUNS", "DEADLINE", "KAGGLE_ROOT")
    names = {"KAGGLE_KERNEL_RUN_TYPE", "KAGGLE_IS_COMPETITION_RERUN", *(f"KAGGLE_UTILS_{name}" for name in ours)}
    for name in names | {name for name in os.environ if name.startswith("KAGGLE_")}:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def kaggle(home, monkeypatch) -> Path:
    """A batch session with an empty ``/kaggle`` below the temporary folder."""
    (home / "kaggle" / "input").mkdir(parents=True)
    monkeypatch.setenv("KAGGLE_UTILS_KAGGLE_ROOT", str(home / "kaggle"))
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Batch")
    return home / "kaggle"
