"""Clouds: a model trained on each fold, and what it says of the pictures it has not seen, on disk.

A picture is decoded once at each input size and kept in a file that all processes map. Predictions are
resized to the submission's 350x525 before they are stored, so whatever the input size, they can be
averaged and decided on alike. The submission asks through :func:`predictions`, the same as here.
"""

from __future__ import annotations

import hashlib
import math
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from kaggle_utils.competitions.clouds import CLASSES, SUBMISSION_SHAPE, CloudsData
from kaggle_utils.competitions.clouds_examples import CloudExamples, DiceMetric, cached_masks, masks_digest
from kaggle_utils.competitions.clouds_parameters import CloudsRun
from kaggle_utils.competitions.clouds_sets import set_name
from kaggle_utils.errors import KitError
from kaggle_utils.files import fingerprint
from kaggle_utils.images.cache import cached_frames
from kaggle_utils.learning.augment import split_sets
from kaggle_utils.learning.batches import Fold
from kaggle_utils.learning.checkpoints import load_weights
from kaggle_utils.learning.data_parallel import Team, together
from kaggle_utils.learning.devices import each_fold
from kaggle_utils.learning.mixing import mixing
from kaggle_utils.learning.models import build
from kaggle_utils.learning.predict import predict
from kaggle_utils.learning.store import PredictionStore
from kaggle_utils.learning.trainer import Outcome, train
from kaggle_utils.learning.views import in_views

__all__ = [
    "FoldResult",
    "predictions",
    "train_fold",
    "train_folds",
]

Size = tuple[int, int]  # (width, height) in pixels
_NOT_LEARNT = {"sizes", "views", "checkpoints"}  # parameters that a model's weights do not depend on


def _endless() -> float:
    """Seconds left where no session ends."""
    return math.inf


