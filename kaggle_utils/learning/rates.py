"""How fast each parameter learns, and when: groups with their own rates, cosine and plateau schedules.

A pretrained encoder wants smaller steps than a new head (discriminative rates, Howard and Ruder
2018); biases and norms are not decayed (Loshchilov and Hutter's AdamW, as it is used in practice).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

__all__ = ["Plateau", "cosine", "optimizer", "parameter_groups"]


def parameter_groups(model: nn.Module, lr: float, rates: Mapping[str, float], weight_decay: float) -> list[dict]:
    """The model's parameters as an optimiser takes them, one group for each (rate, decay).

    lr: rate of what no name of ``rates`` covers
    rates: dotted name of a part -> factor on lr; of several names that cover a parameter the longest counts
    weight_decay: of matrices and kernels; vectors (biases, norms) get none
    Each group keeps its own full rate as ``base_lr``. Raises ValueError for a name that covers nothing.

    >>> model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    >>> [(group["base_lr"], group["weight_decay"]) for group in parameter_groups(model, 0.1, {"0": 0.5}, 0.01)]
    [(0.05, 0.01), (0.05, 0.0), (0.1, 0.01), (0.1, 0.0)]
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    used = set()
    for name, parameter in model.named_parameters():
        covering = max((part for part in rates if _covers(part, name)), key=len, default=None)
        used.add(covering)
        rate = lr * rates.get(covering, 1.0)
        groups.setdefault((rate, weight_decay if parameter.ndim > 1 else 0.0), []).append(parameter)
    if unused := sorted(set(rates) - used):
        parts = sorted({name.split(".")[0] for name, _ in model.named_parameters()})
        raise ValueError(f"rates names {unused}, which decide no parameter; the model's parts are {parts}")
    return [
        {"params": parameters, "lr": rate, "base_lr": rate, "weight_decay": decay}
        for (rate, decay), parameters in groups.items()
    ]


def optimizer(groups: list[dict], kind: str) -> torch.optim.Optimizer:
    """An optimiser of such groups: AdamW, or SGD with momentum .9. Raises ValueError for another name.

    >>> optimizer(parameter_groups(nn.Linear(2, 1), 0.1, {}, 0.01), "SGD").param_groups[0]["momentum"]
    0.9
    """
    if kind == "AdamW":
        return torch.optim.AdamW(groups)
    if kind == "SGD":
        return torch.optim.SGD(groups, momentum=0.9)
    raise ValueError(f"optimizer is {kind!r}, expected AdamW or SGD")


def _covers(part: str, name: str) -> bool:
    return name == part or name.startswith(part + ".")


def cosine(step: int, steps: int, warmup: int = 0, floor: float = 0.01) -> float:
    """Factor on the rate before step number ``step`` of ``steps``: up in a line, down in a half cosine.

    warmup: steps of the way up; floor: what is left at the end. Source: Loshchilov and Hutter 2017.

    >>> [round(cosine(step, 9, warmup=2, floor=0.0), 2) for step in (0, 1, 2, 5, 8)]
    [0.33, 0.67, 1.0, 0.5, 0.0]
    """
    if step < warmup:
        return (step + 1) / (warmup + 1)
    share = (step - warmup) / max(1, steps - 1 - warmup)
    return floor + (1 - floor) * (1 + math.cos(math.pi * min(1.0, share))) / 2


@dataclass
class Plateau:
    """Lowers the rate when the score stands still.

    patience: epochs without a better score that are borne; factor: on the rate each time they are over

    >>> plateau = Plateau(patience=1, factor=0.5)
    >>> [plateau.after(better) for better in (True, False, False, False, True)]
    [1.0, 1.0, 0.5, 0.5, 0.5]
    """

    patience: int
    factor: float
    scale: float = 1.0
    stale: int = 0

    def after(self, better: bool) -> float:
        """The factor on the rate from here on, given whether the epoch brought a better score."""
        self.stale = 0 if better else self.stale + 1
        if self.stale > self.patience:
            self.scale, self.stale = self.scale * self.factor, 0
        return self.scale
