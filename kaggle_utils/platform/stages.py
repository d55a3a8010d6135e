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
from kaggle_utils.files import plain, replacing
from kaggle_utils.learning.parameters import chosen, given
from kaggle_utils.platform import runtime, source
from kaggle_utils.tasks.decisions import Worth, read_decision, write_decision
from kaggle_utils.tasks.jobs import chosen_folds, side_by_side
from kaggle_utils.tasks.members import differing
from kaggle_utils.tasks.runs import Job, Runs, carry, data_version, read_folds, read_runs
from kaggle_utils.tasks.training import train_members

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from kaggle_utils.evidence.candidates import Choice
    from kaggle_utils.tasks.competition import Competition, Items


@dataclass(frozen=True)
class Stage:
    """A stage that is open.

    competition, name: of what, such as 2_train; files: where the data lie; output: this stage's folder
    devices: "cpu", or the cards that passed the check; began: Unix time
    smoke: whether it only shows that everything runs
    """

    competition: Competition
    name: str
    files: source.Source
    output: Path
    devices: tuple[str, ...] = ("cpu",)
    began: float = field(default_factory=time.time)
    smoke: bool = False

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
        """Parameters in place of the defaults, for a smoke run or the built-in sample."""
        return self.competition.SMOKE if self.smoke else self.competition.SAMPLE if self.files.sample else {}

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
        return {"competition": self.competition.NAME, "sample": self.sample, "smoke": self.smoke, "data": self.version}

    @property
    def variant(self) -> str:
        """Of the folders in which results lie at home: those of the sample, and of smoke runs, have their own."""
        return self.files.variant(self.smoke)

    @cached_property
    def folds(self) -> pd.DataFrame:
        """Fold, part and whatever else 1_eda wrote of each item, in the order of :attr:`items`."""
        folder = runtime.stage_dir(self.competition.NAME, "1_eda", self.variant)
        return read_folds(folder / "folds.csv", self.items.table[self.competition.KEY])

    @property
    def fold_of_item(self) -> np.ndarray:
        """(N,) int64, the fold of each of :attr:`items`; -1: only ever trained on."""
        return self.folds["fold"].to_numpy()

    def value(self, name: str, names: Mapping[str, Any], default: Any) -> Any:
        """Of one of a notebook's variables: what is chosen, else what the sample or a smoke run takes, else the default."""
        return {name: default, **given(chosen(names, {name: default}), self.preset, [name])}[name]

    def members(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """name -> parameters of each member that a notebook's variables ask for, on those of the sample or a smoke run."""
        return self.competition.KIND.members(names, self.preset)

    def differing(self, members: Mapping[str, Any]) -> pd.DataFrame:
        """A row a parameter that is no default: the default, what the sample or a smoke run takes, and each member's."""
        import pandas as pd

        kind, preset = self.competition.KIND, "a smoke run's" if self.smoke else "the sample's"
        beside = {"the default": kind.parameters({}).plain()} | ({preset: plain(self.preset)} if self.preset else {})
        return pd.DataFrame(differing(members, beside), dtype=object)

    def chosen_folds(self, fold: int | None = None, folds: Sequence[int] | None = None) -> list[int]:
        """Those to train: one, some, or all; ValueError for one that is not there."""
        return chosen_folds(self.folds["fold"], fold, folds)

    def train(self, members: Mapping[str, Any], folds: Sequence[int], full: bool = False) -> list[Job]:
        """Every member trained without each fold, and with full on all rows, too, as far as the session has time.

        members: name -> parameters, of the kind's ``members``. With two cards two models at a time, a single one on both.
        Returns all their jobs, those that were trained already among them; see
        :func:`kaggle_utils.tasks.training.train_members`. ``run.json`` says what there is, other members included.
        """
        plain = {name: one.plain() for name, one in members.items()}
        facts = {**self.facts, "changed": {name: one.changed() for name, one in members.items()}}
        how = {"run": side_by_side(self.devices), "seconds_left": runtime.seconds_left, "progress": True}
        jobs = train_members(
            self.competition, self.items, self.fold_of_item, plain, folds, self.output, earlier=self.runs,
            facts=facts, full=full, cache=self.cache,
            unlabelled=lambda: self.competition.unlabelled(self.files.folder), **how,
        )  # fmt: skip
        self.__dict__.pop("runs", None)  # there are more now
        return jobs

    def out_of_fold(self, jobs: Sequence[Job] | None = None) -> Any:
        """What a decision is made of, see :meth:`kaggle_utils.tasks.competition.Kind.out_of_fold`; jobs: these alone."""
        runs = self.runs if jobs is None else Runs(tuple(jobs), self.runs.facts)
        kind, noted = self.competition.KIND, runs.facts.get("data")
        if noted not in (None, self.version):
            warnings.warn(f"2_train had other tables (data {noted}, now {self.version})", stacklevel=2)
        judged = runs.fold_of_item(self.items.table[self.competition.KEY].tolist()) >= 0
        if self.name == "3_decide" and self.folds["part"][judged].nunique() < 2:
            told = f"only the folds {runs.folds} are trained, and their items are of one part"
            raise ValueError(f"{told}: train another fold, or give folds.csv a finer column `part` to cross-fit over")
        return kind.out_of_fold(self.competition, self.items, runs, self.folds, self.cache, "truth")

    def judged_by_member(self, jobs: Sequence[Job]) -> dict[str, Any]:
        """member -> :meth:`out_of_fold` of its own jobs, without those of all rows, which nothing judges."""
        of = {job.member: [one for one in jobs if one.member == job.member and one.items] for job in jobs}
        return {name: self.out_of_fold(own) for name, own in of.items() if own}

    def decide(
        self, choice: Choice, beside: Mapping[str, Any] | None = None, remarks: Sequence[str] = (), comment: str = ""
    ) -> Worth:
        """Hands over what stands as ``decision.json``, with a line in the diary, and returns what it is worth.

        beside, remarks: for :meth:`kaggle_utils.tasks.decisions.Worth.of`; comment: for the diary
        The baseline alone lies beside it as ``baseline.json``, to be submitted before anything clever.
        """
        if choice.name != choice.baseline:
            self._hand_over("baseline", choice.before, comment=comment)
            return self._hand_over("decision", choice, beside, remarks, comment)
        worth = self._hand_over("decision", choice, beside, remarks, comment)
        with replacing(self.output / "baseline.json") as partial:
            shutil.copy2(self.output / "decision.json", partial)
        return worth

    def _hand_over(
        self, name: str, choice: Choice, beside: Mapping[str, Any] | None = None, remarks: Sequence[str] = (),
        comment: str = "",
    ) -> Worth:  # fmt: skip
        worth, decision = Worth.of(choice, beside, remarks), choice.candidate.decision
        line = self.close(
            {"decision": choice.name, **decision.told()}, choice.before.candidate.decision.told(), worth.score,
            interval=(worth.low, worth.high), fold_scores=choice.by_part(), comment=comment,
        )  # fmt: skip
        facts = {**self.facts, "run": line["run"], "table": choice.table().to_dict("records")}
        weights = self.runs.fingerprints(decision.sets)
        write_decision(self.output / f"{name}.json", decision.plain(), worth, weights, **facts)
        return worth

    @property
    def trained(self) -> list[Path]:
        """The outputs of 2_train, one or one for each kernel; in 2_train itself those that note what they hold."""
        if self.name != "2_train":
            return runtime.stage_dirs(self.competition.NAME, "2_train", self.variant)
        at_home = runtime.place() == "home"  # on Kaggle the attached ones were taken over when the stage was opened
        there = runtime.stage_dirs(self.competition.NAME, "2_train", self.variant) if at_home else [self.output]
        return [folder for folder in there if (folder / "run.json").is_file()]

    @cached_property
    def runs(self) -> Runs:
        """What 2_train left, in all of its outputs."""
        return read_runs(self.trained, self.sample, self.smoke)

    def decision(self, name: str = "decision") -> tuple[dict[str, Any], Worth, dict[str, Any]]:
        """(the kind's decision, its worth, facts), as 3_decide wrote them; ValueError where it was made from other data.

        name: "decision", what stands, or "baseline", what it was compared with
        """
        if name not in ("decision", "baseline"):
            raise ValueError(f"what is submitted is {name!r}, expected decision or baseline")
        folder = self.output if self.name == "3_decide" else runtime.stage_dir(self.competition.NAME, "3_decide", self.variant)
        return read_decision(folder / f"{name}.json", self.sample, self.smoke)

    def predictor(self, models: str, name: str = "decision") -> Any:
        """What answers items by that decision; models: the "first" fold's, or "all", or those trained on all rows, "full".

        ValueError for weights that the decision was not measured with; those of "full" no figure was measured with.
        """
        decision, _, facts = self.decision(name)
        kind = self.competition.KIND
        predictor = kind.predictor(self.competition, self.runs, decision, self.device, models)
        if models == "full":
            print("weights that were trained on all rows answer: no figure was measured with them")
        self.runs.require_weights(facts["weights"], [fold for fold in predictor.folds if fold in self.runs.folds])
        return predictor

    def note(
        self, members: Mapping[str, Any], jobs: Sequence[Job], scores: pd.DataFrame | None = None, comment: str = ""
    ) -> None:
        """A line in the diary for each member that has judged folds.

        scores: index member, first three columns its score and the interval; None: the mean of its folds' scores
        """
        for name, one in members.items():
            own = [job for job in jobs if job.member == name and job.items]
            if own:
                mean = sum(job.score for job in own) / len(own), None, None
                score, *interval = mean if scores is None else scores.loc[name].tolist()[:3]
                folds, minutes = {job.fold: job.score for job in own}, sum(job.minutes for job in own)
                more = {"fold_scores": folds, "minutes": minutes, "member": name, "comment": comment}
                defaults = self.competition.KIND.parameters({}).plain()
                self.close(one.plain(), defaults, score, interval=None if scores is None else interval, **more)

    def close(self, parameters: Mapping[str, Any], defaults: Mapping[str, Any], score: float, **more: Any) -> dict[str, Any]:
        """Adds a line to the diary and returns it; parameters that differ from their defaults stand in it.

        more: interval, fold_scores, comment, and whatever else is worth a column, see :func:`kaggle_utils.evidence.diary.entry`
        A member that has this very line already, from an earlier run, gets no second one.
        """
        name, about = self.competition.NAME, {"sample": self.sample, "smoke": self.smoke, "data": self.version}
        line = diary.entry(name, self.name, parameters, defaults, score=score, started=self.began, **about, **more)
        same = ("competition", "stage", "changed", "score", "folds", "sample", "smoke", "data", "member")
        for earlier in diary.read(runtime.diary_file()).entries if "member" in more else ():
            if all(earlier.get(name) == line.get(name) for name in same):
                print("in the diary already, as", earlier["run"])
                return earlier
        diary.append(runtime.diary_file(), line)
        print("in the diary as", line["run"])
        return line


def open_stage(competition: str | Competition, name: str, cards: bool = False, smoke: bool = False) -> Stage:
    """A stage of a competition, with its data found and said, and what a killed session left taken over.

    competition: as :func:`kaggle_utils.competitions.find` takes it; name: such as 2_train
    cards: whether it computes on GPUs: they are checked now, in seconds, and not after an hour
    smoke: whether it only shows that everything runs: results are kept apart from others, as those of the sample are
    Raises NotAttached for data that is not there, GpuUnusable for a card whose kernels this torch lacks.
    """
    found = competitions.find(competition)
    files = source.find(found)
    print(files)
    output = runtime.output_dir(found.NAME, name, files.variant(smoke))
    devices = tuple(card.device for card in runtime.check_gpu()) if cards else ()
    taken = restore(found.NAME, name, output)
    if cards:
        print("computing on", *(devices or ("cpu",)))
    if taken:
        print(f"going on with {len(taken)} files of an earlier session")
    return Stage(found, name, files, output, devices or ("cpu",), smoke=smoke)


def restore(competition: str, stage: str, output: Path) -> list[str]:
    """Copy the files of this stage's attached earlier outputs that ``output`` lacks; returns their names.

    What several ``run.json`` note is noted together. At home nothing is copied: a stage finds its own files where it
    left them.
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
            elif str(name) == "run.json":
                carry(path, output)
    return taken
