"""Weights in files: tensors and plain values only, written whole or not at all, read without running code.

A pickled model runs whatever its maker put into it when it is loaded; so checkpoints hold names,
tensors, numbers and texts, and are read with ``weights_only=True``. Detector, segmenters and
classifiers share these functions.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from kaggle_utils.files import replacing


def write_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """torch.save, all or nothing; ``content`` holds tensors and plain values."""
    with replacing(path) as partial:
        torch.save(dict(content), partial)


def load_weights(path: Path) -> dict[str, Any]:
    """Read a checkpoint with ``weights_only=True``, or a ``.safetensors`` file, onto the CPU.

    Returns the kit's own checkpoint (keys state, ...), or for a bare state dict
    (name -> tensor) ``{"state": it}``. Raises ValueError for a file that holds more than tensors and
    plain values, since loading it would run code of whoever made it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_checkpoint(Path(folder) / "w.pth", {"state": {"weight": torch.ones(2)}, "epoch": 3})
    ...     load_weights(Path(folder) / "w.pth")
    {'state': {'weight': tensor([1., 1.])}, 'epoch': 3}
    """
    if Path(path).suffix == ".safetensors":  # as the hub has them; names and tensors, nothing else
        from safetensors.torch import load_file

        return {"state": load_file(path)}
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError) as error:
        raise ValueError(
            f"{path} cannot be read as weights only ({str(error).splitlines()[0][:120]}). A checkpoint that holds "
            "pickled objects, as ultralytics' own .pt files do, runs foreign code when it is loaded. Convert it once "
            "on a machine you trust: torch.save(torch.load(path, weights_only=False)['model'].state_dict(), 'plain.pth')"
        ) from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}, expected a dict of tensors")
    return content if "state" in content else {"state": content}


def start_from(model: nn.Module, path: Path) -> tuple[int, int]:
    """Copy every tensor of a checkpoint that fits by name and shape into the model.

    Returns (tensors copied, tensors of the model). Raises ValueError when none fits.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torch.save({"weight": torch.zeros(1, 3)}, f"{folder}/w.pth")
    ...     start_from(nn.Linear(3, 1), Path(folder) / "w.pth")
    (1, 2)
    """
    own, given = model.state_dict(), load_weights(path)["state"]
    fitting = {k: v.to(own[k].dtype) for k, v in given.items() if k in own and own[k].shape == v.shape}
    if not fitting:
        raise ValueError(f"no tensor of {path} fits the model by name and shape (first: {next(iter(given), None)!r})")
    model.load_state_dict(fitting, strict=False)
    return len(fitting), len(own)
