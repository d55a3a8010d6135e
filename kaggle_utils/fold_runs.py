"""Folds one after another on one device, or side by side on several.

The clouds diary saw GPU memory grow from fold to fold until everything was deleted by hand. Here a
fold is a function call: what it made goes when it returns, and what it left on the card is said.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

import torch

__all__ = ["each_fold"]

T = TypeVar("T")


def each_fold(folds: Sequence[int], run: Callable[[int, str], T], devices: Sequence[str] = ("cpu",)) -> list[T]:
    """``run(fold, device)`` for every fold; the answers in the order of ``folds``.

    devices: ("cuda:0",) one after another, ("cuda:0", "cuda:1") two at a time, a thread each (on a
    CPU more than one gains nothing and the folds would share one random generator)
    run: builds its own model and returns no part of it
    An error in one fold ends those that have not begun and is raised. Warns of memory that a fold
    left on its card.

    >>> each_fold([0, 1, 2], lambda fold, device: f"fold {fold} on {device}", devices=["cpu"])
    ['fold 0 on cpu', 'fold 1 on cpu', 'fold 2 on cpu']
    """
    if not devices:
        raise ValueError("devices is empty, expected at least one, as 'cpu' or 'cuda:0'")
    free: SimpleQueue[str] = SimpleQueue()
    for device in devices:
        free.put(device)
    if len(devices) == 1:
        return [_run_and_release(fold, run, free) for fold in folds]
    with ThreadPoolExecutor(len(devices)) as pool:
        waiting = [pool.submit(_run_and_release, fold, run, free) for fold in folds]
        try:
            return [future.result() for future in waiting]
        except BaseException:
            for future in waiting:
                future.cancel()
            raise


def _run_and_release(fold: int, run: Callable[[int, str], T], free: SimpleQueue[str]) -> T:
    device = free.get()
    try:
        before = _allocated(device)
        answer = run(fold, device)
        gc.collect()
        if (left := _allocated(device) - before) > 0:
            warnings.warn(f"fold {fold} left {left / 2**20:.1f} MiB on {device}: something holds its tensors", stacklevel=3)
        return answer
    finally:
        if torch.device(device).type == "cuda":
            torch.cuda.empty_cache()
        free.put(device)


def _allocated(device: str) -> int:
    """Bytes of living tensors on a card; 0 for a CPU."""
    return torch.cuda.memory_allocated(device) if torch.device(device).type == "cuda" else 0
