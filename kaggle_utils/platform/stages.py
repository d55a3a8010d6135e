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
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_utils import competitions
from kaggle_utils.evidence import diary
from kaggle_utils.platform import runtime, source
from kaggle_utils.tasks.decisions import Worth, read_decision, write_decision
from kaggle_utils.tasks.jobs import chosen_folds, orders, side_by_side
from kaggle_utils.tasks.runs import Job, Runs, data_version, read_folds, read_runs, write_run

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from kaggle_utils.tasks.competition import Competition, Items


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

    @property
    def fold_of_item(self) -> np.ndarray:
        """(N,) int64, the fold of each of :attr:`items`; -1: only ever trained on."""
        return self.folds["fold"].to_numpy()

    def chosen_folds(self, fold: int | None = None, folds: Sequence[int] | None = None) -> list[int]:
        """Those to train: one, some, or all; ValueError for one that is not there."""
        return chosen_folds(self.folds["fold"], fold, folds)

    def train(self, members: Mapping[str, Any], folds: Sequence[int]) -> list[Job]:
        """Every member trained without each fold, as far as the session has time; ``run.json`` says what there is.

        members: name -> parameters, of the kind's ``members``. With two cards two models at a time, a single one on both.
        """
        kind, competition = self.competition.KIND, self.competition
        wanted = orders(competition.NAME, {name: one.plain() for name, one in members.items()}, folds)
        how = {"run": side_by_side(self.devices), "seconds_left": runtime.seconds_left, "progress": True}
        jobs = kind.train(competition, self.items, self.fold_of_item, wanted, self.output, cache=self.cache, **how)
        write_run(self.output, jobs, **self.facts, changed={name: one.changed() for name, one in members.items()})
        return jobs

    def out_of_fold(self) -> Any:
        """What a decision is made of, see :meth:`kaggle_utils.tasks.competition.Kind.out_of_fold`."""
        kind, noted = self.competition.KIND, self.runs.facts.get("data")
        if noted not in (None, self.version):
            warnings.warn(f"2_train had other tables (data {noted}, now {self.version})", stacklevel=2)
        judged = self.runs.fold_of_item(self.items.table[self.competition.KEY].tolist()) >= 0
        if self.name == "3_decide" and self.folds["part"][judged].nunique() < 2:
            told = f"only the fold {self.runs.folds[0]} is trained, and its items are of one part"
            raise ValueError(f"{told}: train another fold, or give folds.csv a finer column `part` to cross-fit over")
        return kind.out_of_fold(self.competition, self.items, self.runs, self.folds, self.cache, "truth")

    def decide(self, decision: Any, worth: Worth, run: str, table: pd.DataFrame) -> None:
        """Writes ``decision.json``: run: the diary's name of this run; table: the candidates'."""
        facts = {**self.facts, "run": run, "table": table.to_dict("records")}
        weights = self.runs.fingerprints(decision.sets)
        write_decision(self.output / "decision.json", decision.plain(), worth, weights, **facts)

    @property
    def trained(self) -> list[Path]:
        """The outputs of 2_train, one or one for each kernel."""
        return runtime.stage_dirs(self.competition.NAME, "2_train")

    @cached_property
    def runs(self) -> Runs:
        """What 2_train left, in all of its outputs; in 2_train itself what it has just written."""
        return read_runs([self.output] if self.name == "2_train" else self.trained, self.sample)

    def decision(self) -> tuple[dict[str, Any], Worth, dict[str, Any]]:
        """(the kind's decision, its worth, facts), as 3_decide wrote them; ValueError where it was made from other data."""
        folder = self.output if self.name == "3_decide" else runtime.stage_dir(self.competition.NAME, "3_decide")
        return read_decision(folder / "decision.json", self.sample)

    def predictor(self, models: str) -> Any:
        """What answers items by that decision; models: the "first" fold's, or "all".

        ValueError for weights that the decision was not measured with.
        """
        decision, _, facts = self.decision()
        kind = self.competition.KIND
        predictor = kind.predictor(self.competition, self.runs, decision, self.device, models)
        self.runs.require_weights(facts["weights"], predictor.folds)
        return predictor

    def close(self, parameters: Mapping[str, Any], defaults: Mapping[str, Any], score: float, **more: Any) -> dict[str, Any]:
        """Adds a line to the diary and returns it; parameters that differ from their defaults stand in it.

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
