"""Which GPUs there are, and whether this torch can really use them.

A torch built without kernels for a card finds the card all the same: ``torch.cuda.is_available()`` is
True, a matrix product may even come back, and the first reduction or backward pass dies with
``cudaErrorNoKernelImageForDevice``, perhaps an hour into the session. That is the state of Kaggle's
image since March 2026 on a P100 (sm_60; kaggle-cli issue 1151, docker-python issue 1546). So the
check reads what the card is and what torch was built for, then tries the three things that fail.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from kaggle_utils.errors import KitError


@dataclass(frozen=True)
class Gpu:
    """One card: torch's device number, name, compute capability such as (6, 0)."""

    number: int
    name: str
    capability: tuple[int, int]

    @property
    def device(self) -> str:
        """The name torch knows the card by, such as ``"cuda:0"``."""
        return f"cuda:{self.number}"


class GpuUnusable(KitError):
    """The installed torch cannot compute on a card that is there."""


def gpus(torch: ModuleType | None = None) -> list[Gpu]:
    """The cards torch sees, in its order; empty without a card.

    torch: the module, to be given in tests only.
    """
    cuda = (torch or import_module("torch")).cuda
    if not cuda.is_available():
        return []
    return [Gpu(n, cuda.get_device_name(n), tuple(cuda.get_device_capability(n))) for n in range(cuda.device_count())]


def check_gpu(torch: ModuleType | None = None) -> list[Gpu]:
    """The cards, each of them tried; on a machine without one an empty list.

    Takes about a second. Raises GpuUnusable with one sentence that names the card, the torch and the
    two ways out.
    """
    torch = torch or import_module("torch")
    cards = gpus(torch)
    for card in cards:
        if not (torch.version.hip or has_kernels(card.capability, torch.cuda.get_arch_list())):
            built = " ".join(torch.cuda.get_arch_list())
            raise GpuUnusable(_sentence(card, torch, f"was built for {built} only"))
        try:
            _try(torch, card)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0]
            raise GpuUnusable(_sentence(card, torch, f"cannot compute on it ({reason})")) from error
    return cards


def has_kernels(capability: tuple[int, int], built_for: list[str]) -> bool:
    """Whether code built for these architectures runs on a card of that capability.

    Machine code (``sm_75``) runs on the same major number from its minor number up, code with a letter
    (``sm_90a``) on that very card only, and portable code (``compute_70``) on everything newer.

    >>> has_kernels((6, 0), ["sm_75", "sm_80", "sm_90"]), has_kernels((8, 6), ["sm_75", "sm_80"])
    (False, True)
    """
    return any(_runs_on(capability, name) for name in built_for)


def _runs_on(capability: tuple[int, int], name: str) -> bool:
    match = re.fullmatch(r"(sm|compute)_(\d+)(\d)([a-z]?)", name)
    if not match:
        return False
    kind, major, minor, letter = match.groups()
    built = int(major), int(minor)
    if letter:
        return capability == built
    return built <= capability if kind == "compute" else built[0] == capability[0] and built <= capability


def _try(torch: ModuleType, card: Gpu) -> None:
    x = torch.ones(64, 64, device=card.device, requires_grad=True)
    (x * x).sum().backward()
    torch.cuda.synchronize(card.device)
    if float(x.grad.sum()) != 2.0 * 64 * 64:
        raise RuntimeError(f"the gradient of a sum of 4096 squares came back as {float(x.grad.sum())}")


def _sentence(card: Gpu, torch: ModuleType, trouble: str) -> str:
    major, minor = card.capability
    return (
        f"{card.name} is sm_{major}{minor}, and torch {torch.__version__} {trouble}: either choose another card "
        "(`kaggle-utils push ... --accelerator NvidiaTeslaT4`) or attach a torch that still has its kernels "
        "(`kaggle-utils wheels --gpu p100` builds that dataset)"
    )
