"""A training, tried at home for a minute: will it end within its session, its card and the week's hours?

The training notebook runs as it is, at its real parameters, for three epochs of a fold or two on a few
images. What an image costs then, times the images there are, gives the hours, and what was written the
output. A competition says how in ``competitions/<name>_training_cost.py``, with
:mod:`kaggle_utils.tasks.training_cost`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from kaggle_utils.platform.parameters import defaults, inject
from kaggle_utils.platform.push.quota import Quota
from kaggle_utils.platform.rehearsal.attachments import competition_mounts
from kaggle_utils.platform.rehearsal.projection import gigabytes
from kaggle_utils.platform.rehearsal.session import Run, Session, run_notebook
from kaggle_utils.platform.rehearsal.session_faults import Finding, findings
from kaggle_utils.platform.rehearsal.submission import Rehearsal
from kaggle_utils.platform.runtime import Limits
from kaggle_utils.tasks.training_cost import TRIAL_EPOCHS, Hours, Sizes

__all__ = ["UNLIKE", "Trial", "TrainingReport", "rehearse_training", "training_findings"]

UNLIKE = "; but this machine lacks the GPU that the kernel asks for"


@dataclass(frozen=True)
class Trial:
    """How to try a training.

    costs: the competition's module of training costs; values: overrides of the notebook's parameters
    folds: the table of folds that an earlier stage wrote; images: how many to try on
    full: fold -> sizes of the whole training; None: those of the competition's folder
    """

    costs: Any
    values: Mapping[str, Any]
    folds: Path
    images: int
    full: Mapping[int, Sizes] | None = None


@dataclass(frozen=True)
class TrainingReport:
    """What a trial came to.

    run: of the trial; tried: fold -> its images
    hours, output ({kind: bytes}), costs (in words) and images (that an epoch trains on at most): of the whole
    training, None and nothing if the trial failed
    """

    run: Run
    tried: Mapping[int, Sizes]
    findings: tuple[Finding, ...]
    images: int = 0
    hours: Hours | None = None
    output: Mapping[str, float] | None = None
    costs: tuple[str, ...] = ()


def rehearse_training(rehearsal: Rehearsal, trial: Trial) -> TrainingReport:
    """Runs the trial and projects it on the folds that the notebook is set to train."""
    costs = trial.costs
    settings = {**defaults(rehearsal.notebook), **trial.values}
    parameters = costs.parameters_of(settings)
    full = _chosen(trial.full or costs.fold_sizes(rehearsal.folder, trial.folds, parameters), settings)
    with tempfile.TemporaryDirectory(prefix="kaggle-rehearsal-") as name:
        few = Path(name, "few")
        sizes = costs.write_trial(rehearsal.folder, trial.folds, few, trial.images, parameters)
        tried = dict(islice(sizes.items(), costs.TRIAL_FOLDS))
        values = {**trial.values, **costs.trial_values(parameters, list(tried))}
        mounts = {**rehearsal.mounts, **competition_mounts(rehearsal.contest.SLUG, rehearsal.folder, few)}
        session = Session(Path(name, "kaggle"), mounts, rehearsal.how)
        rehearsal.say(_told(tried, rehearsal.contest.UNIT))
        run = run_notebook(session, inject(rehearsal.notebook, values), limits=rehearsal.limits)
    report = TrainingReport(run, tried, tuple(findings(run, rehearsal.limits)))
    if any(finding.fatal for finding in report.findings):
        return report
    return replace(report, **_whole(costs, report, full, parameters))


def _whole(costs: Any, report: TrainingReport, full: Mapping[int, Sizes], parameters: Any) -> dict[str, Any]:
    """What the trial comes to on the whole training, as the report's fields."""
    written = [(note["time"], note["path"]) for note in report.run.noted("written")]
    cost = costs.measured(written, report.run.seconds, report.tried, parameters)
    return {
        "hours": costs.training_hours(cost, full, parameters),
        "output": costs.training_output(report.run.written, report.tried, full),
        "costs": tuple(costs.cost_lines(cost, full)),
        "images": max(size.train for size in full.values()),
    }


def _told(tried: Mapping[int, Sizes], unit: str) -> str:
    parts = (f"{size.train} {unit}s, {size.valid} to predict" for size in tried.values())
    return f"{TRIAL_EPOCHS} epochs on {', then on '.join(parts)}"


def _chosen(full: Mapping[int, Sizes], settings: Mapping[str, Any]) -> dict[int, Sizes]:
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
    found, total, output = [], report.hours.total, sum(report.output.values())
    unlike = "" if like_kaggle else UNLIKE
    if total > limits.hours:
        slow = f"too slow: {total:.1f} h, a session has {limits.hours:g} h; {_way_out(report.hours, limits)}{unlike}"
        found.append(Finding(slow, like_kaggle))
    if total > quota.hours:
        slow = f"too slow: {total:.1f} GPU hours, {quota}{unlike}"
        found.append(Finding(slow, like_kaggle and quota.why is None))
    if output > limits.output:
        found.append(Finding(f"too much output: {gigabytes(output)} in all, Kaggle keeps {gigabytes(limits.output)}"))
    if not report.run.gpu:
        untried = f"no GPU was used here: whether {gigabytes(limits.card)} of a card are enough is not tried"
        found.append(Finding(untried, fatal=False))
    return found


def _way_out(hours: Hours, limits: Limits) -> str:
    if len(hours.folds) > 1 and hours.longest <= limits.hours:
        return "a kernel for each fold (`kaggle-utils push ... --set fold=0..4`) has a session each"
    return "take fewer epochs, fewer pixels or a smaller model"
