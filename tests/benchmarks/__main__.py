"""The command ``python -m tests.benchmarks``: see the package for what it measures."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from pathlib import Path

from tqdm import tqdm

from . import JOBS, Job
from .measure import first_call_seconds, numba_import_seconds, rows_of


def main(argv: list[str] | None = None) -> None:
    """Runs the chosen jobs and prints their table; ends with exit code 0 even where a target is missed."""
    args = _arguments(argv)
    for file in sorted(Path(__file__).parent.glob("bench_*.py")):
        importlib.import_module(f"{__package__}.{file.stem}")
    rows, first_calls = [], []
    chosen = [make for make in JOBS if args.only.lower() in f"{make.__name__} {make.__module__}".lower()]
    for make in tqdm(chosen, unit="job", disable=None):
        job = make()
        rows += rows_of(job, args.rounds)
        first_calls += _first_call(job)
    result = {"machine": _machine(), "rows": rows, "first_calls": first_calls}
    print(json.dumps(result, indent=1) if args.json else as_markdown(result))


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Times this kit beside its peers.")
    parser.add_argument("--only", default="", metavar="NAME", help="jobs whose function or file name holds NAME")
    parser.add_argument("--json", action="store_true", help="print numbers, not a table")
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds per peer (default 7)")
    return parser.parse_args(argv)


def _first_call(job: Job) -> list[dict]:
    if job.first_call is None:
        return []
    compiling, cached = first_call_seconds(job.first_call)
    return [{"job": job.title, "compiling_s": compiling, "cached_s": cached}]


def _machine() -> dict:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cores": cores, "python": platform.python_version(), "system": platform.system()}


def as_markdown(result: dict) -> str:
    """The rows as a Markdown table, then first calls, then the targets that were missed."""
    lines = ["| job | ours, ms | peer | peer, ms | ratio | target | same answer |", "|---|---|---|---|---|---|---|"]
    lines += [_line(row) for row in result["rows"]]
    if result["first_calls"]:
        lines += ["", f"First call of the compiled kernels (besides `import numba`: {numba_import_seconds():.2f} s):"]
    for call in result["first_calls"]:
        late = " **over 4 s**" if call["compiling_s"] > 4 else ""
        lines.append(f"- {call['job']}: {call['compiling_s']:.2f} s compiling{late}, {call['cached_s']:.2f} s from the cache")
    missed = [_miss(row) for row in result["rows"] if row.get("met") is False]
    wrong = [f"- {row['job']}: not the answer of {row['peer']}" for row in result["rows"] if row.get("same") is False]
    lines += ["", *(["Targets missed:", *missed] if missed else ["No target missed."])]
    lines += ["", "Answers that differ:", *wrong] if wrong else []
    machine = result["machine"]
    return "\n".join([*lines, "", f"{machine['cores']} cores, Python {machine['python']}, {machine['system']}."])


def _miss(row: dict) -> str:
    return f"- {row['job']} against {row['peer']}: {_short(row['ratio'])} of {_short(row['target'])}"


def _line(row: dict) -> str:
    target = "" if row["target"] is None else _short(row["target"])
    if "missing" in row:
        return f"| {row['job']} | | {row['peer']} | not installed: pip install -e .[bench] | | {target} | |"
    target += {True: "", False: " **missed**", None: ""}[row["met"]]
    same = {True: "yes", False: "**no**", None: "not compared"}[row["same"]]
    ours, peer, ratio = (_short(row[name]) for name in ("ours_ms", "peer_ms", "ratio"))
    return f"| {row['job']} | {ours} | {row['peer']} | {peer} | {ratio} | {target} | {same} |"


def _short(number: float) -> str:
    return f"{number:.3g}" if number < 1e3 else f"{number:,.0f}"


if __name__ == "__main__":
    sys.exit(main())
