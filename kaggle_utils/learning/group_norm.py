"""Norms over groups of channels instead of over the batch.

Batch norm needs batches; at high resolution a card holds a few images only. Group norm (Wu and He
2018) looks at each image alone. The contrails diary tried it.
"""

from __future__ import annotations

import math

from torch import nn

__all__ = ["with_group_norm"]


def with_group_norm(model: nn.Module, groups: int = 32, keep: tuple[str, ...] = ()) -> nn.Module:
    """Exchange every BatchNorm2d of a model for a GroupNorm with its scale and shift; the model itself, changed.

    groups: at most so many, fewer where they do not divide the channels
    keep: dotted names of parts that stay as they are

    >>> with_group_norm(nn.Sequential(nn.Conv2d(3, 48, 1), nn.BatchNorm2d(48)))[1].num_groups
    16
    """
    found = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)]
    for name, norm in found:
        if not any(name.startswith(part + ".") for part in keep):
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, _grouped(norm, groups))
    return model


def _grouped(norm: nn.BatchNorm2d, groups: int) -> nn.Module:
    new = nn.GroupNorm(math.gcd(groups, norm.num_features), norm.num_features, norm.eps)
    if norm.affine:
        new.load_state_dict({"weight": norm.weight.data, "bias": norm.bias.data})
    new.train(norm.training)
    rest = [part for _, part in norm.named_children()]  # timm's norms carry dropout and activation inside
    return nn.Sequential(new, *rest) if rest else new
