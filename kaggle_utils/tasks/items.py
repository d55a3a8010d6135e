"""Items by their table, whatever their truth is: what all forms of them share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Self

    import pandas as pd


@dataclass(frozen=True)
class FileItems:
    """Items whose files may be missing; table: one row an item, with the competition's KEY, exists (bool) and path (text)."""

    table: pd.DataFrame

    def __len__(self) -> int:
        return len(self.table)

    def take(self, rows: np.ndarray) -> Self:
        """The items chosen by row numbers or a mask, numbered from 0; what else there is of each is the subclass's to take."""
        return replace(self, table=self.table.iloc[rows].reset_index(drop=True))

    def present(self) -> Self:
        """Only the items whose file is there."""
        return self.take(np.flatnonzero(self.table["exists"]))

    def told(self, files: str = "files") -> str:
        """Whether all are there, in words; files: what they are called."""
        missing = int((~self.table["exists"]).sum())
        return f"all {files} are there" if not missing else f"{missing} of their {files} are missing"
