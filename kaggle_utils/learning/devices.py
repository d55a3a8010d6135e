"""Folds one after another on one device, or side by side on several; and 16 bit where a device gains from it.

The clouds diary saw GPU memory grow from fold to fold until everything was deleted by hand. Here a
fold is a function call: what it made goes when it returns, and what it left on the card is said.
Several devices have a process each. Two T4s train two folds at a time; where there is one model only,
both train it (:mod:`kaggle_utils.learning.data_parallel`).
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import torch
from torch import nn

Job = TypeVar("Job")
T = TypeVar("T")


def each_fold(jobs: Sequence[Job], run: Callable[[Job, tuple[str, ...]], T], devices: Sequence[str] = ("cpu",)) -> list[T]:
    """Calls ``run(job, devices)`` for every job, such as a fold's number; returns the answers in the order of the jobs.

    devices: with one, such as ("cuda:0",), it takes the jobs in turn; with several, each takes one job at a
        time, in a process of its own; but a single job gets them all
    run: builds its own model and returns no part of it; with several devices a function of a module, or a
        functools.partial of one, since it is pickled
    After an error no further job begins, and it is raised when the jobs that had begun are done. Warns of
    memory that a job left on its card.

    >>> each_fold([0, 1, 2], lambda fold, devices: f"fold {fold} on {devices[0]}", devices=["cpu"])
    ['fold 0 on cpu', 'fold 1 on cpu', 'fold 2 on cpu']
    """
    devices = tuple(devices)
    if not devices:
        raise ValueError("devices is empty, expected at least one, as 'cpu' or 'cuda:0'")
    if len(devices) == 1 or len(jobs) == 1:
        return [_run_and_release(job, run, devices) for job in jobs]
    context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
    free = context.SimpleQueue()
    for device in devices:
        free.put(device)
    with ProcessPoolExecutor(len(devices), context, _take_a_device, (free,)) as pool:
        begun: list[Future[T]] = []
        busy: set[Future[T]] = set()
        for job in jobs:
            if len(busy) == len(devices):
                done, busy = wait(busy, return_when=FIRST_COMPLETED)
                if any(future.exception() for future in done):
                    break
            begun.append(pool.submit(_run_and_release, job, run))
            busy.add(begun[-1])
        return [future.result() for future in begun]


_own: list[str] = []  # in a process of the pool: its device


def _take_a_device(free: Any) -> None:
    """How a process of the pool begins: it takes a device for its own, and will end when its parent is killed."""
    _own.append(free.get())
    if torch.device(_own[0]).type == "cuda":
        torch.cuda.set_device(_own[0])
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


def _run_and_release(job: Job, run: Callable[[Job, tuple[str, ...]], T], devices: tuple[str, ...] = ()) -> T:
    devices = devices or (_own[0],)
    before = _allocated(devices[0])
    try:
        answer = run(job, devices)
        gc.collect()
        if (left := _allocated(devices[0]) - before) > 0:
            warnings.warn(f"job {job} left {left / 2**20:.1f} MiB on {devices[0]}: something holds its tensors", stacklevel=3)
        return answer
    finally:
        if torch.device(devices[0]).type == "cuda":
            torch.cuda.empty_cache()


def _allocated(device: str) -> int:
    """Bytes of living tensors on a card; 0 for a CPU."""
    return torch.cuda.memory_allocated(device) if torch.device(device).type == "cuda" else 0


def half_precision(device: torch.device, wanted: bool = True) -> torch.dtype | None:
    """The 16-bit type that a device gains from: none on CPUs and a P100, float16 on a T4, bfloat16 from Ampere on.

    >>> half_precision(torch.device("cpu")) is None
    True
    """
    if not wanted or device.type != "cuda":
        return None
    major, _ = torch.cuda.get_device_capability(device)
    return None if major < 7 else torch.float16 if major < 8 else torch.bfloat16


def laid_out(model: nn.Module, device: torch.device | str) -> nn.Module:
    """The model on a device; on a card its kernels lie channels last, as batches do there."""
    last = torch.device(device).type == "cuda"
    return model.to(device, memory_format=torch.channels_last if last else torch.preserve_format)


def mixed_precision(device: torch.device, wanted: bool = True) -> AbstractContextManager:
    """A block in which the model computes in :func:`half_precision`, where there is one."""
    dtype = half_precision(device, wanted)
    return torch.autocast("cuda", dtype=dtype) if dtype else nullcontext()
