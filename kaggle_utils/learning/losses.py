"""Losses by name, for masks (B, C, H, W) and labels (B, C) alike, sums of them included.

``loss("bce+dice")`` is what most clouds write-ups trained with. ``dice`` is per image: the mean over
(image, class) pairs as in the clouds metric, an empty pair included; ``dice_batch`` takes each class
over the whole batch. smp's Dice is not used: it gives absent classes nothing, and what its ``smooth``
means changed between releases. ``asymmetric`` and ``soft_f2`` are for labels. The symmetric
Lovasz hinge (Berman et al. 2018, made symmetric in Kaggle's salt competition) is one sort for all pairs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence

import torch
from torch.nn import functional

from kaggle_utils.learning.own import is_own, own

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def bce(
    logits: torch.Tensor, targets: torch.Tensor, pos_weight: Sequence[float] | float = 1.0, smoothing: float = 0.0
) -> torch.Tensor:
    """Binary cross entropy, mean over all places.

    targets: 0 to 1, soft ones allowed (contrails: the mean of the annotators)
    pos_weight: of positives, one for all or one a class; smoothing: targets become s to 1 - s

    >>> round(bce(torch.tensor([[0.0]]), torch.tensor([[1.0]]), pos_weight=2.0).item(), 4)  # 2 ln 2
    1.3863
    """
    targets = targets * (1 - 2 * smoothing) + smoothing
    return functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=_of_classes(pos_weight, logits))


def dice(logits: torch.Tensor, targets: torch.Tensor, smooth: float = 1.0) -> torch.Tensor:
    """1 - Dice of each (image, class) pair, then the mean: (2 inter + smooth) / (sum + smooth).

    smooth: pixels added to both; above 0 an empty pair asks for an empty answer

    >>> full = torch.full((1, 1, 1, 4), 20.0)
    >>> round(dice(full, torch.tensor([[[[1.0, 1, 0, 0]]]]), smooth=0.0).item(), 4)  # 1 - 2 x 2 / (4 + 2)
    0.3333
    """
    predicted, true = logits.sigmoid().flatten(2), targets.flatten(2)
    both, either = (predicted * true).sum(2), (predicted + true).sum(2)
    return 1 - ((2 * both + smooth) / (either + smooth).clamp_min(1e-7)).mean()


def dice_batch(logits: torch.Tensor, targets: torch.Tensor, smooth: float = 1.0) -> torch.Tensor:
    """1 - Dice of each class over all pixels of the batch, mean over classes; see :func:`dice`.

    >>> two = torch.tensor([[[[20.0]]], [[[-20.0]]]])
    >>> round(dice_batch(two, torch.ones(2, 1, 1, 1), smooth=0.0).item(), 4)  # 1 - 2 x 1 / (1 + 2)
    0.3333
    """
    together = (values.flatten(2).transpose(0, 1).flatten(1)[None] for values in (logits, targets))  # (1, C, B x P)
    return dice(*together, smooth=smooth)


def focal(
    logits: torch.Tensor, targets: torch.Tensor, gamma: float = 2.0, alpha: float | None = None,
    class_weights: Sequence[float] | float = 1.0,
) -> torch.Tensor:  # fmt: skip
    """Cross entropy times (1 - p)^gamma, p of the true answer; mean over all places. Source: Lin et al. 2017.

    alpha: weight of positives, 1 - alpha of negatives; None: both 1; class_weights: one for all or one a class

    The amazon diary asked whether its own was right. A right one weighs each place by its own p, before the mean; with
    gamma 0 it is cross entropy; alpha is on positives alone. That recall rose and precision fell at the same threshold is
    no mistake: gamma draws probabilities towards one half (where one row in ten is positive, the best answer for
    gamma 2 is .31), so what a threshold meant it means no longer, and it is to be fitted anew, or calibrated first.

    >>> round(focal(torch.tensor([[0.0]]), torch.tensor([[1.0]])).item(), 4)  # ln 2 / 4
    0.1733
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    weight = _of_classes(class_weights, logits) * (1 - (-entropy).exp()) ** gamma
    if alpha is not None:
        weight = weight * (alpha * targets + (1 - alpha) * (1 - targets))
    return (weight * entropy).mean()


def asymmetric(
    logits: torch.Tensor, targets: torch.Tensor, gamma_pos: float = 0.0, gamma_neg: float = 4.0, margin: float = 0.05
) -> torch.Tensor:
    """Focal on negatives harder than on positives, negatives below a probability of margin being left alone; mean.

    Source: Ridnik et al., "Asymmetric loss for multi-label classification" (2021), whose defaults these are.

    >>> round(asymmetric(torch.tensor([[0.0]]), torch.tensor([[0.0]])).item(), 4)  # .45^4 x -ln .55
    0.0245
    """
    p = logits.sigmoid()
    shifted = (p - margin).clamp_min(0)
    positives = (1 - p) ** gamma_pos * functional.logsigmoid(logits)
    negatives = shifted**gamma_neg * torch.log1p(-shifted.clamp_max(1 - 1e-7))
    return -(targets * positives + (1 - targets) * negatives).mean()


def soft_f2(logits: torch.Tensor, targets: torch.Tensor, beta: float = 2.0) -> torch.Tensor:
    """1 - F-beta of each image with probabilities in place of labels, then the mean: 5 TP / (4 true + predicted).

    The metric itself made smooth, as Dice is for masks; beside bce, since alone it says little where it begins.

    >>> round(soft_f2(torch.tensor([[20.0, 20.0, -20.0]]), torch.tensor([[1.0, 0.0, 1.0]])).item(), 4)  # 1 - 5 / 10
    0.5
    """
    predicted, true = logits.sigmoid().flatten(1), targets.flatten(1)
    common = (1 + beta**2) * (predicted * true).sum(1)
    return 1 - (common / (beta**2 * true.sum(1) + predicted.sum(1)).clamp_min(1e-7)).mean()


