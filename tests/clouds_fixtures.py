"""A tiny clouds competition with tiny trained models, made once for all tests that ask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kaggle_utils.competitions import clouds
from kaggle_utils.competitions.samples.clouds import make_sample
from kaggle_utils.tasks.jobs import orders, side_by_side
from kaggle_utils.tasks.masks.items import RunLengthItems
from kaggle_utils.tasks.masks.out_of_fold import OutOfFold
from kaggle_utils.tasks.masks.parameters import MaskTraining
from kaggle_utils.tasks.runs import Job, Runs, read_runs, write_run

CHOSEN = {"views": ("identity", "hflip"), "checkpoints": ("best", "last"), "batch": 4}
RUN = clouds.KIND.parameters(CHOSEN, clouds.SMOKE)
_made: list[Trained] = []


@dataclass(frozen=True)
class Trained:
    """input: the competition's folder; output: of the training stage; cache: of resized pictures."""

    input: Path
    output: Path
    cache: Path
    data: RunLengthItems
    fold_of_item: np.ndarray
    jobs: list[Job]

    @property
    def runs(self) -> Runs:
        """As the next stages read it."""
        return read_runs([self.output])

    @property
    def judged(self) -> OutOfFold:
        """Parts are folds, and each picture is a group."""
        names = self.data.table["image"]
        folds = pd.DataFrame({"part": self.fold_of_item, "group": names.to_numpy()}, index=names)
        return clouds.KIND.out_of_fold(clouds, self.data, self.runs, folds, self.cache)

    def train(
        self, run: MaskTraining, output: Path, folds: tuple[int, ...] = (0, 1), devices: tuple[str, ...] = ("cpu",), **how: Any
    ) -> list[Job]:
        """One member of the input size 96x64."""
        wanted = orders("clouds", {"96x64": run.plain()}, folds)
        given = {"cache": self.cache, "run": side_by_side(devices), **how}
        return clouds.KIND.train(clouds, self.data, self.fold_of_item, wanted, output, **given)


def chosen(names: dict[str, Any], preset: dict[str, Any] | None = None) -> MaskTraining:
    """One member, of clouds' smoke parameters where no others are given."""
    return clouds.KIND.parameters({"size": (96, 64), **names}, clouds.SMOKE if preset is None else preset)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Two folds of ten pictures, one epoch each, predicted in two views."""
    if not _made:
        folder = tmp_path_factory.mktemp("clouds")
        make_sample(folder / "input", images=10, test_images=3, size=(105, 70))
        data = clouds.load(folder / "input")
        made = Trained(folder / "input", folder / "output", folder / "cache", data, np.arange(10) % 2, [])
        made.jobs.extend(made.train(RUN, made.output))
        write_run(made.output, made.jobs)
        _made.append(made)
    return _made[0]
