"""Asking a model about many rows: batch by batch, in 16 bit where the card gains from it.

Validation during a training, out-of-fold predictions and a submission all ask through
:func:`predict`. It holds one batch at a time, so the number of images does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from kaggle_utils.learning.batches import Examples, in_order

__all__ = ["half_precision", "mixed_precision", "moved", "predict", "probabilities"]


def probabilities(model: nn.Module, inputs: Any) -> Any:
    """The sigmoid of a model's outputs in float32, a tensor or a tuple of tensors.

    >>> probabilities(nn.Identity(), torch.zeros(2))
    tensor([0.5000, 0.5000])
    """
    outputs = model(inputs)
    return tuple(o.float().sigmoid() for o in outputs) if isinstance(outputs, tuple) else outputs.float().sigmoid()


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
        yield numbers.numpy(), _arrays(answer)


def _arrays(answer: Any) -> Any:
    return tuple(_arrays(part) for part in answer) if isinstance(answer, tuple) else answer.float().cpu().numpy()


def moved(value: Any, device: torch.device) -> Any:
    """A tensor, or a list, tuple or mapping of them, on the device; images (B, C, H, W) there channels last.

    >>> moved([torch.zeros(1), {"mask": torch.ones(1)}], torch.device("cpu"))
    (tensor([0.]), {'mask': tensor([1.])})
    """
    if isinstance(value, Mapping):
        return {name: moved(part, device) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(moved(part, device) for part in value)
    last = device.type == "cuda" and value.ndim == 4 and value.shape[1] > 1
    return value.to(device, non_blocking=True, memory_format=torch.channels_last if last else torch.preserve_format)


def half_precision(device: torch.device, wanted: bool = True) -> torch.dtype | None:
    """The 16-bit type that a device gains from: none on CPUs and a P100, float16 on a T4, bfloat16 from Ampere on.

    >>> half_precision(torch.device("cpu")) is None
    True
    """
    if not wanted or device.type != "cuda":
        return None
    major, _ = torch.cuda.get_device_capability(device)
    return None if major < 7 else torch.float16 if major < 8 else torch.bfloat16


def mixed_precision(device: torch.device, wanted: bool = True) -> AbstractContextManager:
    """A block in which the model computes in :func:`half_precision`, where there is one."""
    dtype = half_precision(device, wanted)
    return torch.autocast("cuda", dtype=dtype) if dtype else nullcontext()
