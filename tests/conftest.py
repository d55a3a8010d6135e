"""What all tests share: where the real competition files lie, when they are there."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported: its threads else spin, and programs stall


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real files, or a skip that says how to name one."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("KAGGLE_UTILS_REAL_DATA", beside))
    if not (folder / "tables").is_dir():
        pytest.skip("no real data: set KAGGLE_UTILS_REAL_DATA to a folder with input/, tables/, extra/, weights/")
    return folder
