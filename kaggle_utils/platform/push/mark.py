"""The comment in a sent kernel that says what it is: so Kaggle itself tells what was pushed, to whoever asks.

Its digest stands for all that the result depends on. A reader computes it anew from the code: who edits a kernel on
Kaggle keeps the comment, and has another digest all the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from kaggle_utils.platform.parameters import code_cell

_BEGIN = "# kaggle-utils "


@dataclass(frozen=True)
class Mark:
    """What a sent kernel says of itself.

    digest: of the code and of ``rest``, 12 hexadecimal digits; rest: of all else that the result depends on
    stage: the kernel's name at home; settings: its overrides, those that were fanned out as ``name=*``
    kernels: all (owner/slug) that were pushed together; sent: when, in ISO 8601; run: False for one that is only saved
    reads: kernel or dataset -> its version, None where that is not known
    """

    digest: str
    rest: str
    stage: str
    settings: str
    kernels: Sequence[str]
    sent: str
    run: bool
    reads: Mapping[str, int | None]


def digest(*parts: object) -> str:
    """Twelve hexadecimal digits that stand for values in JSON's types.

    >>> digest(["fold = 3"], {"enable_gpu": True})
    'c9ea22bd2e7b'
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def digest_of(code: str, rest: str) -> str:
    """The digest of a mark; code: a notebook's JSON or a script, with the comment or without."""
    return digest([part for part in _parts(code) if not part.startswith(_BEGIN)], rest)


def marked(code: str, mark: Mark) -> str:
    """The code with the comment as its last cell, or line; one that it brings along is left out.

    A notebook's outputs are emptied and the source of a cell is one text, as the service expects it.
    """
    line = f"{_BEGIN}{json.dumps(asdict(mark))}"
    notebook = _notebook(code)
    if notebook is None:
        return "\n".join([*(text for text in code.splitlines() if not text.startswith(_BEGIN)), line, ""])
    cells = [
        cell | {"source": "".join(cell["source"])} | ({"outputs": []} if "outputs" in cell else {})
        for cell in notebook["cells"]
    ]
    kept = [cell for cell in cells if not cell["source"].startswith(_BEGIN)]
    return json.dumps(notebook | {"cells": [*kept, code_cell(notebook, line, "kaggle-utils")]}, ensure_ascii=False)


def read(code: str) -> Mark | None:
    """The mark of a kernel's source, its digest computed anew; None where it has none.

    >>> mark = Mark("", "rest", "pond-2-train", "fold=*", ["me/pond-2-train-fold0"], "2026-11-21T20:00:00Z", True, {})
    >>> read(marked("fold = 3", mark)).digest == digest_of("fold = 3", "rest")
    True
    >>> read(marked("fold = 3", mark).replace("3", "4")).digest == digest_of("fold = 3", "rest")
    False
    """
    comments = [part.removeprefix(_BEGIN) for part in _parts(code) if part.startswith(_BEGIN)]
    try:
        found = Mark(**json.loads(comments[-1]))
    except (IndexError, ValueError, TypeError):
        return None
    return replace(found, digest=digest_of(code, found.rest))


def _parts(code: str) -> list[str]:
    """The cells of a notebook or the lines of a script, without those that are empty and without spaces at an end."""
    notebook = _notebook(code)
    parts = code.splitlines() if notebook is None else ["".join(cell["source"]) for cell in notebook["cells"]]
    return [part.rstrip() for part in parts if part.strip()]


def _notebook(code: str) -> dict | None:
    try:
        found = json.loads(code)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "cells" in found else None
