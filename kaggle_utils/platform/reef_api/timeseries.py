"""The time-series API of the reef competition, emulated: one loop at home and on Kaggle.

*TensorFlow: Help Protect the Great Barrier Reef* hands out its hidden frames one by one through a
compiled module, ``greatbarrierreef``, built for CPython 3.7 alone. :class:`ReefEnvironment` behaves
like that module's environment as its public mock was seen to behave (its refusals word for word, its printed
complaint, the moment at which it writes ``submission.csv``) over any frames: a folder, a list of
files or of arrays. :func:`reef_environment` gives the real environment where there is one, bridged where
this Python is too young for it, and the emulated one elsewhere, so a submission notebook has a single loop.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from kaggle_utils.errors import KitError
from kaggle_utils.files import replacing
from kaggle_utils.images.decode import read_image
from kaggle_utils.images.listing import frame_paths
from kaggle_utils.platform import runtime

SAMPLE_TEXT = "0.99 123 456 1 1"  # what the API's sample prediction holds for every frame
_COLUMNS = ["index", "annotations"]  # of an answer, and of the submission
Frames = Sequence[str | os.PathLike | np.ndarray]


class WrongColumns(KitError):
    """No submission can be written from the answers that were given."""


class Progress(NamedTuple):
    """How far an environment came.

    state: ``unopened``, ``asked`` (a frame waits for its answer), ``answered`` or ``done`` (the submission is written)
    answered: frames that :meth:`ReefEnvironment.predict` took an answer for; frames: how many there are
    """

    state: str
    answered: int
    frames: int


class ReefEnvironment:
    """What ``make_env()`` returns: frames come out of :meth:`iter_test`, answers go into :meth:`predict`.

    Beside these two, which are the real API's, :attr:`progress` tells a rehearsal how far a notebook came.

    frames: a folder (see :func:`kaggle_utils.images.listing.frame_paths`), or a sequence of image files, ``.npy`` files or
        arrays, uint8 (H, W, 3) RGB, in the order in which they are to be served
    folder: where ``submission.csv`` is written; None: the working directory at that moment

    >>> environment = ReefEnvironment([np.zeros((720, 1280, 3), np.uint8)])
    >>> image, sample = next(environment.iter_test())
    >>> image.shape, sample["annotations"].tolist(), environment.progress
    ((720, 1280, 3), ['0.99 123 456 1 1'], Progress(state='asked', answered=0, frames=1))
    """

    def __init__(self, frames: str | os.PathLike | Frames, folder: str | os.PathLike | None = None) -> None:
        self._frames = frame_paths(frames) if isinstance(frames, (str, os.PathLike)) else frames
        self._folder = folder
        self._state = "unopened"  # -> asked <-> answered -> done
        self._answers: list = []

    @property
    def progress(self) -> Progress:
        """How far it is now; asking changes nothing."""
        return Progress(self._state, len(self._answers), len(self._frames))

    def iter_test(self) -> Iterator[tuple[np.ndarray, object] | None]:
        """Yields (frame, sample prediction) for each frame, in order; only one iterator may run.

        The frame is uint8 (H, W, 3) RGB, (720, 1280, 3) in the competition, and may be written to.
        The sample is a pandas.DataFrame of one row with columns ``index`` (the number of the frame)
        and ``annotations`` (:data:`SAMPLE_TEXT`), to be filled in and given to :meth:`predict`.
        Asked for the next frame before that, it prints a complaint and yields None. Asked once more
        after the last prediction, it writes ``submission.csv`` and ends; raises WrongColumns where no
        prediction has the sample's columns.
        """
        if self._state != "unopened":
            raise Exception("You can only iterate over `iter_test()` once.")
        for number, frame in enumerate(self._frames):
            self._state = "asked"
            yield _pixels(frame), pd.DataFrame({"index": [number], "annotations": [SAMPLE_TEXT]})
            while self._state != "answered":
                print("You must call `predict()` successfully before you can continue with `iter_test()`", flush=True)
                sys.audit("kaggle_utils.unanswered", number)
                yield None
        self._write()
        self._state = "done"

    def predict(self, prediction) -> None:
        """Takes the answer for the frame handed out last: a pandas.DataFrame shaped as the sample.

        Raises Exception when no frame is waiting for an answer, when all have been answered, or when
        it is no DataFrame. Like the real API it checks nothing else; a rehearsal is told what is odd.
        """
        if self._state == "done":
            raise Exception("You have already made predictions for the full test set.")
        if self._state != "asked":
            raise Exception("You must get the next test sample from `iter_test()` first.")
        if not isinstance(prediction, pd.DataFrame):
            raise Exception("You must provide a DataFrame.")
        for fault in _faults(prediction):
            sys.audit("kaggle_utils.answer", fault)
        self._answers.append(prediction.copy())
        self._state = "answered"

    def _write(self) -> None:
        table = pd.concat(self._answers) if self._answers else pd.DataFrame(columns=_COLUMNS)
        if not set(_COLUMNS) <= set(table):
            raise WrongColumns(f"the answers have the columns {list(table)}, expected {_COLUMNS}")
        with replacing(Path(self._folder or ".", "submission.csv")) as part:
            table[_COLUMNS].to_csv(part, index=False)


def reef_environment(frames: str | os.PathLike | Frames, folder: str | os.PathLike | None = None) -> object:
    """The competition's own environment where there is one, else the emulated one.

    In this order: the module ``greatbarrierreef`` where it can be imported; on Kaggle, the one in the
    competition's folder, made to run by a CPython 3.7 (see :mod:`kaggle_utils.platform.reef_api.bridge`), unless
    ``KAGGLE_UTILS_HIDDEN`` names frames to serve in its place, as a rehearsal does; else a
    :class:`ReefEnvironment` over ``frames``. The real one serves its own frames; bridged, it writes into
    ``folder``, imported, into the working directory. Raises NotAttached, with what to attach, where the
    module is there and no CPython 3.7 is.

    >>> reef_environment([np.zeros((4, 4, 3), np.uint8)])  # doctest: +ELLIPSIS
    <kaggle_utils.platform.reef_api.timeseries.ReefEnvironment object at ...>
    """
    real = _imported() or _bridged(Path(folder or "."))
    return real.make_env() if real else ReefEnvironment(frames, folder)


def _imported() -> object | None:
    with suppress(ImportError):
        return import_module("greatbarrierreef")


def _bridged(folder: Path) -> object | None:
    if runtime.place() == "home" or runtime.hidden_dir() is not None:
        return None
    from kaggle_utils.competitions.reef import SLUG
    from kaggle_utils.platform.reef_api.bridge import bridged_module

    return bridged_module(runtime.competition_dir(SLUG), folder.resolve())


def _pixels(frame: str | os.PathLike | np.ndarray) -> np.ndarray:
    if isinstance(frame, np.ndarray):
        image = frame.copy()
    else:
        image = np.load(frame) if os.fspath(frame).endswith(".npy") else read_image(frame)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        name = "a frame" if isinstance(frame, np.ndarray) else f"frame {os.fspath(frame)!r}"
        raise ValueError(f"{name} has shape {image.shape} and dtype {image.dtype}, expected (H, W, 3) uint8")
    return image


def _faults(answer) -> Iterator[str]:
    """What the API takes from a notebook though the submission will lack it."""
    if not set(_COLUMNS) <= set(answer):
        yield f"the columns {list(answer)}, expected {_COLUMNS}"
    for column in _COLUMNS:
        if column in answer and answer[[column]].isna().to_numpy().any():
            yield f"NaN as {column}, which is written as nothing"
