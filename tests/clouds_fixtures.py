"""A tiny clouds competition with tiny trained models, made once for all tests that ask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from kaggle_utils.competitions.clouds_parameters import SMOKE, CloudsRun
from kaggle_utils.competitions.clouds_training import FoldResult, train_folds

from kaggle_utils.competitions import clouds, clouds_runs
from kaggle_utils.competitions.samples.clouds import make_clouds_sample

CHOSEN = {"views": ("identity", "hflip"), "checkpoints": ("best", "last"), "batch": 4}
RUN = CloudsRun.chosen(CHOSEN, SMOKE)
_made: list[Trained] = []


@dataclass(frozen=True)
class Trained:
    """input: the competition's folder; output: of the training stage; cache: of resized pictures."""

    input: Path
    output: Path
    cache: Path
    data: clouds.CloudsData
    fold_of_image: np.ndarray
    results: list[FoldResult]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Two folds of ten pictures, one epoch each, predicted in two views."""
    if not _made:
        folder = tmp_path_factory.mktemp("clouds")
        make_clouds_sample(folder / "input", images=10, test_images=3, size=(105, 70), progress=False)
        data = clouds.load(folder / "input")
        fold_of_image = np.arange(10) % 2
        results = train_folds(data, fold_of_image, [0, 1], folder / "output", RUN, cache=folder / "cache")
        clouds_runs.write_run(folder / "output", data, results, RUN.plain())
        _made.append(Trained(folder / "input", folder / "output", folder / "cache", data, fold_of_image, results))
    return _made[0]
