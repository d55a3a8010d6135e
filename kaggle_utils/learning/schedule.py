"""What of a model learns, how fast and when: open blocks, rates of parts, the cosine, the mean of weights.

A pretrained encoder wants smaller steps than a new head (discriminative rates, Howard and Ruder
2018); biases and norms are not decayed (Loshchilov and Hutter's AdamW, as it is used in practice).

Frozen blocks keep their weights and, since they are put into evaluation mode, also the running
statistics of their norms. What freezing is worth differs: the reef diary froze the backbone with profit,
on the amazon's satellite images it hurt.

A running mean of the weights often judges better than the last weights do. It starts as a copy of the
model and moves towards it after every step, faster at first, so that the random weights of the start are
soon forgotten.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn


def parameter_groups(model: nn.Module, lr: float, rates: Mapping[str, float], weight_decay: float) -> list[dict]:
    """The model's parameters as an optimiser takes them, one group for each (rate, decay).

    lr: rate of the parameters that no name of ``rates`` covers
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
        covering = max((part for part in rates if f"{name}.".startswith(f"{part}.")), key=len, default=None)
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
    """An optimiser of such groups: AdamW, Adam, or SGD with momentum .9. Raises ValueError for another name.

    >>> optimizer(parameter_groups(nn.Linear(2, 1), 0.1, {}, 0.01), "SGD").param_groups[0]["momentum"]
    0.9
    """
    if kind in ("AdamW", "Adam"):
        return getattr(torch.optim, kind)(groups)
    if kind == "SGD":
        return torch.optim.SGD(groups, momentum=0.9)
    raise ValueError(f"optimizer is {kind!r}, expected AdamW, Adam or SGD")


def cosine(step: int, steps: int, warmup: int = 0, floor: float = 0.01) -> float:
    """Factor on the rate before step number ``step`` of ``steps``: up in a line, down in a half cosine.

    warmup: how many steps go up; floor: the factor at the end. Source: Loshchilov and Hutter 2017.

    >>> [round(cosine(step, 9, warmup=2, floor=0.0), 2) for step in (0, 1, 2, 5, 8)]
    [0.33, 0.67, 1.0, 0.5, 0.0]
    """
    if step < warmup:
        return (step + 1) / (warmup + 1)
    share = (step - warmup) / max(1, steps - 1 - warmup)
    return floor + (1 - floor) * (1 + math.cos(math.pi * min(1.0, share))) / 2


def block_names(model: nn.Module, encoder: str) -> list[str]:
    """Dotted names of an encoder's blocks, from the input to the output.

    encoder: dotted name of the part. Containers of compound modules are opened, so a ResNet gives its
    residual blocks. Raises ValueError for a part that is not there.

    >>> stage = nn.Sequential(nn.Sequential(nn.Linear(4, 4)), nn.Sequential(nn.Linear(4, 4)))
    >>> model = nn.ModuleDict({"encoder": nn.Sequential(nn.Conv2d(3, 4, 1), stage), "head": nn.Linear(4, 1)})
    >>> block_names(model, "encoder")
    ['encoder.0', 'encoder.1.0', 'encoder.1.1']
    """
    part = _part(model, encoder)
    while len(inner := _learning_children(part)) == 1:  # a wrapper, as smp puts one around timm's encoders
        ((key, part),) = inner.items()
        encoder = f"{encoder}.{key}"
    return _blocks(part, encoder)


def _blocks(module: nn.Module, name: str) -> list[str]:
    found = []
    for key, child in _learning_children(module).items():
        inner = _learning_children(child).values()
        opened = isinstance(child, (nn.Sequential, nn.ModuleList)) and all(_learning_children(part) for part in inner)
        found += _blocks(child, f"{name}.{key}") if opened else [f"{name}.{key}"]
    return found


def _learning_children(module: nn.Module) -> dict[str, nn.Module]:
    """Direct parts that hold parameters."""
    return {key: child for key, child in module.named_children() if next(child.parameters(), None) is not None}


def open_blocks(model: nn.Module, encoder: str, which: int | str) -> list[str]:
    """Let these blocks of an encoder learn and freeze its others; returns the names of the open ones.

    which: "all", "none", the number of last blocks, or the names of blocks joined by commas (a name
    covers all below it; relative to the encoder). Raises ValueError when a name covers no block.

    >>> model = nn.ModuleDict({"encoder": nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), "head": nn.Linear(2, 1)})
    >>> open_blocks(model, "encoder", 1), sum(p.requires_grad for p in model.parameters())
    (['encoder.1'], 4)
    """
    names = block_names(model, encoder)
    chosen = _chosen(names, encoder, which)
    _part(model, encoder).requires_grad_(which == "all")
    for name in chosen:
        model.get_submodule(name).requires_grad_(True)
    return chosen


def _chosen(names: list[str], encoder: str, which: int | str) -> list[str]:
    if which in ("all", "none"):
        return names if which == "all" else []
    if isinstance(which, int):
        return names[max(0, len(names) - which) :]
    wanted = {part: f"{encoder}.{part.strip()}" for part in which.split(",")}
    found = {part: [n for n in names if n == full or n.startswith(full + ".")] for part, full in wanted.items()}
    if missing := [part for part, blocks in found.items() if not blocks]:
        raise ValueError(f"blocks {missing} are not in {encoder}, which has {', '.join(names)}")
    return [name for name in names if any(name in blocks for blocks in found.values())]


def _part(model: nn.Module, name: str) -> nn.Module:
    try:
        return model.get_submodule(name)
    except AttributeError:
        parts = [key for key, _ in model.named_children()]
        raise ValueError(f"the model has no part {name!r}, expected the dotted name of one; it has {parts}") from None


def learning_mode(model: nn.Module) -> nn.Module:
    """``model.train()``, but what is frozen stays in evaluation mode.

    >>> model = nn.Sequential(nn.BatchNorm1d(2).requires_grad_(False), nn.BatchNorm1d(2))
    >>> [part.training for part in learning_mode(model)]
    [False, True]
    """
    model.train()
    for part in model.modules():
        parameters = list(part.parameters())
        if parameters and not any(p.requires_grad for p in parameters):
            part.eval()
    return model


def decay_at(step: int, decay: float) -> float:
    """The share of the running mean that a step, counted from 1, keeps: ``decay`` in the long run, less at first.

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
