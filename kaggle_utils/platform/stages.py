"""Opening and closing a stage: two calls, the same in every notebook.

    stage = open_stage("clouds", "2_train")     # data, output, cards, what an earlier session left
    ...
    stage.close(score=0.61, ...)                # a line in the diary

A Kaggle session starts with an empty working folder. Attach the notebook's own earlier output to it, and
what that output holds (weights, checkpoints) is copied back, so that a training goes on from there.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_utils import competitions
from kaggle_utils.evidence import diary
from kaggle_utils.platform import runtime, source
from kaggle_utils.tasks.decisions import Worth, read_decision
from kaggle_utils.tasks.jobs import chosen_folds
from kaggle_utils.tasks.runs import Runs, data_version, read_folds, read_runs

if TYPE_CHECKING:
    import pandas as pd

    from kaggle_utils.tasks.competition import Competition, Items

__all__ = ["Stage", "open_stage", "restore"]


@dataclass(frozen=True)
class Stage:
    """A stage that is open.

    competition, name: of what, such as 2_train; files: where the data lie; output: this stage's folder
    devices: "cpu", or the cards that passed the check; began: Unix time
    """

    competition: Competition
    name: str
    files: source.Source
    output: Path
    devices: tuple[str, ...] = ("cpu",)
    began: float = field(default_factory=time.time)

    @property
    def device(self) -> str:
        """The first card, or "cpu"."""
        return self.devices[0]

    @property
    def sample(self) -> bool:
        """Whether the data are a built-in sample's: noted in every file, so that nothing of it meets real data."""
        return self.files.synthetic

    @property
    def preset(self) -> Mapping[str, Any]:
        """Parameters in place of the defaults, for the built-in sample."""
        return self.competition.SAMPLE if self.files.sample else {}

    @cached_property
    def items(self) -> Items:
        """The training items whose files are there."""
        return self.competition.load(self.files.folder).present()

    @cached_property
    def version(self) -> str:
        """Stands for the data's tables, see :func:`kaggle_utils.tasks.runs.data_version`."""
        return data_version(self.files.folder)

    @property
    def cache(self) -> Path:
        """A folder for what this session alone needs."""
        return runtime.temp_dir() / self.competition.NAME

    @property
    def facts(self) -> dict[str, Any]:
        """What every file of this stage notes of its data: for ``run.json`` and ``decision.json``."""
        return {"competition": self.competition.NAME, "sample": self.sample, "data": self.version}

    @cached_property
    def folds(self) -> pd.DataFrame:
        """Fold, part and whatever else 1_eda wrote of each item, in the order of :attr:`items`."""
        folder = runtime.stage_dir(self.competition.NAME, "1_eda")
        return read_folds(folder / "folds.csv", self.items.table[self.competition.KEY])

    def chosen_folds(self, fold: int | None = None, folds: Sequence[int] | None = None) -> list[int]:
        """Those to train: one, some, or all; ValueError for one that is not there."""
        return chosen_folds(self.folds["fold"], fold, folds)

    @property
    def trained(self) -> list[Path]:
        """The outputs of 2_train, one or one for each kernel."""
        return runtime.stage_dirs(self.competition.NAME, "2_train")

    @cached_property
    def runs(self) -> Runs:
        """What 2_train left, in all of its outputs; in 2_train itself what it has just written."""
        return read_runs([self.output] if self.name == "2_train" else self.trained, self.sample)

    def decision(self) -> tuple[dict[str, Any], Worth, dict[str, Any]]:
        """What 3_decide decided, for the weights that are here; ValueError for others."""
        folder = self.output if self.name == "3_decide" else runtime.stage_dir(self.competition.NAME, "3_decide")
        decision, worth, facts = read_decision(folder / "decision.json", self.sample)
        self.runs.require_weights(facts["weights"])
        return decision, worth, facts

    def close(self, parameters: Mapping[str, Any], defaults: Mapping[str, Any], score: float, **more: Any) -> dict[str, Any]:
        """Adds the run's line to the diary and returns it; parameters that differ from their defaults stand in it.

        more: interval, fold_scores, comment, and whatever else is worth a column, see :func:`kaggle_utils.evidence.diary.entry`
        """
        name, about = self.competition.NAME, {"sample": self.sample, "data": self.version}
        line = diary.entry(name, self.name, parameters, defaults, score=score, started=self.began, **about, **more)
        diary.append(runtime.diary_file(), line)
        print("in the diary as", line["run"])
        return line


def open_stage(competition: str | Competition, name: str, cards: bool = False) -> Stage:
    """A stage of a competition, with its data found and said, and what a killed session left taken over.

    competition: as :func:`kaggle_utils.competitions.find` takes it; name: such as 2_train
    cards: whether it computes on GPUs: they are checked now, in seconds, and not after an hour
    Raises NotAttached for data that is not there, GpuUnusable for a card whose kernels this torch lacks.
    """
    found = competitions.find(competition)
    files = source.find(found)
    print(files)
    output = runtime.output_dir(found.NAME, name)
    devices = tuple(card.device for card in runtime.check_gpu()) if cards else ()
    taken = restore(found.NAME, name, output)
    if cards:
        print("computing on", *(devices or ("cpu",)))
    if taken:
        print(f"going on with {len(taken)} files of an earlier session")
    return Stage(found, name, files, output, devices or ("cpu",))


def restore(competition: str, stage: str, output: Path) -> list[str]:
    """Copy the files of this stage's attached earlier outputs that ``output`` lacks; returns their names.

    At home nothing is copied: a stage finds its own files where it left them.
    """
    if runtime.place() == "home":
        return []
    try:
        folders = runtime.stage_dirs(competition, stage)
    except runtime.NotAttached:
        return []
    taken = []
    for folder in folders:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            name = path.relative_to(folder)
            if not (output / name).exists():
                (output / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, output / name)
                taken.append(str(name))
    return taken
