"""What all tests share: where the real competition files lie, when they are there, and no verdict by the clock."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported: its threads else spin, and programs stall
settings.register_profile("loaded", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("loaded")  # a law holds however busy the machine is


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real files that KAGGLE_UTILS_REAL_DATA names, or a skip that says so."""
    folder = os.environ.get("KAGGLE_UTILS_REAL_DATA")
    if not folder:
        pytest.skip("no real data: set KAGGLE_UTILS_REAL_DATA to a folder with input/, tables/, extra/, weights/")
    if not Path(folder, "tables").is_dir():
        pytest.fail(f"KAGGLE_UTILS_REAL_DATA is {folder!r}, expected a folder with input/, tables/, extra/, weights/")
    return Path(folder)
