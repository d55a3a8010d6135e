"""Items that have masks: as run lengths in a table, or as arrays in a folder each, which are read when they are asked for.

Another form of truth is another class with ``table``, ``take`` and ``present``, and with ``digest`` and ``labels`` as here;
the masks themselves are always asked of the competition, an item at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from kaggle_utils.images.decode import threaded
from kaggle_utils.masks.rle import mask_from_rle
from kaggle_utils.masks.scorecard import resized_mask
from kaggle_utils.tasks.items import FileItems

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class MaskItems(FileItems):
    """What both forms share; it knows no masks. classes: C names"""

    classes: tuple[str, ...]

    @property
    def labels(self) -> np.ndarray:
        """(N, C) bool: which classes an item has."""
        raise NotImplementedError

    @property
    def filled(self) -> np.ndarray:
        """(N,) bool: items with any mask."""
        return self.labels.any(1)

    @property
    def report(self) -> pd.DataFrame:
        """One row a class: masks (items that have it), share of the items, and empty pairs."""
        import pandas as pd

        have = self.labels.sum(0)
        columns = {"masks": have, "share": have / max(1, len(self)), "empty": len(self) - have}
        return pd.DataFrame(columns, index=pd.Index(self.classes, name="class"))


@dataclass(frozen=True)
class RunLengthItems(MaskItems):
    """Pictures with their masks as run lengths.

    table: of pictures of any size
    shape: (height, width) of the masks; texts: (N, C) run lengths there, None where no truth is known

    >>> import pandas as pd
    >>> table = pd.DataFrame({"image": ["a.jpg", "b.jpg"], "exists": [True, False]})
    >>> items = RunLengthItems(table, ("Fish",), (2, 2), np.array([["1 2"], [""]], object))
    >>> print(items)
    2 pictures, 1 masks at 2x2; 1 of their files are missing
    >>> items.masks(0, (2, 2)).astype(int).tolist(), len(items.present())
    ([[[1, 0], [1, 0]]], 1)
    """

    shape: tuple[int, int]
    texts: np.ndarray | None = None

    @property
    def labels(self) -> np.ndarray:
        """(N, C) bool: which classes a picture has."""
        return self.texts != ""

    @cached_property
    def digest(self) -> str:
        """Stands for all masks and the size they are at."""
        key = hashlib.sha256(str(tuple(self.shape)).encode())
        for text in self.texts.ravel():
            key.update(f"{text};".encode())
        return key.hexdigest()

    def masks(self, row: int, shape: tuple[int, int]) -> np.ndarray:
        """(C, height, width) bool, the masks of one picture at a size of one's own."""
        full = (mask_from_rle(text, self.shape) for text in self.texts[row])
        return np.stack([resized_mask(mask, shape) for mask in full])

    def take(self, rows: np.ndarray) -> RunLengthItems:
        """The pictures chosen by row numbers or a mask."""
        return replace(super().take(rows), texts=None if self.texts is None else self.texts[rows])

    def __str__(self) -> str:
        if self.texts is None:
            return f"{len(self)} pictures, their masks are not known; {self.told()}"
        return f"{len(self)} pictures, {int(self.labels.sum())} masks at {'x'.join(map(str, self.shape))}; {self.told()}"


@dataclass(frozen=True)
class FolderItems(MaskItems):
    """Records, a folder each, with their masks as arrays in it: no file is touched before its masks are asked for.

    read: path of a record -> (C, height, width) of 0 and 1, a function of a module; None where no truth is known
    Labels and digest are of the content of all masks. One pass reads it, and whatever is taken of these items knows it, too.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"record": ["a", "b"], "exists": True, "path": ["0", "1"]})
    >>> items = FolderItems(table, ("contrail",), lambda path: np.full((1, 2, 2), int(path)))
    >>> print(items)
    2 records; all files are there
    >>> items.labels.tolist(), items.digest == items.take([0, 1]).digest != items.take([1, 0]).digest
    ([[False], [True]], True)
    """

    read: Callable[[str], np.ndarray] | None = None
    _seen: dict[str, tuple[bytes, np.ndarray]] = field(default_factory=dict, compare=False, repr=False)

    def _content(self) -> list[tuple[bytes, np.ndarray]]:
        """(digest, (C,) bool) of each item's masks."""
        paths = self.table["path"].tolist()
        new = [path for path in dict.fromkeys(paths) if path not in self._seen]
        found = threaded(self._look, new, progress="masks" if len(new) > 1 else None)
        self._seen.update(zip(new, found, strict=True))
        return [self._seen[path] for path in paths]

    def _look(self, path: str) -> tuple[bytes, np.ndarray]:
        masks = np.asarray(self.read(path), bool)
        return hashlib.sha256(str(masks.shape).encode() + np.packbits(masks).tobytes()).digest(), masks.any((1, 2))

    @property
    def labels(self) -> np.ndarray:
        """(N, C) bool: which classes a record has."""
        return np.array([has for _, has in self._content()], bool).reshape(len(self), len(self.classes))

    @property
    def digest(self) -> str:
        """Stands for all masks and the sizes they are at."""
        return hashlib.sha256(b"".join(digest for digest, _ in self._content())).hexdigest()

    def masks(self, row: int, shape: tuple[int, int]) -> np.ndarray:
        """(C, height, width) bool, the masks of one record at a size of one's own."""
        return np.stack([resized_mask(mask, shape) for mask in self.read(self.table["path"].iloc[row])])

    def __str__(self) -> str:
        return f"{len(self)} records; {self.told()}"
