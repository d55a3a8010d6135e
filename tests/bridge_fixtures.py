"""A module that is served by a real CPython 3.7, and whose environment each test writes anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaggle_utils.platform.reef_api.bridge import BridgedReef

MODULE = """
import os, sys
import numpy as np, pandas as pd

def make_env():
    path = os.path.join(os.path.dirname(__file__), "environment.py")
    with open(path) as file:
        exec(compile(file.read(), path, "exec"), globals())
    return make()
"""
ENVIRONMENT = """
class Environment:
    def iter_test(self):
        {serve}
    def predict(self, table):
        {take}

def make():
    {make}
    return Environment()
"""


class Bridged:
    """A bridged module in Python 3.7, and what its next environment serves, takes and does when it is made."""

    def __init__(self, python: Path, competition: Path, folder: Path) -> None:
        self.place = competition / "greatbarrierreef"
        self.module = BridgedReef(python, competition, folder)

    def __call__(self, serve: str = "yield", take: str = "pass", make: str = "pass") -> BridgedReef:
        (self.place / "environment.py").write_text(ENVIRONMENT.format(serve=serve, take=take, make=make))
        return self.module


@pytest.fixture
def own_reef(reef_python37, make_competition, tmp_path):
    """A worker of the test's own, for it is to die, or remembers what came before."""
    worker = Bridged(reef_python37, make_competition(text=MODULE), tmp_path)
    yield worker
    worker.module.close()


@pytest.fixture(scope="module")
def reef(reef_python37, make_competition, tmp_path_factory):
    """The worker that tests share; each makes an environment of its own."""
    worker = Bridged(reef_python37, make_competition(text=MODULE), tmp_path_factory.mktemp("working"))
    yield worker
    worker.module.close()


def served(module: BridgedReef):
    """The first frame and sample of a new environment."""
    return next(module.make_env().iter_test())
