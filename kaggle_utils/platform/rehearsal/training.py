"""A training, tried at home for a minute: will it end within its session, its card and the week's hours?

The training notebook runs as it is, at its real parameters, for a few epochs of one fold on a few items
(:data:`EPOCHS`). What it noted of its own costs, times the items there are, is the whole training
(:mod:`kaggle_utils.tasks.cost`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kaggle_utils.learning.parameters import INJECTED
from kaggle_utils.platform.parameters import defaults, inject
from kaggle_utils.platform.rehearsal.attachments import competition_mounts
from kaggle_utils.platform.rehearsal.projection import gigabytes
from kaggle_utils.platform.rehearsal.quota import Quota
from kaggle_utils.platform.rehearsal.session import Run, Session, run_notebook
from kaggle_utils.platform.rehearsal.session_faults import Finding, findings
from kaggle_utils.platform.rehearsal.submission import Rehearsal
from kaggle_utils.platform.runtime import Limits
from kaggle_utils.tasks.competition import FoldSize
from kaggle_utils.tasks.cost import ModelCost, TrainingCost, read_costs
from kaggle_utils.tasks.jobs import chosen_folds
from kaggle_utils.tasks.runs import ALL_ROWS, read_folds

EPOCHS = 3  # the first warms up
UNLIKE = "; but this machine lacks the GPU that the kernel asks for"


@dataclass(frozen=True)
class TrainingReport:
    """What a trial came to.

    run: of the trial; tried: how many items it had; cost: of the whole training, None if the trial failed
    """

    run: Run
    tried: FoldSize
    findings: tuple[Finding, ...]
    cost: TrainingCost | None = None


def rehearse_training(
    rehearsal: Rehearsal, chosen: Mapping[str, Any], folds: Path, n: int, full: Mapping[int, FoldSize] | None = None
) -> TrainingReport:
    """Runs a trial and projects it on the folds that the notebook is set to train.

    chosen: overrides of the notebook's parameters; folds: the table of folds that an earlier stage wrote
    n: items to try on; full: fold -> sizes of the whole training, None: those of the competition's folder
    """
    competition = rehearsal.contest
    settings = {**defaults(rehearsal.notebook), **chosen}
    preset = competition.SMOKE if settings.get("smoke") else {}
    parameters = next(iter(competition.KIND.members({**settings, INJECTED: tuple(chosen)}, preset).values()))
    items = competition.load(rehearsal.folder).present()
    fold_of_item = read_folds(folds, items.table[competition.KEY])["fold"].to_numpy()
    folds_here = chosen_folds(fold_of_item)
    sizes = full or {one: competition.KIND.fold_size(items, fold_of_item, one, parameters) for one in folds_here}
    wanted = chosen_folds(sizes, settings.get("fold"), settings.get("folds"))
    if settings.get("full"):
        whole = FoldSize(max(one.train + one.valid for one in sizes.values()), 0)
        wanted, sizes = [*wanted, ALL_ROWS], {**sizes, ALL_ROWS: whole}
    fold = folds_here[0]
    rows = _some(items.filled, fold_of_item == fold, n)
    tried = FoldSize(int((fold_of_item[rows] != fold).sum()), int((fold_of_item[rows] == fold).sum()))
    with tempfile.TemporaryDirectory(prefix="kaggle-rehearsal-") as name:
        few = Path(name, "few")
        few.mkdir()
        competition.lay_out(items.take(rows), few, test=False)
        mounts = {**rehearsal.mounts, **competition_mounts(competition.SLUG, rehearsal.folder, few)}
        session = Session(Path(name, "kaggle"), mounts, rehearsal.how)
        rehearsal.say(f"{EPOCHS} epochs on {tried.train} {competition.UNIT}s, {tried.valid} to predict")
        values = {**chosen, "trial": EPOCHS, "fold": fold, "folds": None, **({"full": False} if "full" in settings else {})}
        run = run_notebook(session, inject(rehearsal.notebook, values), limits=rehearsal.limits)
        models = tuple(read_costs(session.working))
    report = TrainingReport(run, tried, tuple(findings(run, rehearsal.limits)))
    if any(finding.fatal for finding in report.findings):
        return report
    return replace(report, cost=_whole(models, run, tried, {one: sizes[one] for one in wanted}))


def _some(filled: np.ndarray, judged: np.ndarray, n: int) -> np.ndarray:
    """Row numbers of n items, a quarter of them to be judged, half of each side with something to find.

    filled, judged: (N,) bool

    >>> _some(np.array([True, False] * 8), np.arange(16) < 8, n=8).tolist()
    [0, 1, 8, 9, 10, 11, 12, 13]
    """
    chosen: list[int] = []
    for side, share in ((judged, max(2, n // 4)), (~judged, n - max(2, n // 4))):
        with_truth, without = np.flatnonzero(side & filled), np.flatnonzero(side & ~filled)
        half = max(1, share // 2)
        chosen += [*with_truth[:half], *without, *with_truth[half:]][:share]
    return np.sort(np.array(chosen, dtype=int))


def _whole(models: tuple[ModelCost, ...], run: Run, tried: FoldSize, sizes: Mapping[int, FoldSize]) -> TrainingCost:
    """What the models cost on all items; what of the trial they do not explain is spent once, too."""
    of_the_trial = TrainingCost(tuple(replace(model, epochs=EPOCHS, judgings=EPOCHS) for model in models), {0: tried})
    return TrainingCost(models, sizes, max(0.0, run.seconds - 3600 * of_the_trial.total))


def training_findings(report: TrainingReport, limits: Limits, quota: Quota, like_kaggle: bool) -> list[Finding]:
    """Too long for the session or the week, too much output; notes where this machine cannot tell."""
    if report.cost is None:
        return []
    found, total, output = [], report.cost.total, sum(report.cost.output.values())
    unlike = "" if like_kaggle else UNLIKE
    if total > limits.hours:
        slow = f"too slow: {total:.1f} h, a session has {limits.hours:g} h; {_way_out(report.cost, limits)}{unlike}"
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


def _way_out(cost: TrainingCost, limits: Limits) -> str:
    if len(cost.sizes) > 1 and cost.longest <= limits.hours:
        return "a kernel for each fold (`kaggle-utils push ... --set fold=0..4`) has a session each"
    return "take fewer epochs, fewer pixels or a smaller model"
