"""A hidden test that can be cut, turned and laid out again, whatever the competition: what rehearsals run on.

A hidden test is a folder; ``truth.csv``, in the competition's own layout, lies in it or beside it (the built-in
samples put it beside). Notebooks never look for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from kaggle_utils.tasks.competition import Competition, Items


def hidden_truth(folder: Path) -> Path | None:
    """``truth.csv`` in a hidden test's folder, or else beside it; None where the truth is not known.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     _ = Path(name, "truth.csv").write_text("")
    ...     hidden_truth(Path(name, "test_images")).name, hidden_truth(Path(name)).name, hidden_truth(Path(name, "a", "b"))
    ('truth.csv', 'truth.csv', None)
    """
    return next((path for path in (folder / "truth.csv", folder.with_name("truth.csv")) if path.is_file()), None)


@dataclass(frozen=True)
class HiddenTest:
    """Items to be answered, of which some are chosen; ``known``: whether their truth is."""

    competition: Competition
    items: Items
    known: bool = True

    def __len__(self) -> int:
        return len(self.items)

    @property
    def clips(self) -> np.ndarray | None:
        """(N,) ids of the clips that items belong to, where they follow one another in time; None where they do not."""
        table = self.items.table
        return table["clip"].to_numpy() if "clip" in table else None

    def take(self, rows: Sequence[int]) -> HiddenTest:
        """The items with these numbers, in this order."""
        return HiddenTest(self.competition, self.items.take(np.asarray(rows, dtype=int)), self.known)

    def some(self, n: int) -> HiddenTest:
        """All, or where they are more than n, the first n; in time, the first of each of up to four clips."""
        if len(self) <= n or self.clips is None:
            return self.take(range(min(n, len(self))))
        ids = list(dict.fromkeys(self.clips.tolist()))[: min(4, n)]
        return self.take([row for clip in ids for row in np.flatnonzero(self.clips == clip)[: n // len(ids)]])

    def other_order(self, at_most: int) -> list[int]:
        """Numbers of items for a test in another order; empty where there is no other.

        Every other item, the last first: other neighbours in other batches. In time: clips backwards, the start of
        each, two items at least, in their own order.
        """
        if self.clips is None:
            return list(range(len(self)))[::-2][:at_most] if len(self) > 1 else []
        ids = list(dict.fromkeys(self.clips.tolist()))
        if len(ids) < 2:
            return []
        each = max(2, at_most // len(ids))
        return [int(row) for clip in reversed(ids) for row in np.flatnonzero(self.clips == clip)[:each]]

    def write(self, folder: Path) -> None:
        """Lays the items out as all of the test there is."""
        self.competition.lay_out(self.items, folder)

    def faults(self, table: pd.DataFrame) -> list[str]:
        """What is wrong with the submission, a sentence each; table: all cells as text."""
        return self.competition.faults(table, self.items)

    def answers(self, table: pd.DataFrame) -> list[str]:
        """The answer to each item, of a table without faults."""
        return self.competition.answers(table, self.items)

    def same(self, one: str, other: str) -> bool:
        """Whether two answers are the same but for rounding."""
        return self.competition.KIND.same(one, other)

    def score(self, table: pd.DataFrame) -> tuple[str, float] | None:
        """The metric's name and value; None where the truth is not known."""
        return (self.competition.KIND.METRIC, self.competition.score(self.items, table).score) if self.known else None
