"""One session of Kaggle's, at home: a notebook runs in a fresh root and everything it does is measured.

A :class:`Session` is a folder with ``input``, ``working`` and ``temp`` in it, what is attached, and the
way a fresh root is made here. :func:`run_notebook` empties ``working``, runs the cells in a process of
their own (:mod:`session_process`) with Kaggle's variables and none of this machine's ``KAGGLE_*``, no
credentials therefore, and returns a :class:`Run`: times, peak memory, what was written, how it ended.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from kaggle_utils.platform import parameters, runtime
from kaggle_utils.platform.rehearsal import sandbox, session_guard

_CACHES = ("home", "site")  # in temp, kept from run to run: compiled kernels, installed wheels
_PAUSE_S = 0.1  # between two looks at memory
_PATIENCE_S = 10.0  # between two looks at the size of the output


@dataclass(frozen=True)
class Session:
    """folder: gets input, working and temp; attached: path below ``/kaggle`` -> what lies there; how: of sandbox."""

    folder: Path
    attached: Mapping[str, Path]
    how: str | None = field(default_factory=sandbox.mechanism)

    @property
    def root(self) -> Path:
        """Where notebooks find it: Kaggle's own path, or the session's folder where no root can be made."""
        return runtime.KAGGLE if self.how else self.folder

    @property
    def working(self) -> Path:
        """The notebook's output, seen from outside."""
        return self.folder / "working"


@dataclass(frozen=True)
class Run:
    """How a notebook's run went.

    seconds: from start to end; code: exit status, 0 for a run to the end, negative for a signal
    stopped: which limit ended it (``time``, ``memory`` or ``output``), None without
    host: bytes of memory at most, all processes together; gpu: bytes at most on one card, 0 without
    output: bytes in the working folder; written: (path, bytes) in it, the largest first
    notes: the record, a dictionary a line; log: all that was printed
    """

    seconds: float
    code: int
    stopped: str | None
    host: int
    gpu: int
    output: int
    written: tuple[tuple[str, int], ...]
    notes: tuple[dict[str, Any], ...]
    log: str

    @property
    def finished(self) -> bool:
        """Did every cell run?"""
        return self.code == 0 and self.stopped is None

    @property
    def error(self) -> dict[str, Any] | None:
        """What the failing cell raised: kinds, text, cell, line, code; None where none did."""
        return next(iter(self.noted("error")), None)

    def noted(self, kind: str) -> list[dict[str, Any]]:
        """The lines of the record of one kind."""
        return [line for line in self.notes if line["kind"] == kind]


