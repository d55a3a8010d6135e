"""Batches mixed among their own rows: mixup and cutmix, as a training's ``mix``.

Both were tried in the contrails diary and dropped, both are common in amazon solutions. Sources:
Zhang et al. 2018 (mixup), Yun et al. 2019 (cutmix). Targets may be nested, such as clouds' pair of masks
and labels, and all of them are mixed alike. Masks move with their pixels. A label that says whether a mask
has any pixels says so of the mixed mask; other labels are mixed by the share of the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from kaggle_utils.learning.augment import BATCH_SETS, known_sets
from kaggle_utils.learning.predict import each_tensor

Targets = Any  # a tensor (B, ...), or a tuple, list or mapping of them
Mix = Callable[[torch.Tensor, Targets, torch.Generator], tuple[torch.Tensor, Targets]]


def mixing(name: str) -> Mix | None:
    """The mixing of this name; None for the empty name.

    name: a key of :data:`kaggle_utils.learning.augment.BATCH_SETS`, where its parameters are, or several joined by '+', of
        which each batch draws one
    Raises ValueError for an unknown name.

    >>> mixing("") is None, callable(mixing("mixup+cutmix"))
    (True, True)
    """
    if not name:
        return None
    known_sets(name, BATCH_SETS)
    made = [{"mixup": mixup, "cutmix": cutmix}[part](**BATCH_SETS[part]) for part in name.split("+")]

    def mix(images: torch.Tensor, targets: Targets, generator: torch.Generator) -> tuple[torch.Tensor, Targets]:
        return made[int(torch.randint(len(made), (), generator=generator))](images, targets, generator)

    return mix


def mixup(alpha: float = 0.4, p: float = 0.5) -> Mix:
    """Each row blended with another: share drawn from Beta(alpha, alpha), of picture and truth alike.

    p: probability that a batch is mixed. The function takes images (B, C, H, W), uint8 stays uint8,
    and targets (B, ...), which come back as floats; nested ones each.

    >>> images, targets = torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1), torch.tensor([[0.0], [1.0]])
    >>> mixed, truth = mixup(p=1.0)(images, targets, torch.Generator().manual_seed(0))
    >>> torch.equal(mixed.flatten(), truth.flatten())
    True
    """

    def mix(images: torch.Tensor, targets: Targets, generator: torch.Generator) -> tuple[torch.Tensor, Targets]:
        if torch.rand((), generator=generator) >= p:
            return images, targets
        share, other = _share(alpha, generator), torch.randperm(len(images), generator=generator)
        return _blend(images, images[other], share), each_tensor(targets, lambda t: _blend(t.float(), t[other].float(), share))

    return mix


def cutmix(alpha: float = 1.0, p: float = 0.5) -> Mix:
    """In each row a rectangle of another; its share of the picture is drawn from Beta(alpha, alpha).

    Masks (B, C, H, W) get the same rectangle. Labels (B, C) beside masks of the same C classes are the mixed
    masks' maximum: 1 where some of the mask is left or came, else 0. Labels without masks are mixed by the
    rectangle's share.

    >>> images = torch.arange(2.0).reshape(2, 1, 1, 1).expand(2, 1, 4, 4)
    >>> mixed, truth = cutmix(p=1.0)(images, torch.tensor([[0.0], [1.0]]), torch.Generator().manual_seed(1))
    >>> torch.allclose(mixed.mean((1, 2, 3)), truth[:, 0])
    True
    """

    def mix(images: torch.Tensor, targets: Targets, generator: torch.Generator) -> tuple[torch.Tensor, Targets]:
        if torch.rand((), generator=generator) >= p:
            return images, targets
        other = torch.randperm(len(images), generator=generator)
        height, width = images.shape[-2:]
        rows, columns = _rectangle(height, width, 1 - _share(alpha, generator), generator)
        area = (rows.stop - rows.start) * (columns.stop - columns.start) / (height * width)
        leaves: list[torch.Tensor] = []
        each_tensor(targets, leaves.append)
        left = {t.shape[:2]: _pasted(t, other, rows, columns).amax((2, 3)).float() for t in leaves if t.ndim == 4}

        def moved(target: torch.Tensor) -> torch.Tensor:
            if target.ndim == 4:
                return _pasted(target, other, rows, columns)
            known = left.get(target.shape)
            return _blend(target.float(), target[other].float(), 1 - area) if known is None else known

        return _pasted(images, other, rows, columns), each_tensor(targets, moved)

    return mix


def _pasted(pictures: torch.Tensor, other: torch.Tensor, rows: slice, columns: slice) -> torch.Tensor:
    """A copy of (B, C, H, W) with the rectangle of each row's other."""
    pasted = pictures.clone()
    pasted[..., rows, columns] = pictures[other][..., rows, columns]
    return pasted


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
