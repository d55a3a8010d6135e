"""The far side of the bridge to ``greatbarrierreef``: this file runs under CPython 3.7.

Started by :mod:`kaggle_utils.platform.reef_api.link` as ``python3.7 -I worker.py FOLDER REPLIES BLOCK``
with nothing of the kit importable, so it uses the standard library, numpy and pandas of that
interpreter, and no syntax younger than 3.7. FOLDER holds the package ``greatbarrierreef``; REPLIES and
BLOCK are open file descriptors. Requests come in on stdin and answers go out on REPLIES, one JSON object
a line; pixels go through BLOCK, a file without a name that both sides have open. What the API
prints goes back as a message too, in its place among the answers.

:func:`plain_table` and :func:`table_from_plain` are what both sides use to speak of a DataFrame.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import traceback

import numpy as np
import pandas as pd


def plain_table(table: pd.DataFrame) -> dict:
    """A DataFrame as JSON can carry it: columns, dtypes, values by column, and the row index.

    Number and bool dtypes are kept; every other column arrives as ``object``, missing entries in it as
    None or NaN, as they were. Raises TypeError for an entry that is no number, text, bool or None.

    >>> plain_table(pd.DataFrame({"index": [7], "annotations": ["0.9 1 2 3 4"]}))["values"]
    [[7], ['0.9 1 2 3 4']]
    """
    columns = [table.iloc[:, i] for i in range(table.shape[1])]  # by place, for names may occur twice
    return {
        "columns": [_plain(name, "the columns") for name in table.columns.tolist()],
        "dtypes": [_kept(column.dtype) for column in columns],
        "values": [[_plain(value, repr(column.name)) for value in column.tolist()] for column in columns],
        "rows": [_plain(row, "the row index") for row in table.index.tolist()],
    }


def table_from_plain(plain: dict) -> pd.DataFrame:
    """The DataFrame that :func:`plain_table` described.

    >>> table_from_plain({"columns": ["a"], "dtypes": ["float32"], "values": [[0.5]], "rows": [0]}).dtypes["a"]
    dtype('float32')
    """
    rows = pd.Index(plain["rows"], dtype=None if plain["rows"] else object)
    pairs = zip(plain["values"], plain["dtypes"])
    table = pd.DataFrame({i: pd.Series(v, rows, dtype=kept) for i, (v, kept) in enumerate(pairs)}, index=rows)
    table.columns = plain["columns"]
    return table


class Worker:
    """Does what is asked of the API, one request after the other.

    folder: where the package lies; replies: descriptor for answers; block: descriptor for pixels
    """

    def __init__(self, folder: str, replies: int, block: int) -> None:
        self.folder, self.replies, self.block = folder, os.fdopen(replies, "w"), os.fdopen(block, "wb", buffering=0)
        self.module, self.env, self.iterators = None, None, []

    def serve(self, requests) -> None:
        """Answers every line of requests until they end."""
        for line in requests:
            request = json.loads(line)
            try:
                answer = {"result": getattr(self, "do_" + request["call"])(request)}
            except StopIteration:
                answer = {"ended": True}
            except Exception as error:
                raised = {"type": type(error).__name__, "text": str(error), "trace": traceback.format_exc()}
                answer = {"raised": raised}
            self.send(dict(answer, id=request["id"]))

    def send(self, message: dict) -> None:
        """Writes one line, whole."""
        self.replies.write(json.dumps(message) + "\n")
        self.replies.flush()

    def do_import(self, request: dict) -> dict:
        """Imports the module; the versions of what it was imported beside."""
        sys.path.insert(0, self.folder)
        import greatbarrierreef

        self.module = greatbarrierreef
        return {"python": platform.python_version(), "numpy": np.__version__, "pandas": pd.__version__}

    def do_make_env(self, request: dict) -> None:
        """Asks the module for its environment."""
        self.env = self.module.make_env()

    def do_iter_test(self, request: dict) -> int:
        """Begins an iteration; its number."""
        self.iterators.append(iter(self.env.iter_test()))
        return len(self.iterators) - 1

    def do_next(self, request: dict) -> dict | None:
        """The next frame's shape, dtype and sample, its pixels in the block; None where the API gives None."""
        item = next(self.iterators[request["iterator"]])
        if item is None:
            return None
        pixels, sample = item
        self.block.seek(0)
        pixels.tofile(self.block)  # says so where there is no room
        return {"shape": pixels.shape, "dtype": pixels.dtype.str, "sample": plain_table(sample)}

    def do_predict(self, request: dict) -> None:
        """Hands an answer to the API."""
        self.env.predict(None if request["table"] is None else table_from_plain(request["table"]))


class Printed:
    """Stands for sys.stdout or sys.stderr: what is printed there is sent home."""

    def __init__(self, worker: Worker, stream: str) -> None:
        self.worker, self.stream = worker, stream

    def write(self, text: str) -> int:
        """Sends a text home; how long it is."""
        self.worker.send({"printed": text, "stream": self.stream})
        return len(text)

    def flush(self) -> None:
        """Everything has been sent."""


def main(folder: str, replies: str, block: str) -> None:
    """Serves the requests on stdin; ends with them."""
    worker = Worker(folder, int(replies), int(block))
    requests = sys.stdin
    sys.stdin = open(os.devnull)
    sys.stdout, sys.stderr = Printed(worker, "stdout"), Printed(worker, "stderr")
    worker.serve(requests)


def _plain(value, where: str):
    if value is pd.NA:
        return None
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise TypeError(f"{where} of the DataFrame holds {value!r}, expected numbers, texts, bools and None")


def _kept(dtype) -> str:
    return str(dtype) if isinstance(dtype, np.dtype) and dtype.kind in "biuf" else "object"


if __name__ == "__main__":
    main(*sys.argv[1:])
