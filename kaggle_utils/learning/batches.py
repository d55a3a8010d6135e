"""Rows of a competition as batches of tensors; every row's augmentation is named by a number.

A training asks ``examples[row, draw]``: ``draw`` is the seed of that row's augmentation in that
epoch, and None where nothing is to be augmented. It depends on the training's seed, the epoch and
the row's place among the rows. So the number of workers changes nothing, and a training that was
killed goes on as if it had not been.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader

Key = tuple[int, "int | None"]


class Examples(Protocol):
    """What a training reads.

    ``examples[row, draw]`` gives (inputs, targets), or inputs alone where no truth is known; each an
    array, a tensor, or a tuple or dict of them, of one shape for all rows.
    """

    def __getitem__(self, key: Key) -> Any: ...


@dataclass(frozen=True)
class Fold:
    """Rows to learn from and rows to be judged on, out of the same examples."""

    examples: Examples
    train: Sequence[int]
    valid: Sequence[int]

    def digest(self) -> str:
        """40 hexadecimal digits, the same for the same rows on both sides, in whatever order.

        >>> Fold([], [1, 0], [2]).digest() == Fold([], [0, 1], [2]).digest() != Fold([], [0], [1, 2]).digest()
        True
        """
        sides = [np.sort(np.asarray(rows, np.int64)).tobytes() for rows in (self.train, self.valid)]
        return hashlib.sha1(b"|".join(sides)).hexdigest()


def mixed_seed(*numbers: int) -> int:
    """One seed below 2**63 out of several numbers of 0 or more; near numbers give unrelated seeds.

    >>> mixed_seed(0, 1) == mixed_seed(0, 1), mixed_seed(0, 1) == mixed_seed(1, 0)
    (True, False)
    """
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


class _Order:
    """A batch sampler whose order is a function of (seed, epoch).

    Batches differ by at most one row: a last batch of a single row has no variance to normalise by.
    part: (k, n) gives every n-th row of each batch from its k-th on, to one of n processes
    """

    def __init__(self, rows: Sequence[int], batch: int, seed: int | None, part: tuple[int, int] = (0, 1)) -> None:
        self.rows, self.batch, self.seed, self.part = np.sort(np.asarray(rows, np.int64)), batch, seed, part
        self.epoch = 0
        if not len(self.rows):
            raise ValueError("rows is empty, expected at least one row")
        cuts = np.linspace(0, len(self.rows), len(self) + 1).round().astype(int)
        self.sizes = np.diff(cuts).tolist()  # rows of each whole batch
        if min(self.sizes) < part[1]:
            found = f"batch={batch} makes batches of {min(self.sizes)} rows"
            raise ValueError(f"{found}, expected one for each of {part[1]} devices")

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch)

    def __iter__(self) -> Iterator[list[Key]]:
        keys: list[Key] = [(row, None) for row in self.rows.tolist()]
        if self.seed is not None:
            rng = np.random.default_rng([self.seed, self.epoch])
            draws = rng.integers(0, 2**31, len(self.rows)).tolist()
            keys = [(int(self.rows[i]), draws[i]) for i in rng.permutation(len(self.rows))]
        first, step = self.part
        for start, stop in itertools.pairwise(itertools.accumulate(self.sizes, initial=0)):
            yield keys[start:stop][first::step]


class _Rows(torch.utils.data.Dataset):
    """Hands the row numbers on beside the examples."""

    def __init__(self, examples: Examples) -> None:
        self.examples = examples

    def __getitem__(self, key: Key) -> tuple[int, Any]:
        return key[0], self.examples[key]


def shuffled(
    examples: Examples, rows: Sequence[int], batch: int, seed: int, workers: int = 0, part: tuple[int, int] = (0, 1)
) -> DataLoader:
    """Batches (row numbers (B,), example) in a new order each epoch, every row once, with draws.

    part: (k, n) for the k-th of n processes that share every batch
    Set ``loader.batch_sampler.epoch`` before each pass; ``loader.batch_sampler.sizes`` are the rows of the
    whole batches. ``rows`` are sorted before they are shuffled. Raises ValueError when there are no rows,
    or a batch has fewer than n.
    """
    return _loader(examples, _Order(rows, batch, seed, part), workers)


def in_order(examples: Examples, rows: Sequence[int], batch: int, workers: int = 0) -> DataLoader:
    """Batches (row numbers (B,), example) in ascending order of rows, nothing augmented.

    >>> class Squares:
    ...     def __getitem__(self, key):
    ...         return np.float32(key[0] ** 2)
    >>> [example.tolist() for _, example in in_order(Squares(), [3, 1, 2], batch=2)]
    [[1.0, 4.0], [9.0]]
    """
    return _loader(examples, _Order(rows, batch, None), workers)


def _loader(examples: Examples, order: _Order, workers: int) -> DataLoader:
    return DataLoader(
        _Rows(examples),
        batch_sampler=order,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        persistent_workers=workers > 0,
        generator=torch.Generator(),  # its own, so that making an iterator draws nothing from the global one
    )
