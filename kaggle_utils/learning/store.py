"""Probabilities on disk, masks' in 8 bits, one file for each model and fold, read and merged piece by piece.

Float masks of the clouds competition (5,546 x 4 x 350 x 525) take 16 GB a model, 8-bit ones 4 GB:
the diary's trick. A file is mapped only while some of its rows are read or written, so an ensemble
of many models over thousands of images holds one chunk in memory. What the rounding costs in score,
:func:`kaggle_utils.evidence.eight_bits.eight_bit_cost` says. Labels are kept as they are, in float32: they take little,
and in 8 bits half of them would be 0.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from kaggle_utils.errors import KitError
from kaggle_utils.evidence.eight_bits import as_bytes, from_bytes
from kaggle_utils.evidence.merging import merged
from kaggle_utils.files import FULL, json_text, plain, replacing


class Readable(Protocol):
    """What holds probabilities of numbered rows: a store, or several joined."""

    rows: np.ndarray  # (N,) int64, ascending
    shape: tuple[int, ...]  # of one row's probabilities
    dtype: np.dtype  # as they lie on disk, uint8 or float32

    def read(self, rows: Sequence[int]) -> np.ndarray: ...

    def read_bytes(self, rows: Sequence[int]) -> np.ndarray: ...

    def fill(self, arrays: Sequence[np.ndarray], rows: Sequence[int]) -> None: ...


class PredictionStore:
    """One model's predictions of one fold: ``path`` (.npy), a .json beside it that says what it holds, and a .written.

    rows: (N,) numbers in the competition's table, ascending; shape: of one row, such as (4, 350, 525)
    facts: what was noted with it; written: (N,) bool
    """

    def __init__(self, path: str | os.PathLike) -> None:
        """Open one that is there. Raises FileNotFoundError."""
        self.path = Path(path)
        note = json.loads(self.path.with_suffix(".json").read_text())
        self.rows, self.shape, self.facts = np.asarray(note["rows"], np.int64), tuple(note["shape"]), note["facts"]
        self.dtype, self.written = np.dtype(note["dtype"]), np.array(self._flags("r"))

    @classmethod
    def create(
        cls, path: str | os.PathLike, rows: Sequence[int], shape: Sequence[int],
        facts: Mapping[str, Any] | None = None, anew: bool = False, dtype: str = "uint8",
    ) -> PredictionStore:  # fmt: skip
        """A new store; or the one that was begun here with the same rows, shape and facts, to be gone on with.

        anew: whether another that lies here is replaced rather than refused; dtype: uint8 or float32
        Its disk is reserved now. Raises ValueError when another lies here, or a row number comes twice, and KitError
        when the disk is too full.

        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = PredictionStore.create(f"{folder}/unet_fold0.npy", rows=[7, 3], shape=(2,))
        ...     store.write([7], np.array([[0.2, 1.0]]))
        ...     store.missing().tolist(), PredictionStore(store.path).read([7]).round(2).tolist()
        ([3], [[0.20000000298023224, 1.0]])
        """
        numbers = np.unique(np.asarray(rows, np.int64))
        if len(numbers) != len(rows):
            raise ValueError(f"rows are {len(rows)} numbers, {len(numbers)} of them different, expected each once")
        head = {"rows": numbers.tolist(), "shape": list(shape), "dtype": dtype, "facts": plain(facts or {})}
        path = Path(path)
        if path.with_suffix(".json").is_file():
            held = json.loads(path.with_suffix(".json").read_text())
            other = [name for name in head if held[name] != head[name]]
            if not other:
                return cls(path)
            if not anew:
                own, asked = str(held[other[0]])[:80], str(head[other[0]])[:80]
                raise ValueError(f"{path} holds other {other[0]}: {own}, now {asked}; name another file")
            path.with_suffix(".json").unlink()
        path.parent.mkdir(parents=True, exist_ok=True)
        np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=(len(numbers), *shape))
        _reserve(path)
        path.with_suffix(".written").write_bytes(bytes(len(numbers)))
        with replacing(path.with_suffix(".json")) as part:
            part.write_text(json_text(head))
        return cls(path)

    def write(self, rows: Sequence[int], probabilities: np.ndarray) -> None:
        """Keep probabilities (B, *shape) of these rows; what is written survives a kill of the process."""
        values, places = np.asarray(probabilities), self._places(rows)
        values = as_bytes(values) if self.dtype == np.uint8 else values
        if values.shape != (len(places), *self.shape):
            raise ValueError(f"probabilities have shape {values.shape}, expected {(len(places), *self.shape)}")
        np.load(self.path, mmap_mode="r+")[places] = values
        self._flags("r+")[places] = True
        self.written[places] = True

    def missing(self) -> np.ndarray:
        """Numbers of the rows that are still to be written."""
        return self.rows[~self.written]

    def read(self, rows: Sequence[int]) -> np.ndarray:
        """(B, *shape) float32 probabilities. Raises ValueError for a row that is not there or not written."""
        return _as_floats(self.read_bytes(rows))

    def read_bytes(self, rows: Sequence[int]) -> np.ndarray:
        """(B, *shape) as they lie on disk, uint8 unless floats are kept; otherwise as :meth:`read`."""
        places = self._written(rows)
        return np.load(self.path, mmap_mode="r")[places]

    def fill(self, arrays: Sequence[np.ndarray], rows: Sequence[int]) -> None:
        """Copies what lies on disk of each row into an array of its own, (*shape); otherwise as :meth:`read`."""
        places = self._written(rows)
        stored = np.load(self.path, mmap_mode="r")
        for array, place in zip(arrays, places, strict=True):
            array[...] = stored[place]

    def _written(self, rows: Sequence[int]) -> np.ndarray:
        places = self._places(rows)
        if not self.written[places].all():
            raise ValueError(f"row {self.rows[places[~self.written[places]][0]]} of {self.path} is not written yet")
        return places

    def _places(self, rows: Sequence[int]) -> np.ndarray:
        wanted = np.asarray(rows, np.int64)
        places = np.searchsorted(self.rows, wanted).clip(max=len(self.rows) - 1)
        if (wrong := self.rows[places] != wanted).any():
            raise ValueError(f"row {wanted[wrong][0]} is not in {self.path}, which has {len(self.rows)} rows")
        return places

    def _flags(self, mode: str) -> np.ndarray:
        """(N,) bool, a byte a row on disk: noting a batch costs the same however many rows there are."""
        return np.memmap(self.path.with_suffix(".written"), bool, mode, shape=(len(self.rows),))


def _reserve(path: Path) -> None:
    """Takes the disk that a file needs: where a sparse one finds it full, the write ends the process, without a word."""
    size = path.stat().st_size
    if not hasattr(os, "posix_fallocate"):  # Windows, macOS
        return
    try:
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        path.unlink()
        if error.errno not in FULL:
            raise
        free = shutil.disk_usage(path.parent).free
        raise KitError(f"{path} takes {size / 1e9:.1f} GB, and the disk has {free / 1e9:.1f} GB left") from None


def _as_floats(values: np.ndarray) -> np.ndarray:
    return from_bytes(values) if values.dtype == np.uint8 else values


class Joined:
    """The folds of one model as one: stores of different rows and one shape.

    Raises ValueError for shapes that differ and for a row that two stores hold.
    """

    def __init__(self, parts: Sequence[Readable]) -> None:
        shapes = {tuple(part.shape) for part in parts}
        if len(shapes) != 1:
            raise ValueError(f"the parts have shapes {sorted(shapes)}, expected one and the same")
        self.parts, self.shape, self.dtype = list(parts), shapes.pop(), parts[0].dtype
        together = np.concatenate([part.rows for part in parts])
        order = np.argsort(together, kind="stable")
        self.rows = together[order]
        self._owner = np.repeat(np.arange(len(parts)), [len(part.rows) for part in parts])[order]
        if (twice := self.rows[1:] == self.rows[:-1]).any():
            raise ValueError(f"row {self.rows[1:][twice][0]} is in two parts, expected folds that share none")

    def read(self, rows: Sequence[int]) -> np.ndarray:
        """(B, *shape) float32 probabilities, each row from the part that holds it."""
        return _as_floats(self.read_bytes(rows))

    def read_bytes(self, rows: Sequence[int]) -> np.ndarray:
        """(B, *shape) as they lie on disk; otherwise as :meth:`read`."""
        answer = np.empty((len(rows), *self.shape), self.dtype)
        for part, own, places in self._each(rows):
            answer[places] = part.read_bytes(own)
        return answer

    def fill(self, arrays: Sequence[np.ndarray], rows: Sequence[int]) -> None:
        """Copies what lies on disk of each row into an array of its own, (*shape); otherwise as :meth:`read`."""
        for part, own, places in self._each(rows):
            part.fill([arrays[place] for place in places], own)

    def _each(self, rows: Sequence[int]) -> Iterator[tuple[Readable, np.ndarray, np.ndarray]]:
        """Each part that is asked, for which rows, and where in the answer they belong."""
        rows = np.asarray(rows, np.int64)
        places = np.searchsorted(self.rows, rows).clip(max=len(self.rows) - 1)
        if (wrong := self.rows[places] != rows).any():
            raise ValueError(f"row {rows[wrong][0]} is in none of the {len(self.parts)} parts")
        owner = self._owner[places]
        for number in np.unique(owner):
            own = np.flatnonzero(owner == number)
            yield self.parts[number], rows[own], own


def ensemble(
    models: Sequence[Readable],
    rows: Iterable[int] | None = None,
    *,
    weights: Sequence[float] | None = None,
    how: str = "mean",
    temperature: float = 0.5,
    chunk: int = 16,
    progress: str | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(row numbers (B,), merged probabilities (B, *shape) float32), ``chunk`` rows at a time.

    models: stores or :class:`Joined` folds, which all hold the rows
    rows: which, in this order; default: all of the first model
    weights, how, temperature: as :func:`kaggle_utils.evidence.merging.merged` takes them
    Memory: about (models + 2) x chunk x the floats of one row, however many rows there are.
    """
    from tqdm import tqdm

    numbers = models[0].rows if rows is None else np.fromiter(rows, np.int64)
    for start in tqdm(range(0, len(numbers), chunk), desc=progress, disable=progress is None):
        part = numbers[start : start + chunk]
        yield part, merged([model.read(part) for model in models], weights, how, temperature)
