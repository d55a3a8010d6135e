"""Go on where a killed session stopped: what an earlier run of the same stage left is taken over.

A Kaggle session starts with an empty working folder. Attach the notebook's own earlier output to it, and
what that output holds (weights, checkpoints) is copied back, so that training goes on from there.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from kaggle_utils.platform import runtime

__all__ = ["restore"]


def restore(competition: str, stage: str, output: Path) -> list[str]:
    """Copy the files of this stage's attached earlier outputs that ``output`` lacks; returns their names.

    At home nothing is copied: a stage finds its own files where it left them.
    """
    if runtime.place() == "home":
        return []
    try:
        folders = runtime.stage_dirs(competition, stage)
    except runtime.NotAttached:
        return []
    taken = []
    for folder in folders:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            name = path.relative_to(folder)
            if not (output / name).exists():
                (output / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, output / name)
                taken.append(str(name))
    return taken
