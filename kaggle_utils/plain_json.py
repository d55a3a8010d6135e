"""JSON that any reader takes: no NaN, no NumPy, one line.

Python writes NaN into JSON, which JSON does not have, and refuses NumPy's numbers. What stages hand
on (run.json, decision.json, the diary) is made of such values, so it goes through here.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping

import numpy as np

__all__ = ["json_text", "plain"]


def json_text(value: object, indent: int | None = None) -> str:
    """A value as JSON, on one line or indented; see :func:`plain`.

    >>> json_text({"f2": np.float64("nan"), "folds": (0, np.int64(1))})
    '{"f2": null, "folds": [0, 1]}'
    """
    return json.dumps(plain(value), indent=indent, allow_nan=False, ensure_ascii=False)


def plain(value: object) -> object:
    """The same in JSON's own types: arrays and tuples are lists, paths text, NaN and infinities None.

    Keys become text. Raises ValueError for what has no such form.

    >>> plain({1: np.array([0.5, np.inf])})
    {'1': [0.5, None]}
    """
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, range)):
        return [plain(part) for part in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ValueError(f"{value!r} is a {type(value).__name__}, expected numbers, texts, lists and mappings of them")
