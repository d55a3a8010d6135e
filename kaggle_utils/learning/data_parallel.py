"""One model trained on several cards at once: a process a card, their gradients averaged at every step.

Where there are several folds, a card for each (:mod:`kaggle_utils.learning.devices`) wastes nothing and changes
nothing. This is for the one model: each process takes its share of every batch, so ``batch`` means the
same on one card and on two, and the first process alone judges, writes and shows progress. The means
that batch norm takes are each card's own.

    together(["cuda:0", "cuda:1"], work, *args)   # work(team, *args) in each process, the first one's answer
"""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import distributed, nn

T = TypeVar("T")
_PATIENCE = timedelta(hours=6)  # the others wait while the first predicts and writes


@dataclass(frozen=True, eq=False)
class Team:
    """The processes that train one model, as each of them sees it; by default there is only this one.

    rank: this one's number, from 0; size: how many there are; device: where it computes, such as "cuda:1"
    words: the group through which plain values are handed on, apart from the tensors
    """

    rank: int = 0
    size: int = 1
    device: str = "cpu"
    words: Any = None

    @property
    def leads(self) -> bool:
        """Whether this process is the one that judges, writes and shows."""
        return self.rank == 0

    @property
    def salt(self) -> tuple[int, ...]:
        """Numbers to put into a seed so that the processes draw differently; none in the first.

        >>> Team().salt, Team(rank=1, size=2).salt
        ((), (2,))
        """
        return (1 + self.rank,) if self.rank else ()

    def told(self, value: T) -> T:
        """The first process's value, handed to all of them; a plain one, since it is pickled."""
        if self.size == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box, src=0, group=self.words)
        return box[0]

    def wait(self) -> None:
        """Returns when all processes have come to this call."""
        if self.size > 1:
            distributed.barrier(group=self.words)

    def summed(self, numbers: torch.Tensor) -> torch.Tensor:
        """The sum of all processes' tensors, in place."""
        if self.size > 1:
            distributed.all_reduce(numbers)
        return numbers

    def share_start(self, model: nn.Module) -> None:
        """Give every process the first one's weights and buffers."""
        if self.size > 1:
            for tensor in model.state_dict().values():
                distributed.broadcast(tensor, src=0)

    def average_gradients(self, model: nn.Module) -> None:
        """Replace the gradients by their mean over all processes, in one exchange.

        The processes must have gradients for the same parameters: the same model, the same ones frozen.
        """
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        if self.size == 1 or not gradients:
            return
        flat = self.summed(torch.cat([gradient.flatten() for gradient in gradients])) / self.size
        parts = flat.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


ALONE = Team()


def together(devices: Sequence[str], work: Callable[..., T], *args: Any) -> T:
    """``work(team, *args)`` in a fresh process per device; returns what the first process's work returns.

    devices: such as ("cuda:0", "cuda:1"); with one alone the work is done in this process
    work: a function of a module, since it and ``args`` are pickled
    Ends all when one fails, and raises torch.multiprocessing's ProcessRaisedException with that one's traceback,
    or ProcessExitedException where it was killed, as for want of memory.
    """
    if len(devices) == 1:
        return work(Team(device=devices[0]), *args)
    with tempfile.TemporaryDirectory() as folder:
        members = (tuple(devices), folder, pickle.dumps((work, args)))
        context = torch.multiprocessing.start_processes(_member, members, nprocs=len(devices), join=False, start_method="spawn")
        try:
            while not context.join():
                pass
        finally:
            for process in context.processes:
                if process.is_alive():  # interrupted, or another one failed
                    process.terminate()
                    process.join()
        return pickle.loads((Path(folder) / "answer").read_bytes())


def _member(rank: int, devices: tuple[str, ...], folder: str, work_and_args: bytes) -> None:
    """A process of the team. Its work is unpickled late: ultralytics reads the variables when it is imported."""
    size, device = len(devices), torch.device(devices[rank])
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size)}
    if sys.platform == "linux":  # all are on this machine, which need not be able to look up its own name
        os.environ |= {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        init_method=f"file://{folder}/meeting", rank=rank, world_size=size, timeout=_PATIENCE,
    )  # fmt: skip
    words = distributed.new_group(backend="gloo", timeout=_PATIENCE)
    work, args = pickle.loads(work_and_args)
    answer = work(Team(rank, size, str(device), words), *args)
    if rank == 0:
        (Path(folder) / "answer").write_bytes(pickle.dumps(answer))
    distributed.destroy_process_group()
