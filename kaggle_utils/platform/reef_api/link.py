"""A worker process of another Python, and the line to it: requests out, answers and pixels back.

The near side of :mod:`kaggle_utils.platform.reef_api.worker`. Requests and answers are lines of JSON on
two pipes; pixels are read from a nameless file in ``/dev/shm``, which is memory (or in the temporary
folder where there is no room), that vanishes with its two users, however they end. The worker
ends when this process does: its requests end then. It is a session leader, so an interrupt of the
notebook does not reach it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import weakref
from pathlib import Path
from typing import IO

import numpy as np

from kaggle_utils.errors import KitError

_WORKER = Path(__file__).with_name("worker.py")
_FRAME_BYTES = 720 * 1280 * 3  # there is room for so much; the worker writes more where it is given more
_GRACE_S = 2.0


class WorkerDied(KitError):
    """The worker process ended before it answered; the text has its exit and its last words."""


class Ended(Exception):
    """The iterator that was asked is at its end; StopIteration cannot leave a generator."""


class WorkerLink:
    """Starts ``python`` (a CPython 3.7 with numpy and pandas) for the package below ``folder``.

    cwd: the worker's working folder. Raises KitError when the package cannot be imported there,
    WorkerDied when the interpreter does not start. ``about`` holds the versions it runs.
    """

    def __init__(self, python: Path, folder: Path, cwd: Path) -> None:
        self.name = f"{python} (the worker for {folder})"
        self._asked = 0
        self._block, self._words = _shared_block(), tempfile.TemporaryFile()
        answers, replies = os.pipe()
        line = [str(python), "-I", "-X", "faulthandler", str(_WORKER), str(folder), str(replies), str(self._block.fileno())]
        self._process = subprocess.Popen(
            line,
            stdin=subprocess.PIPE,
            stderr=self._words,
            cwd=cwd,
            env=_environment(python),
            pass_fds=(replies, self._block.fileno()),
            start_new_session=True,
        )
        os.close(replies)
        self._answers = os.fdopen(answers)
        self._end = weakref.finalize(self, _end, self._process, self._answers)
        try:
            self.about = self.ask("import")
        except Exception as error:
            self.close()
            raise error if isinstance(error, WorkerDied) else KitError(f"{self.name} did not start: {error}") from error

    def ask(self, call: str, **named) -> object:
        """What the worker answers; what it prints meanwhile is printed here.

        Raises Exception with the worker's text for an error of the API, the type's name in front where
        it is no plain Exception; Ended for the end of an iterator; WorkerDied.
        """
        self._asked += 1
        self._send({"id": self._asked, "call": call, **named})
        answer = self._receive()
        while answer.get("id") != self._asked:  # something printed, or the answer to a call that was interrupted
            if "printed" in answer:
                print(answer["printed"], end="", flush=True, file=getattr(sys, answer["stream"]))
            answer = self._receive()
        if "ended" in answer:
            raise Ended
        if "raised" in answer:
            raise _as_exception(**answer["raised"])
        return answer["result"]

    def pixels(self, shape: list[int], dtype: str) -> np.ndarray:
        """A copy, of its own and writeable, of what the worker put into the block."""
        self._block.seek(0)
        return np.fromfile(self._block, dtype, int(np.prod(shape))).reshape(shape)

    def close(self) -> None:
        """Ends the worker; done by itself when the process ends. Once is enough, twice does no harm."""
        self._end()

    def _send(self, request: dict) -> None:
        line = (json.dumps(request) + "\n").encode()
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):  # ValueError: closed by an earlier end
            raise self._death() from None

    def _receive(self) -> dict:
        line = self._answers.readline() if not self._answers.closed else ""
        if not line.endswith("\n"):
            raise self._death()
        return json.loads(line)

    def _death(self) -> WorkerDied:
        self.close()
        self._words.seek(0)
        said = self._words.read().decode(errors="replace").split("\n")
        code = self._process.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code} before it answered"
        return WorkerDied(f"{self.name} {how}{_last_words(said)}")


class _FarTraceback(Exception):
    """The worker's traceback, shown above the error it led to."""

    def __str__(self) -> str:
        return "\n" + self.args[0]


def _as_exception(type: str, text: str, trace: str) -> Exception:
    if type == "Exception":  # the API's own refusals, word for word
        return Exception(text)
    error = Exception(f"{type}: {text}")
    error.__cause__ = _FarTraceback(trace)
    return error


def _shared_block() -> IO[bytes]:
    """A file without a name, in memory where there is room for a frame, else in the temporary folder."""
    for folder in ("/dev/shm", None):
        try:
            block = tempfile.TemporaryFile(dir=folder)
            os.posix_fallocate(block.fileno(), 0, _FRAME_BYTES)
            return block
        except OSError as error:
            failure = error
    raise failure


def _environment(python: Path) -> dict[str, str]:
    """This process's, with other libraries: those beside the interpreter, which itself heeds no ``PYTHON*``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LD_")}
    return kept | {"LD_LIBRARY_PATH": str(python.resolve().parents[1] / "lib")}


def _last_words(lines: list[str]) -> str:
    """What failed stands first after a crash of the interpreter, last after an exception.

    >>> _last_words(["Fatal Python error: Aborted", "", "Thread 1:"])
    '; its last words: Fatal Python error: Aborted | Thread 1:'
    """
    said = [line.strip() for line in lines if line.strip()]
    shown = said if len(said) <= 8 else [*said[:3], "...", *said[-4:]]
    return "; its last words: " + " | ".join(shown) if said else ", without a word"


def _end(process: subprocess.Popen, answers: IO[str]) -> None:
    """Closes the line, which ends the worker; kills it when it does not end by itself."""
    try:
        process.stdin.close()
    except BrokenPipeError:
        pass
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    answers.close()
