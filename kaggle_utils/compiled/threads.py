"""The threads that share out a table's frames, kept between calls: starting them can take as long as the work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache

from numba import config

__all__ = ["threads"]


@cache
def threads(process: int) -> ThreadPoolExecutor:
    """The threads of a process, named by ``os.getpid()``: a forked one has none of its parent's, so it makes its own."""
    return ThreadPoolExecutor(config.NUMBA_NUM_THREADS, thread_name_prefix="kaggle_utils")
