"""Which blocks of an encoder learn: none, the last N, some by name, or all.

Frozen blocks keep their weights and, since they are put into evaluation mode, also the running
statistics of their norms. What it is worth differs: the reef diary froze the backbone with profit,
on the amazon's satellite images freezing hurt.
"""

from __future__ import annotations

from torch import nn

__all__ = ["block_names", "learning_mode", "open_blocks"]


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
