"""A running mean of a model's weights, which often judges better than the last weights do.

``kept`` starts as a copy of the model and moves towards it after every step; it moves faster at first,
so that the random weights of the start are soon forgotten.
"""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["decay_at", "follow"]


def decay_at(step: int, decay: float) -> float:
    """How much of the mean stays at a step, counted from 1: ``decay`` in the long run, less at first.

    >>> round(decay_at(1, 0.999), 3), decay_at(100_000, 0.999)
    (0.182, 0.999)
    """
    return min(decay, (1 + step) / (10 + step))


@torch.no_grad()
def follow(mean: nn.Module, model: nn.Module, decay: float) -> None:
    """Move the running mean of weights towards the model; whole numbers are copied.

    >>> mean, model = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    >>> nn.init.zeros_(mean.weight), nn.init.ones_(model.weight), follow(mean, model, 0.75)  # doctest: +ELLIPSIS
    (Parameter...
    >>> mean.weight.item()
    0.25
    """
    now = model.state_dict()
    for name, tensor in mean.state_dict().items():
        if tensor.is_floating_point():
            tensor.lerp_(now[name], 1 - decay)
        else:
            tensor.copy_(now[name])
