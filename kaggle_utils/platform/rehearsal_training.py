"""A training, tried at home for a minute: will it end within its session, its card and the week's hours?

The training notebook runs as it is, at its real parameters, for three epochs of one fold on a few
frames of every sequence. What a frame costs then, times the frames there are, gives the hours. A
competition says how in ``competitions/<name>_training_cost.py``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kaggle_utils.platform.attachments import competition_mounts
from kaggle_utils.platform.parameters import defaults, inject
from kaggle_utils.platform.projection import Limits, gigabytes, output_of_folds
from kaggle_utils.platform.quota import Quota
from kaggle_utils.platform.rehearsal import Rehearsal
from kaggle_utils.platform.session import Run, Session, run_notebook
from kaggle_utils.platform.session_faults import Finding, findings

__all__ = ["UNLIKE", "Trial", "TrainingReport", "rehearse_training", "training_findings"]

UNLIKE = "; but this machine lacks the GPU that the kernel asks for"


@dataclass(frozen=True)
class Trial:
    """How to try a training.

    costs: the competition's module of training costs; values: overrides of the notebook's parameters
    folds: the table of folds that an earlier stage wrote; frames: how many to try on
    full: fold -> sizes of the whole training; None: those of the competition's folder
    """

    costs: Any
    values: Mapping[str, Any]
    folds: Path
    frames: int
    full: Mapping[int, Any] | None = None


@dataclass(frozen=True)
class TrainingReport:
    """run: of the trial; hours: fold -> hours of a session of its own; output: bytes of all folds; None if it failed."""

    run: Run
    trained: int
    hours: Mapping[int, float] | None
    output: float | None
    findings: tuple[Finding, ...]


def rehearse_training(rehearsal: Rehearsal, trial: Trial) -> TrainingReport:
    """Runs the trial and projects it on the folds that the notebook is set to train."""
    costs = trial.costs
    settings = {**defaults(rehearsal.notebook), **trial.values}
    parameters = costs.parameters_of(settings)
    full = _chosen(trial.full or costs.fold_sizes(rehearsal.folder, trial.folds, parameters), settings)
    with tempfile.TemporaryDirectory(prefix="kaggle-rehearsal-") as name:
        few = Path(name, "few")
        costs.write_trial(rehearsal.folder, few, trial.frames)
        sizes = costs.fold_sizes(few, trial.folds, parameters)
        fold = next(iter(sizes))
        values = {**trial.values, **costs.trial_values(parameters, fold)}
        mounts = {**rehearsal.mounts, **competition_mounts(rehearsal.contest.SLUG, rehearsal.folder, few)}
        session = Session(Path(name, "kaggle"), mounts, rehearsal.how)
        rehearsal.say(f"{costs.TRIAL_EPOCHS} epochs on {sizes[fold].train} frames, {sizes[fold].valid} to predict")
        run = run_notebook(session, inject(rehearsal.notebook, values), limits=rehearsal.limits)
    found = tuple(findings(run, rehearsal.limits))
    if any(finding.fatal for finding in found):
        return TrainingReport(run, sizes[fold].train, None, None, found)
    written = [(note["time"], note["path"]) for note in run.noted("written")]
    hours = costs.training_hours(costs.measured(written, run.seconds, sizes[fold], parameters), full, parameters)
    growth = sum(size.valid for size in full.values()) / len(full) / sizes[fold].valid
    return TrainingReport(run, sizes[fold].train, hours, output_of_folds(run.written, len(full), growth), found)


def _chosen(full: Mapping[int, Any], settings: Mapping[str, Any]) -> dict[int, Any]:
    """Those folds that the notebook's ``fold`` or ``folds`` name; all without."""
    one, several = settings.get("fold"), settings.get("folds")
    wanted = [one] if one is not None else several if several is not None else list(full)
    missing = [fold for fold in wanted if fold not in full]
    if missing:
        raise ValueError(f"fold {missing[0]!r} is to be trained, but the folds are {list(full)}")
    return {fold: full[fold] for fold in wanted}


def training_findings(report: TrainingReport, limits: Limits, quota: Quota, like_kaggle: bool) -> list[Finding]:
    """Too long for the session or the week, too much output; notes where this machine cannot tell."""
    if report.hours is None or report.output is None:
        return []
    found, total = [], sum(report.hours.values())
    unlike = "" if like_kaggle else UNLIKE
    if total > limits.hours:
        slow = f"too slow: {total:.1f} h, a session has {limits.hours:g} h; {_way_out(len(report.hours))}{unlike}"
        found.append(Finding(slow, like_kaggle))
    if total > quota.hours:
        slow = f"too slow: {total:.1f} GPU hours, {quota}{unlike}"
        found.append(Finding(slow, like_kaggle and quota.why is None))
    if report.output > limits.output:
        much = f"{gigabytes(report.output)} in all, Kaggle keeps {gigabytes(limits.output)}"
        found.append(Finding(f"too much output: {much}"))
    if not report.run.gpu:
        untried = f"no GPU was used here: whether {gigabytes(limits.card)} of a card are enough is not tried"
        found.append(Finding(untried, fatal=False))
    return found


def _way_out(folds: int) -> str:
    if folds > 1:
        return "a kernel for each fold (`kaggle-utils push ... --set fold=0..4`) has a session each"
    return "take fewer epochs or pixels, or stop with hours=N"
