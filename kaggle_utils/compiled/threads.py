"""Work shared out among threads, which are kept: starting them can take as long as the work."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import numpy as np
from numba import config

Answer = TypeVar("Answer")

_WORTH_THREADS = 8_000  # rows


def side_by_side(kernel: Callable[[int, int], Answer], start: np.ndarray) -> list[Answer]:
    """What kernel(first, last) returns for stretches that cover all S groups of rows, in order.

    kernel: compiled with nogil=True, as the stretches are done by one thread a core; a small table, which
        is not worth a second thread, is one stretch done by this one
    start: (S + 1,) int64, group s is the rows start[s] to start[s + 1] - 1; the stretches, of the groups
        first to last (not included), get about as many rows each
    """
    n_groups, n_threads = len(start) - 1, config.NUMBA_NUM_THREADS if start[-1] >= _WORTH_THREADS else 1
    cuts = np.searchsorted(start, np.linspace(0, start[-1], n_threads + 1)[1:-1])
    stretches = list(zip([0, *cuts], [*cuts, n_groups], strict=True))
    if n_threads == 1:
        return [kernel(*stretches[0])]
    others = [_threads(os.getpid()).submit(kernel, *stretch) for stretch in stretches[1:]]
    return [kernel(*stretches[0]), *(other.result() for other in others)]


def at_once(tasks: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """What each task returns, a thread a core: for work that mostly sorts and calls kernels, which others need not wait for.

    >>> at_once([lambda: 1, lambda: 2])
    [1, 2]
    """
    others = [_threads(os.getpid()).submit(task) for task in tasks]
    return [other.result() for other in others]


@cache
def _threads(process: int) -> ThreadPoolExecutor:
    """The threads of a process, named by its number: a forked one has none of its parent's, so it makes its own."""
    return ThreadPoolExecutor(config.NUMBA_NUM_THREADS, thread_name_prefix="kaggle_utils")