def run_notebook(
    session: Session,
    notebook: Mapping[str, Any],
    rerun: bool = False,
    hidden: str | None = None,
    limits: runtime.Limits | None = None,
) -> Run:
    """Runs a notebook (an .ipynb file's content) from an empty working folder to its end or first error.

    rerun: as when the hidden test is scored; hidden: path below ``/kaggle`` of the frames that the
    emulated API serves; limits: ends it beyond these
    """
    limits = limits or (runtime.Limits.rerun() if rerun else runtime.Limits())
    sources = _sources(notebook)
    place = _prepared(session, sources)
    process = "kaggle_utils.platform.rehearsal.session_process"
    command = [sys.executable, "-m", process, f"{session.root}/temp/rehearsal/cells.json"]
    wrapped = sandbox.wrapped(command, session.folder, session.root, session.attached, session.how)
    began = time.time()
    with open(place / "log.txt", "w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(
            wrapped, cwd=session.working, env=_environment(session, rerun, hidden), stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            stopped, host = _watched(process, session, limits)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    notes = _record(place / "record.jsonl", sources)
    gpu = max((line["gpu"] for line in notes if line["kind"] == "cell"), default=0)
    written = _written(session.working)
    text = (place / "log.txt").read_text(encoding="utf-8", errors="replace")
    output = sum(size for _, size in written)
    return Run(time.time() - began, process.returncode, stopped, host, gpu, output, written, notes, text)


def _sources(notebook: Mapping[str, Any]) -> list[str]:
    """The code cells; injected parameters go to the cell they override, so that cells count as in the notebook."""
    sources: list[str] = []
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if parameters.INJECTED in cell.get("metadata", {}).get("tags", []):
            sources[-1] += "\n" + text
        elif cell["cell_type"] == "code":
            sources.append(text)
    return sources


def _prepared(session: Session, sources: Sequence[str]) -> Path:
    """Empties the session but for caches; lays out what its processes need, in ``temp/rehearsal``."""
    temp = session.folder / "temp"
    earlier = [path for path in temp.glob("*") if path.name not in _CACHES]
    for entry in [session.working, session.folder / "input", *earlier]:
        entry.unlink() if entry.is_symlink() or entry.is_file() else shutil.rmtree(entry, ignore_errors=True)
    place = temp / "rehearsal"
    for folder in (session.working, place, place.parent / "home", place.parent / "site"):
        folder.mkdir(parents=True, exist_ok=True)
    (place / "cells.json").write_text(json.dumps(sources), encoding="utf-8")
    shutil.copyfile(session_guard.__file__, place / "sitecustomize.py")
    return place


def _environment(session: Session, rerun: bool, hidden: str | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KAGGLE")}
    temp = session.root / "temp"
    there = {
        "KAGGLE_KERNEL_RUN_TYPE": "Batch",
        "KAGGLE_UTILS_GUARD_LOG": f"{temp}/rehearsal/record.jsonl",
        "KAGGLE_UTILS_GUARD_ROOTS": os.pathsep.join({str(runtime.KAGGLE), str(session.root)}),
        "PYTHONPATH": os.pathsep.join([f"{temp}/rehearsal", f"{temp}/site", str(runtime.CHECKOUT)]),
        "PIP_TARGET": f"{temp}/site",  # wheels go here, not into the Python at home
        "HOME": f"{temp}/home",
        "TMPDIR": str(temp),
        "MPLBACKEND": "agg",
        "PYTHONUNBUFFERED": "1",
    }
    there |= {"KAGGLE_IS_COMPETITION_RERUN": "1"} if rerun else {}
    there |= {"KAGGLE_UTILS_HIDDEN": f"{session.root}/{hidden}"} if hidden else {}
    there |= {} if session.how else {"KAGGLE_UTILS_KAGGLE_ROOT": str(session.root), "KAGGLE_UTILS_GUARD_CLOSED": "1"}
    return kept | there


def _watched(process: subprocess.Popen, session: Session, limits: runtime.Limits) -> tuple[str | None, int]:
    """Waits for the end; which limit was passed, if any, and the peak of memory in bytes."""
    began, looked, peak = time.time(), time.time(), 0
    while process.poll() is None:
        time.sleep(_PAUSE_S)
        peak = max(peak, _memory(process.pid))
        if peak > limits.host:
            return "memory", peak
        if time.time() - began > 3600 * limits.hours:
            return "time", peak
        if time.time() - looked > _PATIENCE_S:
            looked = time.time()
            if folder_size(session.working) > limits.output:
                return "output", peak
    return None, peak


def _memory(pid: int) -> int:
    """Bytes held by a process and those it started; memory that they share counts once a process."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                memory = process.memory_info()
                total += memory.rss - (getattr(memory, "shared", 0) if process.pid != pid else 0)
    return total


def _record(path: Path, sources: Sequence[str]) -> tuple[dict[str, Any], ...]:
    """The session's notes; those that name a line of a cell also get its ``code``."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    notes = [json.loads(line) for line in lines]
    for note in notes:
        if "line" in note:
            note["code"] = "".join(sources[note["cell"] - 1].splitlines()[note["line"] - 1 : note["line"]]).strip()
    return tuple(notes)


def _written(folder: Path) -> tuple[tuple[str, int], ...]:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    sizes = [(path.relative_to(folder).as_posix(), path.stat().st_size) for path in files]
    return tuple(sorted(sizes, key=lambda pair: (-pair[1], pair[0])))


def folder_size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(size for _, size in _written(folder))
