"""Items with their labels: the one form that competitions of labels hand them out in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LabelItems:
    """Items, each with any number of L labels.

    table: one row an item: the competition's KEY, path (text), exists (bool), and group where it is known
    classes: L names; labels: (N, L) bool, None where no truth is known

    >>> import pandas as pd
    >>> table = pd.DataFrame({"image_name": ["a", "b"], "exists": [True, False]})
    >>> items = LabelItems(table, ("road", "water"), np.array([[True, True], [False, False]]))
    >>> print(items)
    2 items, 2 labels; 1 of their files are missing
    >>> print(items.present()), items.filled.tolist()
    1 items, 2 labels; all files are there
    (None, [True, False])
    """

    table: pd.DataFrame
    classes: tuple[str, ...]
    labels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.table)

    @property
    def filled(self) -> np.ndarray:
        """(N,) bool: items with any label; none where no truth is known."""
        return np.zeros(len(self), bool) if self.labels is None else self.labels.any(1)

    def take(self, rows: np.ndarray) -> LabelItems:
        """The items chosen by row numbers or a mask."""
        labels = None if self.labels is None else self.labels[rows]
        return LabelItems(self.table.iloc[rows].reset_index(drop=True), self.classes, labels)

    def present(self) -> LabelItems:
        """Only the items whose file is there."""
        return self.take(np.flatnonzero(self.table["exists"]))

    def __str__(self) -> str:
        missing = int((~self.table["exists"]).sum())
        files = "all files are there" if not missing else f"{missing} of their files are missing"
        labels = "their labels are not known" if self.labels is None else f"{int(self.labels.sum())} labels"
        return f"{len(self)} items, {labels}; {files}"
