"""Items with their labels: the one form that competitions of labels hand them out in."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kaggle_utils.tasks.items import FileItems


@dataclass(frozen=True)
class LabelItems(FileItems):
    """Items, each with any number of L labels.

    table: with group where it is known
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

    classes: tuple[str, ...]
    labels: np.ndarray | None = None

    @property
    def filled(self) -> np.ndarray:
        """(N,) bool: items with any label; none where no truth is known."""
        return np.zeros(len(self), bool) if self.labels is None else self.labels.any(1)

    def take(self, rows: np.ndarray) -> LabelItems:
        """The items chosen by row numbers or a mask."""
        return replace(super().take(rows), labels=None if self.labels is None else self.labels[rows])

    def __str__(self) -> str:
        labels = "their labels are not known" if self.labels is None else f"{int(self.labels.sum())} labels"
        return f"{len(self)} items, {labels}; {self.told()}"
