"""Test-time augmentation of batches on the device: masks and labels asked in several views and merged.

A view is a name of :data:`kaggle_utils.images.views.VIEWS`, with ``@factor`` where the picture is also
resized: ``hflip``, ``identity@1.25``, ``rot90@0.75``. Views of one shape go through the model in one
forward pass, so eight views of a square picture are one pass, and of any other picture two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import ceil, floor, log
from typing import Any

import torch
from torch import nn

from kaggle_utils.evidence.merging import merged
from kaggle_utils.images.views import VIEWS
from kaggle_utils.learning.predict import probabilities

Answer = Any  # probabilities: a tensor, or a tuple of them


def view_batch(images: torch.Tensor, name: str, multiple: int = 32) -> torch.Tensor:
    """(B, C, H, W) -> the view of each, turned and then resized; uint8 stays uint8.

    multiple: sides of a resized picture are multiples of this, as encoders want them, rounded up or down so that it
        is stretched least: 480x320 at 1.25 becomes 576x384 and not 608x384
    Raises ValueError for a name that is no view.

    >>> view_batch(torch.tensor([[[[1, 2], [3, 4]]]]), "rot90").tolist()
    [[[[2, 4], [1, 3]]]]
    """
    (transpose, vertical, horizontal), factor = _parsed(name)
    images = images.transpose(-1, -2) if transpose else images
    images = images.flip(_axes(vertical, horizontal))
    if factor == 1:
        return images
    resized = _resized(images.float(), _least_stretched(*images.shape[-2:], factor, multiple))
    return resized.round().to(images.dtype) if images.dtype == torch.uint8 else resized


def unview_batch(masks: torch.Tensor, name: str, height: int, width: int) -> torch.Tensor:
    """The inverse of :func:`view_batch` on masks (B, C, h, w) of a picture of height x width pixels.

    >>> masks = torch.rand(1, 4, 32, 64)
    >>> torch.equal(unview_batch(view_batch(masks, "rot270"), "rot270", 32, 64), masks)
    True
    """
    (transpose, vertical, horizontal), factor = _parsed(name)
    if factor != 1:
        masks = _resized(masks, [width, height] if transpose else [height, width])
    masks = masks.flip(_axes(vertical, horizontal))
    return masks.transpose(-1, -2) if transpose else masks


def in_views(
    views: Sequence[str],
    weights: Sequence[float] | None = None,
    how: str = "mean",
    temperature: float = 0.5,
    asked: Callable[[nn.Module, torch.Tensor], Answer] = probabilities,
) -> Callable[[nn.Module, torch.Tensor], Answer]:
    """What :func:`kaggle_utils.learning.predict.predict` takes as ``asked``: all views of a batch, turned back and merged.

    weights, how, temperature: as :func:`kaggle_utils.evidence.merging.merged` takes them
    Of the model's answers those with four axes are masks, of the picture's size; others are labels.
    Raises ValueError for an unknown view at once.

    >>> left = torch.zeros(1, 1, 2, 4)
    >>> left[..., 0] = 9.0
    >>> ask = in_views(["identity", "hflip", "rot180"])
    >>> torch.allclose(ask(nn.Identity(), left), left.sigmoid())
    True
    """
    for name in views:
        _parsed(name)

    def ask(model: nn.Module, images: torch.Tensor) -> Answer:
        height, width = images.shape[-2:]
        seen = [view_batch(images, name) for name in views]
        answers: list[Any] = [None] * len(views)
        for group in _by_shape(seen):
            together = asked(model, torch.cat([seen[place] for place in group]))
            parts = [part.chunk(len(group)) for part in (together if isinstance(together, tuple) else (together,))]
            for place, answer in zip(group, zip(*parts, strict=True), strict=True):
                turned = (unview_batch(p, views[place], height, width) if p.ndim == 4 else p for p in answer)
                answers[place] = tuple(turned)
        whole = tuple(merged(parts, weights, how, temperature) for parts in zip(*answers, strict=True))
        return whole if isinstance(together, tuple) else whole[0]

    return ask


def _parsed(name: str) -> tuple[tuple[bool, bool, bool], float]:
    turn, at, factor = name.partition("@")
    try:
        scale = float(factor) if at else 1.0
    except ValueError:
        scale = 0.0
    if turn not in VIEWS or not 0 < scale < float("inf"):
        raise ValueError(f"view is {name!r}, expected one of {', '.join(VIEWS)}, with '@' and a factor above 0 to resize")
    return VIEWS[turn], scale


def _axes(vertical: bool, horizontal: bool) -> list[int]:
    return [-2] * vertical + [-1] * horizontal


def _least_stretched(height: int, width: int, factor: float, multiple: int) -> tuple[int, int]:
    """(height, width) in multiples, rounded up or down: the pair of the likest shape; of two, the one nearer to the factor."""
    near = [[max(1, side(length * factor / multiple)) * multiple for side in (floor, ceil)] for length in (height, width)]

    def unlike(size: tuple[int, int]) -> tuple[float, float]:
        grown = log(size[0] / height), log(size[1] / width)
        return round(abs(grown[0] - grown[1]), 9), abs(sum(grown) / 2 - log(factor))

    return min(product(*near), key=unlike)


def _resized(images: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    return nn.functional.interpolate(images, size=tuple(size), mode="bilinear", align_corners=False, antialias=True)


def _by_shape(seen: Sequence[torch.Tensor]) -> list[list[int]]:
    """Places of views that can share a forward pass."""
    groups: dict[torch.Size, list[int]] = {}
    for place, images in enumerate(seen):
        groups.setdefault(images.shape, []).append(place)
    return list(groups.values())
