"""``greatbarrierreef`` on a modern Python: its calls are made by a worker process of CPython 3.7.

The time-series API of *TensorFlow: Help Protect the Great Barrier Reef* lies in the competition's folder
as ``greatbarrierreef/competition.cpython-37m-x86_64-linux-gnu.so`` and as nothing else, while Kaggle's
image runs Python 3.13. :func:`bridged_module` finds that package, finds a CPython 3.7 (the one packed
into the dataset of wheels, see :mod:`kaggle_utils.platform.wheels.python37`, or the one named by
``KAGGLE_UTILS_PYTHON37``) and returns an object that is used as the module would be: same frames, same
samples, same refusals word for word, same prints. The API itself writes ``submission.csv``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from kaggle_utils.platform import runtime
from kaggle_utils.platform.reef_api.link import Ended, WorkerLink
from kaggle_utils.platform.reef_api.worker import plain_table, table_from_plain
from kaggle_utils.platform.wheels import python37
from kaggle_utils.platform.wheels.attached import folders

VARIABLE = "KAGGLE_UTILS_PYTHON37"
MODULE = "greatbarrierreef"
COMPILED = f"{MODULE}/competition.cpython-37m-*.so"


class BridgedReef:
    """Stands for the module: an object with :meth:`make_env`, each call of which the real one answers.

    python: an interpreter, CPython 3.7 with numpy and pandas; competition: the folder that holds the
        package; folder: the worker's working folder, where the API writes; None: this process's
    """

    def __init__(self, python: Path, competition: Path, folder: str | os.PathLike | None = None) -> None:
        self._link = WorkerLink(Path(python), Path(competition).resolve(), Path(folder or ".").resolve())
        self.about: dict = self._link.about  # versions of python, numpy and pandas on the far side

    def make_env(self) -> BridgedEnvironment:
        """The environment; Exception with the module's own text when it refuses, as for a second one."""
        self._link.ask("make_env")
        return BridgedEnvironment(self._link)

    def close(self) -> None:
        """Ends the worker; it ends with this process anyway."""
        self._link.close()


class BridgedEnvironment:
    """What ``make_env()`` returns: frames come out of :meth:`iter_test`, answers go into :meth:`predict`."""

    def __init__(self, link: WorkerLink) -> None:
        self._link = link

    def iter_test(self) -> Iterator[tuple[np.ndarray, object] | None]:
        """Yields what the API yields: (frame, sample prediction), or None where it complains.

        The frame is uint8 (720, 1280, 3) RGB and a copy that may be written to; the sample is a
        pandas.DataFrame of one row. Nothing is asked of the API before the first ``next``, as with its
        own generator. Raises Exception with the API's text, WorkerDied when the worker is gone.
        """
        iterator = self._link.ask("iter_test")
        while True:
            try:
                answer = self._link.ask("next", iterator=iterator)
            except Ended:
                return
            yield answer and (self._link.pixels(answer["shape"], answer["dtype"]), table_from_plain(answer["sample"]))

    def predict(self, prediction) -> None:
        """Hands over the answer for the frame served last, a pandas.DataFrame shaped as the sample.

        What is wrong with it the API says, by an Exception. TypeError when an entry is neither a number
        nor a text, bool or None: the bridge carries nothing else.
        """
        table = plain_table(prediction) if isinstance(prediction, pd.DataFrame) else None
        self._link.ask("predict", table=table)


@cache
def bridged_module(competition: Path, folder: Path) -> BridgedReef | None:
    """The module below a competition's folder, run by a CPython 3.7; None where there is no such module.

    folder: where the API is to write. Like an import, it happens once: asked again, the same object
    comes back. Raises NotAttached, and says what to attach, when no CPython 3.7 is at hand.
    """
    if not list(competition.glob(COMPILED)):
        return None
    python = find_python37()
    if python is None:
        raise runtime.NotAttached(_no_python(competition))
    return BridgedReef(python, competition, folder)


def find_python37() -> Path | None:
    """The interpreter ``KAGGLE_UTILS_PYTHON37`` names, else the packed one, unpacked; None without either.

    It is unpacked into runtime.temp_dir(), once a session. Raises NotAttached when the variable names
    no file.
    """
    given = os.environ.get(VARIABLE)
    if given and not Path(given).is_file():
        raise runtime.NotAttached(f"{VARIABLE} is {given!r}, expected an interpreter of CPython 3.7")
    if given:
        return Path(given)
    packed = [pack for folder in folders() for pack in python37.packs(folder)]
    return python37.unpack(packed[-1], runtime.temp_dir()) if packed else None


def _no_python(competition: Path) -> str:
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    there = ", ".join(runtime.attached()) or "nothing"
    return (
        f"{competition}/{MODULE} is built for CPython 3.7 alone, this is Python {here}, and no CPython 3.7 is attached; "
        f"attached: {there}. Make the dataset of wheels with `kaggle-utils wheels --python37 PREFIX --push` and attach "
        f'it in the Input pane or as "dataset_sources": ["<owner>/kaggle-utils-wheels"] in the metadata'
    )
