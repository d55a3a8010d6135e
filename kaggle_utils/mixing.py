"""Batches mixed among their own rows: mixup and cutmix, as a training's ``mix``.

Both were tried in the contrails diary and dropped, both are common in amazon solutions. Sources:
Zhang et al. 2018 (mixup), Yun et al. 2019 (cutmix). Masks move with their pixels; labels are mixed
by the share of the picture.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

__all__ = ["cutmix", "mixup"]

Mix = Callable[[torch.Tensor, torch.Tensor, torch.Generator], tuple[torch.Tensor, torch.Tensor]]


def mixup(alpha: float = 0.4, p: float = 0.5) -> Mix:
    """Each row blended with another: share drawn from Beta(alpha, alpha), of picture and truth alike.

    p: probability that a batch is mixed. The function takes images (B, C, H, W), uint8 stays uint8,
    and targets (B, ...), which come back as floats.

    >>> images, targets = torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1), torch.tensor([[0.0], [1.0]])
    >>> mixed, truth = mixup(p=1.0)(images, targets, torch.Generator().manual_seed(0))
    >>> torch.equal(mixed.flatten(), truth.flatten())
    True
    """

    def mix(images: torch.Tensor, targets: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        if torch.rand((), generator=generator) >= p:
            return images, targets
        share, other = _share(alpha, generator), torch.randperm(len(images), generator=generator)
        return _blend(images, images[other], share), _blend(targets.float(), targets[other].float(), share)

    return mix


def cutmix(alpha: float = 1.0, p: float = 0.5) -> Mix:
    """In each row a rectangle of another; its share of the picture is drawn from Beta(alpha, alpha).

    Masks (B, C, H, W) get the same rectangle, labels (B, C) are mixed by its share.

    >>> images = torch.arange(2.0).reshape(2, 1, 1, 1).expand(2, 1, 4, 4)
    >>> mixed, truth = cutmix(p=1.0)(images, torch.tensor([[0.0], [1.0]]), torch.Generator().manual_seed(1))
    >>> torch.allclose(mixed.mean((1, 2, 3)), truth[:, 0])
    True
    """

    def mix(images: torch.Tensor, targets: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        if torch.rand((), generator=generator) >= p:
            return images, targets
        other = torch.randperm(len(images), generator=generator)
        height, width = images.shape[-2:]
        rows, columns = _rectangle(height, width, 1 - _share(alpha, generator), generator)
        pasted = images.clone()
        pasted[..., rows, columns] = images[other][..., rows, columns]
        if targets.ndim == 4:
            moved = targets.clone()
            moved[..., rows, columns] = targets[other][..., rows, columns]
            return pasted, moved
        area = (rows.stop - rows.start) * (columns.stop - columns.start) / (height * width)
        return pasted, _blend(targets.float(), targets[other].float(), 1 - area)

    return mix


def _share(alpha: float, generator: torch.Generator) -> float:
    """A draw from Beta(alpha, alpha) that the generator decides."""
    seed = int(torch.randint(2**62, (), generator=generator))
    return float(np.random.default_rng(seed).beta(alpha, alpha))


def _blend(one: torch.Tensor, other: torch.Tensor, share: float) -> torch.Tensor:
    mixed = one.float() * share + other.float() * (1 - share)
    return mixed.round().to(one.dtype) if one.dtype == torch.uint8 else mixed


def _rectangle(height: int, width: int, area: float, generator: torch.Generator) -> tuple[slice, slice]:
    """Rows and columns of a rectangle with the picture's shape and about this share of its area, anywhere in it."""
    tall, wide = (max(1, round(side * area**0.5)) for side in (height, width))
    top = int(torch.randint(height - tall + 1, (), generator=generator))
    left = int(torch.randint(width - wide + 1, (), generator=generator))
    return slice(top, top + tall), slice(left, left + wide)
