"""Clouds: the test's pictures through every fold's models and the decision of stage 3, a few at a time.

The same functions predict here as in validation, so what stage 3 measured is what is submitted. Asked to
validate, the first fold's models predict the training pictures they have not seen, which can be scored.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kaggle_utils.competitions import clouds
from kaggle_utils.competitions.clouds_decision import CloudsDecision, decided
from kaggle_utils.competitions.clouds_runs import first_fold_images, trained_models, trained_parameters
from kaggle_utils.competitions.clouds_sets import parsed_name
from kaggle_utils.files import replacing
from kaggle_utils.images.cache import cached_frames
from kaggle_utils.masks.scorecard import MaskScorecard

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

__all__ = ["Asked", "asked_images", "predicted_masks", "report"]


@dataclass(frozen=True)
class Asked:
    """The pictures to predict: a table with image and path; texts: (N, 4) their truth at truth_shape, None if unknown."""

    what: str
    images: pd.DataFrame
    texts: np.ndarray | None = None
    truth_shape: tuple[int, int] = clouds.SUBMISSION_SHAPE

    def __str__(self) -> str:
        return f"{len(self.images)} pictures: {self.what}"


def asked_images(folder: Path, stage_folders: Iterable[Path], validate: bool = False) -> Asked:
    """The test's pictures, or with ``validate`` the training pictures that the first fold's models have not seen.

    folder: the competition's; stage_folders: outputs of the training stage
    Raises ValueError naming pictures that are not there: a submission needs all.
    """
    if validate:
        data = clouds.load(folder).present()
        part = data.take(data.images["image"].isin(first_fold_images(stage_folders)).to_numpy())
        return Asked("training pictures the first fold's models have not seen", part.images, part.texts, part.shape)
    images = clouds.test_images(folder)
    missing = images["image"][~images["exists"]]
    if len(missing):
        raise ValueError(
            f"{len(missing)} of {len(images)} test pictures are not there, the first is {missing.iloc[0]}; "
            "with validate=True the training pictures that the first fold left out are predicted and scored instead"
        )
    return Asked("the test", images)


def predicted_masks(
    asked: Asked,
    stage_folders: Iterable[Path],
    decision: CloudsDecision,
    cache: Path,
    *,
    device: str = "cpu",
    batch: int = 8,
    progress: bool = False,
) -> Iterator[np.ndarray]:
    """(4, 350, 525) uint8 of each picture in turn, by all folds' models, or the first fold's for validation pictures.

    cache: folder for resized pictures. Each set of the decision is the mean over folds; memory does not
    grow with the number of pictures.
    """
    from tqdm import tqdm

    from kaggle_utils.learning.models import load_model

    loaded = functools.cache(partial(load_model, device=device))  # views share their models
    stages = list(stage_folders)
    models, trained = trained_models(stages), trained_parameters(stages)
    how = {"batch": batch, "device": device, "mixed": trained["mixed"]}
    members = []
    for name in decision.merge.sets:
        size, view, checkpoint = parsed_name(name)
        weights = [path.with_name(f"{checkpoint}.pth") for path in models[size]]
        asking = [loaded(path) for path in (weights if asked.texts is None else weights[:1])]
        grayscale = trained.get("grayscale", False)  # outputs from before there was a choice
        images = cached_frames(asked.images["path"].tolist(), cache, size, grayscale=grayscale)
        members.append(_mean_of_folds(asking, images, view, how))
    batches = tqdm(zip(*members, strict=True), total=-(-len(asked.images) // batch), desc="batches", disable=not progress)
    for sets in batches:
        for masks, labels in zip(zip(*(m for m, _ in sets), strict=True), zip(*(n for _, n in sets), strict=True), strict=True):
            yield decided(decision, masks, labels)


def _mean_of_folds(
    models: list[nn.Module], images: np.ndarray, view: str, how: dict[str, Any]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(masks (B, 4, 350, 525), labels (B, 4)) of one prediction set, batch by batch."""
    from kaggle_utils.competitions.clouds_training import predictions

    asking = [predictions(model, images, range(len(images)), view, **how) for model in models]
    for answers in zip(*asking, strict=True):
        yield tuple(sum(parts) / len(parts) for parts in zip(*(answer for _, answer in answers), strict=True))


def report(folder: Path, asked: Asked) -> MaskScorecard | None:
    """The score of submission.csv on validation pictures, also written to validation.json; None without truth."""
    note = Path(folder) / "validation.json"
    note.unlink(missing_ok=True)  # an earlier run's
    if asked.texts is None:
        return None
    texts = clouds.read_submission(Path(folder) / "submission.csv", asked.images["image"].tolist())
    card = clouds.score(asked.texts, texts, asked.truth_shape)
    with replacing(note) as part:
        part.write_text(card.to_json() + "\n")
    return card
