"""The line a notebook opens with: what it runs on, and until when.

It stands in the log of every session, so that a result can be traced to its Python, torch and cards.
"""

from __future__ import annotations

import math
import platform
import time
from importlib import metadata

from kaggle_utils.platform.gpu import gpus

__all__ = ["description"]


def description(where: str, ends: float) -> str:
    """Where, Python, torch, the GPUs and the session's end, between bars.

    where: in words; ends: Unix time in seconds, ``inf`` for no end

    >>> line = description("at home", float("inf")).split(" | ")
    >>> len(line), line[0], line[1].split()[0], line[-1]
    (5, 'at home', 'Python', 'no deadline')
    """
    return " | ".join([where, f"Python {platform.python_version()}", _torch(), _cards(), _end(ends)])


def _torch() -> str:
    try:
        return f"torch {metadata.version('torch')}"
    except metadata.PackageNotFoundError:
        return "no torch"


def _cards() -> str:
    names = [card.name for card in gpus()]
    return ", ".join(f"{names.count(name)} x {name}" for name in dict.fromkeys(names)) or "no GPU"


def _end(ends: float) -> str:
    if math.isinf(ends):
        return "no deadline"
    return f"ends {time.strftime('%H:%M', time.gmtime(ends))} UTC, {(ends - time.time()) / 3600:.1f} h left"