def _of_classes(weights: Sequence[float] | float, logits: torch.Tensor) -> torch.Tensor:
    """One weight, or (C,) of them as they multiply logits, (B, C, ...)."""
    weight = torch.as_tensor(weights, dtype=logits.dtype, device=logits.device)
    return weight.reshape(-1, *[1] * (logits.ndim - 2)) if weight.ndim else weight


def lovasz(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Symmetric Lovasz hinge: the mean of the hinge on positives and, mirrored, on negatives; per (image, class) pair.

    targets: 0 or 1

    >>> lovasz(torch.tensor([[[[3.0, -3.0]]]]), torch.tensor([[[[1.0, 0.0]]]])).item()
    0.0
    """
    scores, true = logits.flatten(2), targets.flatten(2)
    return (_lovasz_hinge(scores, true) + _lovasz_hinge(-scores, 1 - true)) / 2


def _lovasz_hinge(scores: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Mean over rows of (B, C, P): hinge errors in descending order times what each adds to 1 - IoU."""
    errors, order = (1 - scores * (2 * true - 1)).sort(dim=2, descending=True)
    true = true.gather(2, order)
    positives = true.sum(2, keepdim=True)
    missed = 1 - (positives - true.cumsum(2)) / (positives + (1 - true).cumsum(2)).clamp_min(1)
    added = torch.cat([missed[..., :1], missed.diff(dim=2)], dim=2)
    return (errors.relu() * added).sum(2).mean()


LOSSES: dict[str, Loss] = {
    "bce": bce, "dice": dice, "dice_batch": dice_batch, "focal": focal, "lovasz": lovasz, "asymmetric": asymmetric,
    "soft_f2": soft_f2,
}  # fmt: skip


def loss(name: str, weights: Sequence[float] | None = None, **options) -> Loss:
    """The loss of this name, (logits, targets) -> scalar in float32.

    name: a key of LOSSES, or ``own.py:name``, or several joined by '+', which are summed
    weights: one a part, default 1 each
    options: handed to the parts that know them (pos_weight, smoothing, smooth, gamma, alpha, class_weights, ...)
    Raises ValueError for an unknown name, option, or number of weights.

    >>> round(loss("bce+dice", weights=(1.0, 0.5))(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)).item(), 4)
    1.0265
    """
    names = name.split("+")
    if unknown := [part for part in names if part not in LOSSES and not is_own(part)]:
        raise ValueError(f"loss is {name!r}, {unknown} is not among {', '.join(LOSSES)}")
    if weights is not None and len(weights) != len(names):
        raise ValueError(f"weights are {list(weights)}, expected {len(names)} for {name!r}")
    made = [own(part) if is_own(part) else LOSSES[part] for part in names]
    known = [list(inspect.signature(part).parameters)[2:] for part in made]
    if useless := sorted(set(options).difference(*known)):
        able = ", ".join(sum(known, [])) or "none"
        raise ValueError(f"options {useless} are known to no part of {name!r}, which knows {able}")
    parts = [
        (weight, part, {option: options[option] for option in mine if option in options})
        for weight, part, mine in zip(weights or [1.0] * len(names), made, known, strict=True)
    ]

    def summed(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        logits, targets = logits.float(), targets.float()
        if logits.shape != targets.shape:
            raise ValueError(f"targets have shape {tuple(targets.shape)}, expected the logits' {tuple(logits.shape)}")
        return sum(weight * part(logits, targets, **mine) for weight, part, mine in parts)

    return summed


def masks_and_labels(masks: Loss, labels: Loss, weight: float = 1.0) -> Callable:
    """The loss of a model with a label head: ((masks, labels), their targets) -> masks' + weight x labels'.

    >>> both = masks_and_labels(loss("dice"), loss("bce"), weight=2.0)
    >>> answer = torch.full((1, 1, 1, 1), 20.0), torch.zeros(1, 1)
    >>> round(both(answer, (torch.ones(1, 1, 1, 1), torch.ones(1, 1))).item(), 4)  # 0 + 2 ln 2
    1.3863
    """
    return lambda outputs, targets: masks(outputs[0], targets[0]) + weight * labels(outputs[1], targets[1])


def masks_alone(masks: Loss) -> Callable:
    """The loss of a model without a label head: (masks, (their targets, labels)) -> masks'.

    >>> masks_alone(loss("bce"))(torch.full((1, 1, 1, 1), 20.0), (torch.ones(1, 1, 1, 1), torch.zeros(1, 1))) < 1e-6
    tensor(True)
    """
    return lambda outputs, targets: masks(outputs, targets[0])


def balance(positives: Sequence[int], rows: int, power: float = 1.0) -> list[float]:
    """pos_weight by frequency: (negatives / positives) ** power for each class.

    power: 1 inverse frequency, 0.5 its square root, as the amazon diary compares them
    Raises ValueError for a class without positives.

    >>> balance([10, 50], rows=100, power=0.5)
    [3.0, 1.0]
    """
    if empty := [number for number, count in enumerate(positives) if not 0 < count <= rows]:
        raise ValueError(f"class {empty[0]} has {positives[empty[0]]} positives, expected 1 to {rows}")
    return [((rows - count) / count) ** power for count in positives]
