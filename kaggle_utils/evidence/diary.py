"""The diary of experiments: one line of JSON for every training and every decision.

The notebooks of the reef diaries lost count of what had been tried. Here each run appends what it
changed against the defaults, what it scored and what it cost; the leaderboard's answer follows later
as a line of its own. Nothing is ever rewritten, so runs side by side and a kill in mid-line can spoil
at most the line being written, which the reader reports and steps over.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_utils.files import json_text, locked, plain

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Diary:
    """What a diary holds.

    entries: one dict a run as :func:`entry` makes it, oldest first; those with a leaderboard score
        have ``public`` and ``private`` as well
    unreadable: lines that are no entry, cut by a kill, say, each as ``line 7: '{"time": "2026-...'``
    """

    entries: list[dict]
    unreadable: list[str]


def changed(parameters: Mapping, defaults: Mapping) -> dict:
    """Parameters that differ from their defaults, or have none.

    >>> changed({"imgsz": 1920, "epochs": 10}, defaults={"imgsz": 1280, "epochs": 10})
    {'imgsz': 1920}
    """
    now, before = plain(parameters), plain(defaults)
    return {name: value for name, value in now.items() if name not in before or before[name] != value}


def entry(
    competition: str,
    stage: str,
    parameters: Mapping,
    defaults: Mapping,
    *,
    score: float | None = None,
    interval: tuple[float, float] | None = None,
    fold_scores: Mapping | Sequence[float] | None = None,
    started: float | None = None,
    **more: object,
) -> dict:
    """A run's line; ``run`` is its name, to be put into the submission's description.

    score, interval: out-of-fold score and its (low, high)
    fold_scores: per fold, by number or in order
    started: ``time.time()`` when it began, for minutes
    more: whatever else is worth a column

    >>> line = entry("reef", "2_train", {"imgsz": 1920}, {"imgsz": 1280}, score=0.61, interval=(0.5, 0.7))
    >>> line["changed"], line["score"], line["interval"]
    ({'imgsz': 1920}, 0.61, [0.5, 0.7])
    """
    from kaggle_utils import __version__

    folds = fold_scores if isinstance(fold_scores, Mapping) else dict(enumerate(fold_scores or ()))
    line = {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "run": uuid.uuid4().hex[:8],
        "competition": competition,
        "stage": stage,
        "changed": changed(parameters, defaults),
        "parameters": parameters,
        "score": score,
        "interval": interval,
        "folds": folds,
        "minutes": None if started is None else round((time.time() - started) / 60, 2),
        "memory": peak_memory(),
        "version": __version__,
    }
    return plain(line | more)


def append(path: str | os.PathLike, entry: Mapping) -> None:
    """Adds a line with one write under a lock; a line that was cut before it stays alone.

    The folder is made if it is missing. Raises ValueError for what has no form in JSON.
    """
    line = json_text(entry).encode() + b"\n"
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab+", buffering=0) as file, locked(file):
        size = file.seek(0, os.SEEK_END)
        if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
            line = b"\n" + line
        if file.write(line) != len(line):
            raise OSError(f"{path}: the line of {len(line)} bytes was not written whole, is the disk full?")


def read(path: str | os.PathLike) -> Diary:
    """All runs with the latest leaderboard score of each; an absent diary has none.

    Kernels write diaries of their own; those in ``<competition>/<stage>`` beside this one, where outputs are brought
    home to, are read with it.

    >>> read("no/such/diary.jsonl")
    Diary(entries=[], unreadable=[])
    """
    path = Path(path)
    runs: dict[str, dict] = {}
    unreadable = []
    for file in filter(Path.is_file, [path, *sorted(path.parent.glob(f"*/*/{path.name}"))]):
        for number, line in enumerate(file.read_bytes().split(b"\n"), start=1):
            if line.strip() and not _take(line, runs):
                where = f"line {number}" if file == path else f"{file}, line {number}"
                unreadable.append(f"{where}: {line[:60].decode(errors='replace')!r}")
    told = (run for run in runs.values() if "stage" in run)
    return Diary(sorted(told, key=lambda run: run.get("time", "")), unreadable)


def _take(line: bytes, runs: dict[str, dict]) -> bool:
    """Merges a line into the run it names; False if it is no line of a diary."""
    try:
        found = json.loads(line)
        name = str(found["run"])
    except (ValueError, TypeError, KeyError):
        return False
    runs[name] = runs.get(name, {}) | (found if "stage" in found else _scores(found))
    return True


def _scores(line: Mapping) -> dict:
    return {name: line[name] for name in ("public", "private") if line.get(name) is not None}


def set_leaderboard(
    path: str | os.PathLike, run: str, public: float | None = None, private: float | None = None
) -> None:
    """Adds what the leaderboard said to a run; the later of two counts.

    Raises ValueError when the diary has no such run, naming the latest ones.
    """
    runs = [line["run"] for line in read(path).entries]
    if run not in runs:
        raise ValueError(f"run is {run!r}, expected one in {path}, such as {runs[-3:]}")
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    append(path, {"time": now, "run": run, "public": public, "private": private})


def read_submissions(path: str | os.PathLike, submissions: str | os.PathLike) -> list[str]:
    """Takes scores from the competition's list of submissions into the diary; returns the runs it set.

    submissions: what ``kaggle competitions submissions --csv`` prints, in a file; a line belongs to the
    run whose name stands in its description. Scores that the diary has already are not added again.
    """
    runs = {line["run"]: _scores(line) for line in read(path).entries}
    found = {}
    with open(submissions, newline="") as file:
        for row in csv.DictReader(file):
            scores = {name: float(row[name + "Score"]) for name in ("public", "private") if row.get(name + "Score")}
            named = [run for run in runs if run in row.get("description", "")]
            found |= {run: scores for run in named if scores and run not in found}
    new = [run for run, scores in found.items() if runs[run] | scores != runs[run]]
    for run in new:
        set_leaderboard(path, run, **found[run])
    return new


def tables(entries: Sequence[Mapping]) -> dict[tuple[str, str], tuple[pd.DataFrame, str]]:
    """(competition, stage) -> (a row a run, with whatever differs between them, and in words what does not).

    A table of everything is read by nobody. A parameter that differs has a column even where some runs left it at its
    default; of those that do not, the ones away from their defaults are said.

    entries: of :attr:`Diary.entries`; all cells are texts, the index is the runs' names

    >>> sizes = {"a": 640, "b": 1280}
    >>> runs = [entry("pond", "2_train", {"imgsz": n, "lr": 1}, {"imgsz": 640}) | {"run": name} for name, n in sizes.items()]
    >>> [(table, same)] = tables(runs).values()
    >>> table["imgsz"].tolist(), "lr 1" in same
    (['640', '1280'], True)
    """
    groups: dict[tuple[str, str], list[Mapping]] = {}
    for one in entries:
        groups.setdefault((one.get("competition", ""), one["stage"]), []).append(one)
    return {group: _table(runs) for group, runs in groups.items()}


def _table(runs: Sequence[Mapping]) -> tuple[pd.DataFrame, str]:
    import pandas as pd

    frame = pd.DataFrame([_cells(run) for run in runs]).fillna("").set_index("run")
    shown = [name for name in frame if name in ("time", "score") or frame[name].nunique() > 1]
    said = {name for run in runs for name in (*run, *run.get("changed", {}))} - {*shown, "competition", "stage"}
    same = ", ".join(f"{name} {text}" for name, text in frame.iloc[0].items() if text and name in said)
    return frame[shown], f"{'the same in all' if len(runs) > 1 else 'besides'}: {same}"


def _cells(run: Mapping) -> dict[str, str]:
    """One run as texts by column: its parameters, also those at their defaults, and its memory have a column each."""
    scores = {name: f"{run[name]:.4f}" for name in ("score", "public", "private") if run.get(name) is not None}
    if run.get("interval") and None not in run["interval"]:
        scores["score"] += " [{:.4f}, {:.4f}]".format(*run["interval"])
    time = run.get("time", "")[:16].replace("T", " ")
    first = {"run": run["run"], "time": time, "member": run.get("member", ""), "score": "", **scores}
    folds = " ".join(f"{value:.3f}" for value in (run.get("folds") or {}).values() if value is not None)
    memory = {f"{name} GB": value for name, value in (run.get("memory") or {}).items()}
    rest = {name: value for name, value in run.items() if value is not None and name not in {*first, *_NESTED}}
    cells = first | run.get("changed", {}) | run.get("parameters", {}) | {"folds": folds} | rest | memory
    return {name: _text(value) for name, value in cells.items()}


_NESTED = {"changed", "parameters", "interval", "memory", "folds"}


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("\n", " ")


def peak_memory() -> dict[str, float]:
    """The most memory this process has held, in GB: ``host``, and ``gpu`` where torch has used one.

    >>> peak_memory()["host"] > 0.01
    True
    """
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # bytes, kilobytes
    peak = {"host": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9, 3)}
    torch = sys.modules.get("torch")  # loaded by whoever trained, never by the diary
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        cards = range(torch.cuda.device_count())
        peak["gpu"] = round(max(torch.cuda.max_memory_allocated(card) for card in cards) / 1e9, 3)
    return peak
