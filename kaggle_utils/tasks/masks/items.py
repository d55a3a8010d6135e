"""Items whose masks are run lengths in a table: the one form that competitions of masks on pictures hand them out in.

Another form of truth (arrays in files, say) is another class with ``table``, ``take`` and ``present``, and with
``digest`` and ``labels`` as here; the masks themselves are always asked of the competition, a picture at a time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from kaggle_utils.masks.rle import mask_from_rle
from kaggle_utils.masks.scorecard import resized_mask

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class RunLengthItems:
    """Pictures with their masks as run lengths.

    table: one row a picture: its name first, exists (bool), path; of any size
    classes: C names; shape: (height, width) of the masks; texts: (N, C) run lengths there, None where no truth is known

    >>> import pandas as pd
    >>> table = pd.DataFrame({"image": ["a.jpg", "b.jpg"], "exists": [True, False]})
    >>> items = RunLengthItems(table, ("Fish",), (2, 2), np.array([["1 2"], [""]], object))
    >>> print(items)
    2 pictures, 1 masks at 2x2; 1 of their files are missing
    >>> items.masks(0, (2, 2)).astype(int).tolist(), len(items.present())
    ([[[1, 0], [1, 0]]], 1)
    """

    table: pd.DataFrame
    classes: tuple[str, ...]
    shape: tuple[int, int]
    texts: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.table)

    @property
    def labels(self) -> np.ndarray:
        """(N, C) bool: which classes a picture has."""
        return self.texts != ""

    @property
    def filled(self) -> np.ndarray:
        """(N,) bool: pictures with any mask."""
        return self.labels.any(1)

    @cached_property
    def digest(self) -> str:
        """Stands for all masks and the size they are at."""
        key = hashlib.sha256(str(tuple(self.shape)).encode())
        for text in self.texts.ravel():
            key.update(f"{text};".encode())
        return key.hexdigest()

    @property
    def report(self) -> pd.DataFrame:
        """One row a class: masks (pictures that have it), share of the pictures, and empty pairs."""
        import pandas as pd

        have = self.labels.sum(0)
        columns = {"masks": have, "share": have / max(1, len(self)), "empty": len(self) - have}
        return pd.DataFrame(columns, index=pd.Index(self.classes, name="class"))

    def masks(self, row: int, shape: tuple[int, int]) -> np.ndarray:
        """(C, height, width) bool, the masks of one picture at a size of one's own."""
        full = (mask_from_rle(text, self.shape) for text in self.texts[row])
        return np.stack([resized_mask(mask, shape) for mask in full])

    def take(self, rows: np.ndarray) -> RunLengthItems:
        """The pictures chosen by row numbers or a mask."""
        texts = None if self.texts is None else self.texts[rows]
        return RunLengthItems(self.table.iloc[rows].reset_index(drop=True), self.classes, self.shape, texts)

    def present(self) -> RunLengthItems:
        """Only the pictures whose file is there."""
        return self.take(np.flatnonzero(self.table["exists"]))

    def __str__(self) -> str:
        missing = int((~self.table["exists"]).sum())
        files = "all files are there" if not missing else f"{missing} of their files are missing"
        if self.texts is None:
            return f"{len(self)} pictures, their masks are not known; {files}"
        return f"{len(self)} pictures, {int(self.labels.sum())} masks at {'x'.join(map(str, self.shape))}; {files}"
