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
    family: of what is alike in all kernels of a fan-out, so of all that the result depends on but what fans out
    stage: the kernel's name at home; settings: its overrides, those that were fanned out as ``name=*``
    kernels: all (owner/slug) that were pushed together; sent: when, in ISO 8601; run: False for one that is only saved
    reads: kernel or dataset -> its version, None where Kaggle tells none; competitions and models as well, with None
    """

    digest: str
    rest: str
    family: str
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
    return digest([part for part in _parts(code) if _mark(part[-1]) is None], rest)


def marked(code: str, mark: Mark) -> str:
    """The code with the comment as its last cell, or line; one that it brings along is left out.

    A notebook's outputs are emptied and the source of a cell is one text, as the service expects it.
    """
    line = f"{_BEGIN}{json.dumps(asdict(mark))}"
    notebook = _notebook(code)
    if notebook is None:
        return "\n".join([*(text for text in code.splitlines() if _mark(text) is None), line, ""])
    cells = [
        cell | {"source": "".join(cell["source"])} | ({"outputs": []} if "outputs" in cell else {})
        for cell in notebook["cells"]
    ]
    kept = [cell for cell in cells if _mark(cell["source"]) is None]
    return json.dumps(notebook | {"cells": [*kept, code_cell(notebook, line, "kaggle-utils")]}, ensure_ascii=False)


def read(code: str) -> Mark | None:
    """The mark of a kernel's source, its digest computed anew; None where it has none.

    >>> mark = Mark("", "rest", "", "pond-2-train", "fold=*", ["me/pond-2-train-fold0"], "2026-11-21T20:00:00Z", True, {})
    >>> read(marked("fold = 3", mark)).digest == digest_of("fold = 3", "rest")
    True
    >>> read(marked("fold = 3", mark).replace("3", "4")).digest == digest_of("fold = 3", "rest")
    False
    """
    *_, found = [None, *filter(None, (_mark(part[-1]) for part in _parts(code)))]
    return found and replace(found, digest=digest_of(code, found.rest))


def _mark(text: str) -> Mark | None:
    """What a cell or line says, if it is nothing but such a comment."""
    try:
        return Mark(**json.loads(text.removeprefix(_BEGIN))) if text.startswith(_BEGIN) else None
    except (ValueError, TypeError):
        return None


def _parts(code: str) -> list[list[str]]:
    """Kind and text of a notebook's cells, or a script's lines, without those that are empty and spaces at an end."""
    notebook = _notebook(code)
    if notebook is None:
        return [[line.rstrip()] for line in code.splitlines() if line.strip()]
    cells = [[str(cell.get("cell_type")), "".join(cell["source"]).rstrip()] for cell in notebook["cells"]]
    return [cell for cell in cells if cell[1]]


def _notebook(code: str) -> dict | None:
    try:
        found = json.loads(code)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "cells" in found else None
