"""Inside a rehearsed session: runs a notebook's cells one after another and stops at the first that fails.

``python -m kaggle_utils.platform.rehearsal.session_process CELLS`` (a JSON list of texts) in an IPython
shell, so that magics, ``!`` and ``display`` work as they do in a kernel; what cells print goes to stdout.
Cells, errors and the state of the time-series API are noted in the session's record (:func:`session_guard.note`).
"""

from __future__ import annotations

import gc
import json
import sys
import traceback
from typing import Any

from kaggle_utils.platform.rehearsal import session_guard


def main(cells: str) -> int:
    """Runs the cells in a file; 0, or 1 when one failed."""
    with open(cells, encoding="utf-8") as file:
        sources = json.load(file)
    shell = _shell()
    for number, source in enumerate(sources, start=1):
        if not _run(shell, number, source):
            return 1
    session_guard.note("end", **_interface())
    return 0


def _shell() -> Any:
    from IPython.core.interactiveshell import InteractiveShell

    InteractiveShell.enable_gui = lambda shell, gui=None: None  # there is none to enable; %matplotlib inline asks
    return InteractiveShell.instance(colors="nocolor")


def _run(shell: Any, number: int, source: str) -> bool:
    shell.compile.get_code_name = lambda *given: f"<cell {number}>"
    result = shell.run_cell(source, store_history=True)
    error = result.error_before_exec or result.error_in_exec
    session_guard.note("cell", gpu=_gpu_peak())
    if error is not None:
        session_guard.note("error", **_account(error, number), **_interface())
    sys.stdout.flush()
    return error is None


def _account(error: BaseException, number: int) -> dict[str, Any]:
    """The error in plain values (``number`` is its errno), with the innermost line of a cell that led to it."""
    frames = traceback.extract_tb(error.__traceback__)
    here = [(frame, session_guard.CELL.fullmatch(frame.filename)) for frame in frames]
    places = [{"cell": int(found.group(1)), "line": frame.lineno} for frame, found in here if found]
    where = places[-1] if places else {"cell": number, "line": getattr(error, "lineno", None) or 1}
    kinds = [kind.__name__ for kind in type(error).__mro__]
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    more = {"number": getattr(error, "errno", None), "file": getattr(error, "filename", None)}
    return {"kinds": kinds, "text": text, **more, **where}


def _gpu_peak() -> int:
    """Bytes that torch has held at most on any one card; 0 without a card in use."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return 0
    return max(torch.cuda.max_memory_reserved(number) for number in range(torch.cuda.device_count()))


def _interface() -> dict[str, Any]:
    """How far the emulated time-series API came, if the notebook used it."""
    module = sys.modules.get("kaggle_utils.platform.reef_api.timeseries")
    found = [e for e in gc.get_objects() if type(e) is module.ReefEnvironment] if module else []
    return {"api": list(found[-1].progress)} if found else {}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
