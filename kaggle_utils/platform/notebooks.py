"""Run a competition's notebooks one after another, as a person would from top to bottom.

Each is executed in a kernel of this Python, parameters injected, its printed output passed through
as it comes, and left beside its results as executed .ipynb and as HTML, also when it failed. In these what a
cell prints is one text, a progress bar its last state, and no file of the machine has its whole path; on the page no
line is cut off at the right edge.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from kaggle_utils.errors import KitError
from kaggle_utils.files import replacing
from kaggle_utils.platform import runtime
from kaggle_utils.platform.parameters import defaults, inject

_BAR = re.compile(r"(.*?):? +(\d+)%\|")
_CURSOR = re.compile(r"\x1b\[\d*[A-K]")  # bars below one another move it
_OF_A_WARNING = re.compile(r"^/\S+/(?=[^/\s]+\.py:\d+: \w*Warning)", re.MULTILINE)
_STYLE = """<style>
pre, .highlight pre { white-space: pre-wrap !important; word-break: normal !important; overflow-wrap: anywhere }
.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"] { background: #f5f5f5 !important }
.jp-OutputArea-output img { max-width: 100%; height: auto }
</style></head>"""
_NOTEBOOKS = runtime.CHECKOUT / "notebooks"  # beside the package, not in the wheel


class NotebookFailed(KitError):
    """A cell raised; the text holds its number, its error and where the executed notebook lies."""


def competitions() -> list[str]:
    """Names of the competitions that have notebooks, sorted; none where the kit is installed without them."""
    return sorted({path.parent.name for path in _NOTEBOOKS.glob("*/[0-9]_*.ipynb")})


def notebook_folder(competition: str) -> Path:
    """The folder of a competition's notebooks, beside the package.

    Raises FileNotFoundError where the kit is installed without them (they are not in the wheel).
    """
    folder = _NOTEBOOKS / competition
    if not folder.is_dir():
        raise FileNotFoundError(f"no notebooks at {folder}: install the kit from its checkout (pip install -e .)")
    return folder


def stages_of(competition: str, chosen: str | None = None) -> list[Path]:
    """The notebooks in the order of their stages (``1_eda``, ...), or the one that ``chosen`` names (``2`` or ``2_train``)."""
    paths = sorted(notebook_folder(competition).glob("[0-9]_*.ipynb"))
    found = [path for path in paths if chosen in (None, path.stem, *path.stem.split("_", 1))]
    if not found:
        raise ValueError(f"stage is {chosen!r}, expected one of {', '.join(path.stem for path in paths)}")
    return found


class _Talking(NotebookClient):
    """A client that passes on what cells print while they run."""

    def process_message(self, msg: Mapping, cell: Mapping, cell_index: int) -> Any:
        """Prints a message of a stream here, then does with it what any client does."""
        if msg["msg_type"] == "stream":
            stream = sys.stderr if msg["content"]["name"] == "stderr" else sys.stdout
            stream.write(msg["content"]["text"])
            stream.flush()
        return super().process_message(msg, cell, cell_index)


def execute(path: Path, folder: Path, values: Mapping[str, Any] | None = None) -> Path:
    """Run a notebook and write ``<name>.ipynb`` and ``<name>.html`` into ``folder``.

    values: parameters to override; those the notebook does not have raise ValueError
    Returns the path of the HTML. When a cell fails both are written as ``<name>-failed``, so that an earlier
    run's stay, and NotebookFailed is raised.
    """
    notebook = nbformat.from_dict(inject(nbformat.read(path, as_version=4), values or {}))
    where = {"metadata": {"path": str(Path.cwd())}}
    client = _Talking(notebook, timeout=None, kernel_name="python3", resources=where, coalesce_streams=True)
    began, failure = time.time(), None
    try:
        client.execute()
    except CellExecutionError as error:
        failure = error
    html = _write(notebook, folder, path.stem + ("-failed" if failure else ""))
    if failure is not None:
        number = sum(bool(cell.get("execution_count")) for cell in notebook.cells)
        raise NotebookFailed(f"{path.name}, code cell {number}: {failure.ename}: {failure.evalue} (see {html})")
    for kind in ("ipynb", "html"):
        (folder / f"{path.stem}-failed.{kind}").unlink(missing_ok=True)
    print(f"--- {path.stem} done in {time.time() - began:.0f} s: {html}", flush=True)
    return html


def tidied(text: str) -> str:
    """What a cell printed, each progress bar once, in its last state, and warnings without the path of their file.

    >>> print(tidied("a:  50%|# | 1/2\\nb:  10%|# | 1/9\\x1b[A\\na: 100%|##| 2/2\\nb:  20%|# | 2/9"))
    a: 100%|##| 2/2
    b:  20%|# | 2/9
    """
    lines: list[str] = []
    open_bars: dict[str, tuple[int, int]] = {}  # title -> its line, and how far it is
    text = _OF_A_WARNING.sub("", _CURSOR.sub("", text).replace(f"{Path.cwd()}/", ""))
    for line in re.split(r"[\r\n]", text):
        bar = _BAR.match(line)
        place, done = open_bars.get(bar[1], (-1, 101)) if bar else (-1, 101)
        if bar and done <= int(bar[2]) and (done < 100 or lines[place] == line):
            lines[place] = line
        else:
            place = len(lines)
            lines.append(line)
        if bar:
            open_bars[bar[1]] = place, int(bar[2])
    return "\n".join(lines)


def _write(notebook: Mapping, folder: Path, name: str) -> Path:
    from nbconvert import HTMLExporter

    for output in (one for cell in notebook["cells"] for one in cell.get("outputs", ()) if one["output_type"] == "stream"):
        output["text"] = tidied(output["text"])
    with replacing(folder / f"{name}.ipynb") as partial:
        nbformat.write(notebook, partial)
    body, _ = HTMLExporter().from_notebook_node(notebook)
    with replacing(folder / f"{name}.html") as partial:
        partial.write_text(body.replace("</head>", _STYLE, 1), encoding="utf-8")
    return folder / f"{name}.html"


def known_values(path: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values that the notebook has a parameter for."""
    names = defaults(nbformat.read(path, as_version=4))
    return {name: value for name, value in values.items() if name in names}


def refuse_unknown(paths: Iterable[Path], values: Mapping[str, Any]) -> None:
    """Raises ValueError naming a value that none of the notebooks has a parameter for."""
    names = {name for path in paths for name in defaults(nbformat.read(path, as_version=4))}
    unknown = [name for name in values if name not in names]
    if unknown:
        raise ValueError(f"no notebook has a parameter {unknown[0]!r}, expected one of {', '.join(sorted(names))}")