def predictions(
    model: nn.Module, images: np.ndarray, rows: Sequence[int], view: str, batch: int, device: str,
    mixed: bool = True, progress: str | None = None,
) -> Iterator[tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]]:  # fmt: skip
    """(rows (B,), (masks (B, 4, 350, 525), labels (B, 4))) float32, batch by batch, rows ascending.

    The labels of a model without a label head are its masks' maxima.

    images: (N, H, W, C) uint8, of which ``rows`` are asked; view: as :mod:`kaggle_utils.learning.views` names it
    mixed: as the training was
    """
    ask = in_views([view])

    def asked(model: nn.Module, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        answer = ask(model, inputs)
        masks, labels = answer if isinstance(answer, tuple) else (answer, answer.amax((2, 3)))
        masks = nn.functional.interpolate(masks, SUBMISSION_SHAPE, mode="bilinear", align_corners=False, antialias=True)
        return masks.clamp(0, 1), labels

    return predict(model, CloudExamples(images), rows, batch=batch, device=device, mixed=mixed, asked=asked, progress=progress)


@dataclass(frozen=True)
class FoldResult:
    """One size's model of one fold: its best Dice while training, and where its weights and predictions lie.

    stores: {set name: (path of the masks, path of the labels)}; rows: (M,) of the data, that it has not seen
    """

    fold: int
    size: Size
    dice: float
    minutes: float
    stopped: str
    rows: np.ndarray
    weights: Path
    stores: dict[str, tuple[Path, Path]]
    history: list[dict[str, float]]


def train_fold(
    data: CloudsData,
    fold_of_image: np.ndarray,
    fold: int,
    size: Size,
    output: Path,
    run: CloudsRun,
    *,
    cache: Path,
    devices: Sequence[str] = ("cpu",),
    seconds_left: Callable[[], float] = _endless,
    progress: str | None = None,
) -> FoldResult | None:
    """Train on all folds but one, predict that one in every view; what is done is not done again.

    None when the session's end left no time for an epoch.

    data: images that are all there; cache: folder for resized pictures; output: folder for weights and stores
    devices: several train the one model together; progress: title of the bars, None for none
    """
    outcome = together(devices, _trained, data, fold_of_image, fold, size, output, run, cache, seconds_left, progress)
    if not outcome.best_epoch:
        return None
    rows, (images, _) = np.flatnonzero(fold_of_image == fold), _resized(data, cache, size, run, progress)
    model, stores = build(run.model), {}
    for checkpoint, view in product(run.clouds.checkpoints, run.clouds.views):
        weights = outcome.folder / f"{checkpoint}.pth"
        model.load_state_dict(load_weights(weights)["state"])
        name = set_name(size, view, checkpoint)
        how = {"batch": run.training.batch, "device": devices[0], "mixed": run.training.mixed}
        asked = (model.to(devices[0]), images, view, how, progress and f"{progress}, {view}")
        stores[name] = _stored(output / f"{name}_fold{fold}", rows, {"weights": fingerprint(weights)}, asked)
    return FoldResult(
        fold, size, float(outcome.best or np.nan), outcome.seconds / 60, outcome.stopped, rows,
        outcome.folder / "best.pth", stores, outcome.history,
    )  # fmt: skip


def _trained(
    team: Team, data: CloudsData, fold_of_image: np.ndarray, fold: int, size: Size, output: Path, run: CloudsRun,
    cache: Path, seconds_left: Callable[[], float], progress: str | None,
) -> Outcome:  # fmt: skip
    """One model, by one process or by each of several."""
    images, bits = _resized(data, cache, size, run, progress)
    clouds = {name: value for name, value in asdict(run.clouds).items() if name not in _NOT_LEARNT}
    facts = {"model": run.model.plain(), "size": size, "fold": fold, "clouds": clouds, "data": _digest(data)}
    rows, others = np.flatnonzero(fold_of_image == fold), np.flatnonzero(fold_of_image != fold)
    pictures, batches = split_sets(run.clouds.augmentations)
    examples = CloudExamples(images, bits, pictures)
    return train(
        build(run.model, seed=run.training.seed + fold), run.loss(), Fold(examples, others, rows),
        DiceMetric(bits, run.clouds.fewest), output / f"{size[0]}x{size[1]}_fold{fold}", run.training, team=team,
        mix=mixing(batches), seconds_left=seconds_left, facts=facts, progress=progress,
    )  # fmt: skip


def _resized(data: CloudsData, cache: Path, size: Size, run: CloudsRun, progress: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and masks at a size, mapped from files; the first call makes the files."""
    paths, gray = data.images["path"].tolist(), run.clouds.grayscale
    images = cached_frames(paths, cache, size, progress=progress and "pictures", grayscale=gray)
    return images, cached_masks(data, cache, size, progress and "masks")


def train_folds(
    data: CloudsData,
    fold_of_image: np.ndarray,
    folds: Sequence[int],
    output: Path,
    run: CloudsRun,
    *,
    cache: Path,
    devices: Sequence[str] = ("cpu",),
    progress: bool = False,
    seconds_left: Callable[[], float] = _endless,
) -> list[FoldResult]:
    """:func:`train_fold` for every input size and fold, as many at a time as there are devices; a single one on all.

    seconds_left: a function of a module where there are several devices; progress: show bars
    A warning names what the session's end left no time for. Raises KitError when that is everything, or when
    the predictions will not fit on the disk.
    """
    _require_space(output, run, np.isin(fold_of_image, folds).sum())
    build(run.model)  # what cannot be made, or started from, is told before hours of decoding
    for size in run.clouds.sizes:  # before the processes part, so that each file is made once
        _resized(data, cache, size, run, f"{size[0]}x{size[1]}" if progress else None)
    shared = {"cache": cache, "seconds_left": seconds_left, "progress": progress}
    one = partial(_train_one, data=data, fold_of_image=fold_of_image, output=output, run=run, **shared)
    jobs = list(product(run.clouds.sizes, folds))
    results = each_fold(jobs, one, devices)
    if untrained := [f"{w}x{h} fold {fold}" for ((w, h), fold), found in zip(jobs, results, strict=True) if not found]:
        message = f"no time was left to train {', '.join(untrained)}: push the missing folds as kernels of their own"
        if len(untrained) == len(jobs):
            raise KitError(message)
        warnings.warn(message, stacklevel=2)
    return [found for found in results if found]


def _train_one(job: tuple[Size, int], devices: Sequence[str], progress: bool, **options: Any) -> FoldResult | None:
    size, fold = job
    title = f"{size[0]}x{size[1]} fold {fold}" if progress else None
    return train_fold(size=size, fold=fold, devices=devices, progress=title, **options)


def _digest(data: CloudsData) -> str:
    """Stands for the pictures' names and their masks."""
    return hashlib.sha1(repr((data.images["image"].tolist(), masks_digest(data))).encode()).hexdigest()


def _require_space(output: Path, run: CloudsRun, rows: int) -> None:
    """The stores are sparse files: a disk that is full would be noticed hours later, by a signal."""
    output.mkdir(parents=True, exist_ok=True)
    sets = len(run.clouds.sizes) * len(run.clouds.views) * len(run.clouds.checkpoints)
    needed = int(rows) * sets * len(CLASSES) * math.prod(SUBMISSION_SHAPE)
    held = sum(512 * path.stat().st_blocks for path in output.glob("*_masks.npy"))
    if needed - held > (free := shutil.disk_usage(output).free):
        raise KitError(
            f"{sets} prediction sets of {rows} pictures take {needed / 1e9:.1f} GB, {output} has {free / 1e9:.1f} GB left: "
            "take fewer sizes, views or checkpoints, or a kernel for each fold"
        )


def _stored(place: Path, rows: np.ndarray, facts: Mapping[str, Any], asked: tuple) -> tuple[Path, Path]:
    """Masks and labels of the rows in two stores; only what is missing is predicted."""
    model, images, view, how, progress = asked
    shapes = {"masks": (len(CLASSES), *SUBMISSION_SHAPE), "labels": (len(CLASSES),)}
    paths = {kind: place.with_name(f"{place.name}_{kind}.npy") for kind in shapes}
    masks, labels = (PredictionStore.create(paths[kind], rows, shape, facts, anew=True) for kind, shape in shapes.items())
    missing = np.union1d(masks.missing(), labels.missing())
    if len(missing):
        for numbers, (some_masks, some_labels) in predictions(model, images, missing, view, **how, progress=progress):
            masks.write(numbers, some_masks)
            labels.write(numbers, some_labels)
    return paths["masks"], paths["labels"]
