"""A dozen pushes of each kind that are killed or cut at random requests; tests/killed_pushes.py does hundreds."""

from __future__ import annotations

import importlib.util
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "killed_pushes.py"


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="forks, and finds their open files in /proc")
@pytest.mark.skipif(importlib.util.find_spec("kaggle") is None, reason="the kaggle client is not installed")
def test_killed_and_cut_nothing_is_there_twice_and_nothing_is_lost():
    """In a process of its own, which forks and has loaded no torch. No instant is a time, so no verdict hangs on one."""
    python = {"PYTHONPATH": os.pathsep.join([str(SCRIPT.parents[1]), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, str(SCRIPT), "12", str(random.randrange(10**6)), "untimed"]
    done = subprocess.run(command, env=os.environ | python, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "something twice or lost: 0 of 12" in done.stdout, done.stdout + done.stderr
