"""Run a competition's notebooks one after another, as a person would from top to bottom.

Each is executed in a kernel of this Python, parameters injected, its printed output passed through
as it comes, and left beside its results as executed .ipynb and as HTML, also when it failed. In these what a
cell prints is one text, and a progress bar its last state.
"""

from __future__ import annotations

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


def _write(notebook: Mapping, folder: Path, name: str) -> Path:
    from nbconvert import HTMLExporter

    with replacing(folder / f"{name}.ipynb") as partial:
        nbformat.write(notebook, partial)
    body, _ = HTMLExporter().from_notebook_node(notebook)
    with replacing(folder / f"{name}.html") as partial:
        partial.write_text(body, encoding="utf-8")
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
