"""A trained classifier as TorchScript and ONNX, asked by the same function as its checkpoint, and compared with it.

A checkpoint needs this package and timm to be built again; TorchScript needs torch alone, ONNX neither. All three take
(B, C, H, W) uint8 pictures, normalise inside, and answer with probabilities, so one script serves whichever file it is
given. Is it worth it? :func:`compared` says what each costs and how far its answers are from the checkpoint's. onnx and
onnxruntime are the extra ``export``.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from kaggle_utils.files import replacing
from kaggle_utils.learning.devices import laid_out
from kaggle_utils.learning.models import load_model
from kaggle_utils.learning.predict import moved, probabilities

if TYPE_CHECKING:
    import pandas as pd

Ask = Callable[[np.ndarray], np.ndarray]  # (B, C, H, W) uint8 -> (B, L) float32 probabilities
SUFFIXES = {".pth": "checkpoint", ".pt": "TorchScript", ".onnx": "ONNX"}


class _Asked(nn.Module):
    """A model that answers with probabilities."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return probabilities(self.model, images)


def export(weights: Path, folder: Path, size: tuple[int, int]) -> dict[str, Path]:
    """name -> file, of the checkpoint and of what is made of it in the folder, for batches of any length.

    weights: of a classifier, as a training leaves them; size: (width, height) of its pictures
    Raises ValueError for a checkpoint that does not say what it is, ImportError without onnx.
    """
    model, weights = load_model(weights), Path(weights)
    asked, example = _Asked(model).eval(), torch.zeros(2, model.channels, *size[::-1], dtype=torch.uint8)
    axes = {"images": {0: "batch"}, "probabilities": {0: "batch"}}
    named = {"input_names": ["images"], "output_names": ["probabilities"], "dynamic_axes": axes}
    files = {name: weights if suffix == ".pth" else folder / f"{weights.stem}{suffix}" for suffix, name in SUFFIXES.items()}
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # both ways are old, and need nothing but torch and onnx
        with replacing(files["TorchScript"]) as part:
            torch.jit.trace(asked, example).save(part)
        with replacing(files["ONNX"]) as part:
            torch.onnx.export(asked, (example,), part, **named, dynamo=False)
    return files


def opened(path: Path, device: str = "cpu") -> Ask:
    """What asks a network about pictures, whichever of the three files it lies in.

    Raises ValueError for a file of another kind, ImportError for ONNX without onnxruntime.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path} ends in {path.suffix!r}, expected one of {', '.join(SUFFIXES)}")
    if path.suffix == ".onnx":
        import onnxruntime

        there = [f"{kind}ExecutionProvider" for kind in (["CUDA"] * device.startswith("cuda") + ["CPU"])]
        session = onnxruntime.InferenceSession(str(path), providers=there)
        return lambda images: session.run(None, {"images": images})[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # TorchScript is old
        model = _Asked(load_model(path)) if path.suffix == ".pth" else torch.jit.load(path, map_location=device)
    return partial(_asked, laid_out(model, device).eval(), torch.device(device))


@torch.inference_mode()
def _asked(model: nn.Module, device: torch.device, images: np.ndarray) -> np.ndarray:
    return model(moved(torch.from_numpy(images), device)).cpu().numpy()


def compared(files: Mapping[str, Path], images: np.ndarray, device: str = "cpu", times: int = 5) -> pd.DataFrame:
    """A row a file: megabytes, milliseconds an image, and the largest difference from the first one's probabilities.

    files: of :func:`export`; images: (B, C, H, W) uint8, asked as one batch; times: of which the fastest counts
    """
    import pandas as pd

    rows, first = [], None
    for name, path in files.items():
        ask, seconds = opened(path, device), []
        answer = ask(images)  # warms up
        first = answer if first is None else first
        for _ in range(times):
            began = time.perf_counter()
            ask(images)
            seconds.append(time.perf_counter() - began)
        size, speed = path.stat().st_size / 1e6, 1000 * min(seconds) / len(images)
        rows.append({"file": name, "MB": size, "ms an image": speed, "largest difference": np.abs(answer - first).max()})
    return pd.DataFrame(rows)
