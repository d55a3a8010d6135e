"""Asking a model about many rows: batch by batch, in 16 bit where the card gains from it.

Validation during a training, out-of-fold predictions and a submission all ask through
:func:`predict`. It holds one batch at a time, so the number of images does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from kaggle_utils.learning.batches import Examples, in_order
from kaggle_utils.learning.devices import mixed_precision


def probabilities(model: nn.Module, inputs: Any) -> Any:
    """The sigmoid of a model's outputs in float32, a tensor or a tuple of tensors.

    >>> probabilities(nn.Identity(), torch.zeros(2))
    tensor([0.5000, 0.5000])
    """
    return each_tensor(model(inputs), lambda output: output.float().sigmoid())


@torch.inference_mode()
def predict(
    model: nn.Module,
    examples: Examples,
    rows: Sequence[int],
    *,
    batch: int = 16,
    device: str | torch.device = "cpu",
    workers: int = 0,
    mixed: bool = True,
    asked: Callable[[nn.Module, Any], Any] = probabilities,
    progress: str | None = None,
) -> Iterator[tuple[np.ndarray, Any]]:
    """(row numbers (B,), probabilities (B, ...) float32) batch by batch, in ascending order of rows.

    examples: as trainings read them; their targets are not looked at
    asked: (model, inputs) -> probabilities, a tensor or a tuple of them; the place for test-time augmentation
    mixed: 16-bit arithmetic where the card gains from it; progress: the bar's title, None for no bar

    >>> class Logits:
    ...     def __getitem__(self, key):
    ...         return np.float32([0.0])
    >>> [(rows.tolist(), answer.tolist()) for rows, answer in predict(nn.Identity(), Logits(), [4, 2])]
    [([2, 4], [[0.5], [0.5]])]
    """
    device = torch.device(device)
    model.eval()
    for numbers, example in tqdm(in_order(examples, rows, batch, workers), desc=progress, disable=progress is None):
        inputs = example[0] if isinstance(example, (list, tuple)) else example
        with mixed_precision(device, mixed):
            answer = asked(model, moved(inputs, device))
        yield numbers.numpy(), each_tensor(answer, lambda part: part.float().cpu().numpy())


def moved(value: Any, device: torch.device) -> Any:
    """A tensor, or a list, tuple or mapping of them, on the device; on a GPU images (B, C, H, W) lie channels last.

    >>> moved([torch.zeros(1), {"mask": torch.ones(1)}], torch.device("cpu"))
    (tensor([0.]), {'mask': tensor([1.])})
    """

    def move(tensor: torch.Tensor) -> torch.Tensor:
        last = device.type == "cuda" and tensor.ndim == 4 and tensor.shape[1] > 1
        return tensor.to(device, non_blocking=True, memory_format=torch.channels_last if last else torch.preserve_format)

    return each_tensor(value, move)


def each_tensor(value: Any, change: Callable[[torch.Tensor], Any]) -> Any:
    """A tensor, or a list, tuple or mapping of them, of the same build with every tensor changed; a list becomes a tuple."""
    if isinstance(value, Mapping):
        return {name: each_tensor(part, change) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(each_tensor(part, change) for part in value)
    return change(value)
