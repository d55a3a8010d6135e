"""What was pushed last, by account and kernel, so that the next stage and a later shell know.

A receipt is a small JSON file under ``runs/kaggle/pushed``. A stage fanned out by fold leaves one
receipt with a kernel per fold; the stage after it takes them all. Pushing one fold again with
otherwise the same settings replaces that fold, any other push replaces the receipt.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path

from kaggle_utils.files import replacing
from kaggle_utils.platform.kernels import Pushed
from kaggle_utils.platform.stamping import FANNED

__all__ = ["record", "recall"]


def record(runs: Path, owner: str, name: str, pushed: Pushed, values: Mapping[str, object], fanned: bool) -> None:
    """Notes that a kernel was pushed for the stage `name` with these parameters.

    runs: the folder of runs. fanned: whether it is one of several, by fold.
    """
    settings = {key: repr(value) for key, value in sorted(values.items()) if not fanned or key != FANNED}
    before = _read(_path(runs, owner, name))
    together = fanned and before["fanned"] and before["settings"] == settings
    kernels = {kernel[0]: kernel for kernel in before["kernels"]} if together else {}
    kernels[pushed.kernel] = list(astuple(pushed))
    content = {"fanned": fanned, "settings": settings, "kernels": [kernels[key] for key in sorted(kernels)]}
    with replacing(_path(runs, owner, name)) as part:
        part.write_text(json.dumps(content, indent=2), encoding="utf-8")


def recall(runs: Path, owner: str, name: str) -> list[Pushed]:
    """The kernels pushed last for a stage, in order of their names; empty when none was."""
    return [Pushed(*kernel) for kernel in _read(_path(runs, owner, name))["kernels"]]


def _path(runs: Path, owner: str, name: str) -> Path:
    return runs / "kaggle" / "pushed" / owner / f"{name}.json"


def _read(path: Path) -> dict:
    if not path.is_file():
        return {"fanned": False, "settings": {}, "kernels": []}
    return json.loads(path.read_text(encoding="utf-8"))
