"""What is wrong with a table of answers, said in sentences, before Kaggle refuses it without any.

Every competition's tables are checked for the same things: the columns, and each row's name once and
none else. A check returns a list of sentences, so that all faults are told at once; an empty list is
a sound table.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def read_texts(path: str | os.PathLike) -> pd.DataFrame:
    """A CSV with every cell as the text that stands there, an empty one as the empty text: what faults are looked for in."""
    import pandas as pd

    return pd.read_csv(path, dtype=str, keep_default_na=False)


def column_faults(table: pd.DataFrame, expected: Sequence[str], exactly: bool = False) -> list[str]:
    """Columns that are missing; with ``exactly`` the columns must be these, in this order.

    >>> import pandas as pd
    >>> column_faults(pd.DataFrame(columns=["a", "b"]), ["a", "c"])
    ["the columns are ['a', 'b'], expected ['a', 'c']"]
    """
    columns = list(table.columns)
    wrong = columns != list(expected) if exactly else not set(expected) <= set(columns)
    return [f"the columns are {columns}, expected {list(expected)}"] if wrong else []


def name_faults(what: str, names: Iterable, expected: Iterable) -> list[str]:
    """Names that are missing, unknown or doubled: a sentence a kind, with the first three of it.

    what: the name of the column; names and expected are compared as text

    >>> name_faults("index", [0, 0, 2, 9], range(3))
    ["1 index missing: '1'", "1 index unknown: '9'", "1 index doubled: '0'"]
    """
    import pandas as pd

    given, wanted = (pd.Index([str(name) for name in side], dtype=object) for side in (names, expected))
    kinds = {
        "missing": wanted.difference(given, sort=False),
        "unknown": given.difference(wanted, sort=False),
        "doubled": given[given.duplicated()].unique(),
    }
    return [f"{len(found)} {what} {kind}: {_first(found)}" for kind, found in kinds.items() if len(found)]


def _first(names: pd.Index) -> str:
    return ", ".join(map(repr, names[:3])) + (", ..." if len(names) > 3 else "")


def doubled_faults(names: pd.Series) -> list[str]:
    """The first name that stands twice in a column; the series is called as the column is.

    >>> import pandas as pd
    >>> doubled_faults(pd.Series(["a", "b", "b"], name="image"))
    ["image 'b' stands more than once"]
    """
    return [f"{names.name} {name!r} stands more than once" for name in names[names.duplicated()][:1]]


def order_faults(what: str, names: Iterable, expected: Iterable) -> list[str]:
    """The first row that is not where it should be, for tables that are read by position.

    >>> order_faults("index", [0, 2, 1], range(3))
    ["row 1 has index '2', expected '1'"]
    """
    pairs = enumerate(zip(names, expected, strict=False))
    wrong = ((row, str(name), str(other)) for row, (name, other) in pairs if str(name) != str(other))
    return [f"row {row} has {what} {name!r}, expected {other!r}" for row, name, other in wrong][:1]


def refuse(faults: Sequence[str], path: str | os.PathLike) -> None:
    """Raises ValueError with the file's name and all of its faults, if there are any.

    >>> refuse(["it is empty"], "submission.csv")
    Traceback (most recent call last):
    ValueError: submission.csv: it is empty
    """
    if faults:
        raise ValueError(f"{path}: " + "; ".join(faults))
