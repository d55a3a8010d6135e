"""``kaggle-utils rehearse reef-4-submit``: would this notebook live through its session on Kaggle?

A submission is rehearsed as the rerun (:mod:`kaggle_utils.platform.rehearsal.submission`), a training on a few
images (:mod:`kaggle_utils.platform.rehearsal.training`), any other stage once from its first cell to its last.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from kaggle_utils import competitions
from kaggle_utils.files import replacing
from kaggle_utils.platform import runtime, source
from kaggle_utils.platform.kernels import chain
from kaggle_utils.platform.parameters import add_set_argument, fan_out, fanned, inject
from kaggle_utils.platform.rehearsal import quota, sandbox
from kaggle_utils.platform.rehearsal import report as report_lines
from kaggle_utils.platform.rehearsal.attachments import Attachments, attachments, competition_mounts
from kaggle_utils.platform.rehearsal.session import Run, Session, run_notebook
from kaggle_utils.platform.rehearsal.session_faults import Finding, findings
from kaggle_utils.platform.rehearsal.submission import Rehearsal, rehearse_submission
from kaggle_utils.platform.rehearsal.training import rehearse_training, training_findings
from kaggle_utils.platform.signals import signals_as_exits
from kaggle_utils.tasks.competition import SUBMISSION, Competition
from kaggle_utils.tasks.hidden import HiddenTest, hidden_truth
from kaggle_utils.tasks.runs import read_runs
from kaggle_utils.tasks.submission import held_out

TRIAL_ITEMS = {True: 400, False: 20}  # with and without a GPU


def add_rehearse_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what :func:`run_rehearse` reads."""
    add = parser.add_argument
    add("kernel", help="a folder of kernels, such as COMPETITION-4-submit or COMPETITION-2-train")
    add("--input", type=Path, help="the competition's data in Kaggle's layout; without: the built-in sample")
    add("--hidden", type=Path, help="the hidden test to swap in; without: the sample's, or frames kept out of a fold")
    add("--runs", type=Path, help="where earlier stages left their outputs (default: KAGGLE_UTILS_RUNS, else runs)")
    add("--items", type=_count, default=120, help="how many items of the hidden test to run (default: 120)")
    add("--frames", type=_count, help="how many images to try a training on (default: 400 with a GPU, 20 without)")
    add("--dataset", action="append", default=[], metavar="SLUG=DIR", help="what lies in a dataset that the kernel takes")
    add_set_argument(parser)
    add("--kernels", type=Path, help="folder of the kernels; default: kernels")


def _count(text: str) -> int:
    """A number of items that a run can be made of."""
    if not text.strip().isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of items, expected 1 or more")
    return int(text)


def run_rehearse(args: argparse.Namespace) -> int:
    """Rehearses; 0 when nothing is wrong, 1 with the faults printed."""
    args.runs = args.runs or runtime.runs_dir()
    os.environ["KAGGLE_UTILS_RUNS"] = str(args.runs.absolute())
    root = chain.kernels_root(args.kernels)
    stage = chain.stage(args.kernel, root)
    content = chain.check(stage, root)
    contest = competitions.find(stage.competition)
    folder, how = _competition(args, contest), sandbox.mechanism()
    variant = source.Source(folder, args.input is None).variant(bool(_overrides(args.set).get("smoke")))
    attached = attachments(stage, root, content, _datasets(args.dataset), variant)
    notebook = json.loads((stage.folder / content["code_file"]).read_text(encoding="utf-8"))
    print(f"rehearsal of {stage.name} in {report_lines.surroundings(how)}", flush=True)
    say = partial(print, "  ...", flush=True)
    rehearsal = Rehearsal(notebook, contest, folder, attached.mounts, how, runtime.Limits(), say)
    like_kaggle = not content.get("enable_gpu") or bool(runtime.gpus())
    play = {"submit": _submission, "train": _training}.get(stage.title, _once)
    with signals_as_exits():
        lines, found, run, submission = play(args, rehearsal, attached, like_kaggle)
    lines.append(_kept(args.runs / "rehearsals" / stage.name, submission, run.log))
    return _verdict(lines, [*attached.findings, *found])


def _verdict(lines: Sequence[str], found: Sequence[Finding]) -> int:
    for line in [*lines, *map(str, found)]:
        print(f"  {line}")
    faults = sum(finding.fatal for finding in found)
    print(f"{faults} fault{'s' * (faults != 1)}" if faults else "sound: nothing was found that would fail on Kaggle")
    return 1 if faults else 0


Outcome = tuple[list[str], list[Finding], Run, str | None]  # what is printed, the run that is kept, its submission


def _submission(args: argparse.Namespace, plan: Rehearsal, attached: Attachments, like: bool) -> Outcome:
    limits = runtime.Limits.rerun() if plan.contest.CODE else runtime.Limits()
    plan = replace(plan, notebook=inject(plan.notebook, _overrides(args.set)), limits=limits)
    report = rehearse_submission(plan, _hidden(args, plan, attached))
    lines = report_lines.submission_lines(report, plan.contest, limits)
    found = [*report.findings, *report_lines.projection_findings(report, plan.contest, limits, like)]
    return lines, found, report.run, report.submission


def _training(args: argparse.Namespace, plan: Rehearsal, attached: Attachments, like: bool) -> Outcome:
    folds = _left(attached, plan.contest.NAME, "1_eda")[0] / "folds.csv"
    items = args.frames or TRIAL_ITEMS[bool(runtime.gpus())]
    full = None if args.input else plan.contest.FULL
    report = rehearse_training(plan, _overrides(args.set), folds, items, full)
    left = quota.gpu_quota()
    lines = report_lines.training_lines(report, plan.contest.UNIT, plan.limits, left)
    return lines, [*report.findings, *training_findings(report, plan.limits, left, like)], report.run, None


def _once(args: argparse.Namespace, plan: Rehearsal, attached: Attachments, like: bool) -> Outcome:
    mounts = {**plan.mounts, **competition_mounts(plan.contest.SLUG, plan.folder)}
    with tempfile.TemporaryDirectory(prefix="kaggle-rehearsal-") as name:
        run = run_notebook(Session(Path(name, "kaggle"), mounts, plan.how), inject(plan.notebook, _overrides(args.set)))
    return report_lines.run_lines(run, plan.limits), findings(run, plan.limits), run, None


def _datasets(texts: list[str]) -> dict[str, Path]:
    found = {}
    for text in texts:
        slug, equals, folder = text.partition("=")
        if not equals or not Path(folder).is_dir():
            raise ValueError(f"--dataset is {text!r}, expected SLUG=DIR with a folder that exists")
        found[slug] = Path(folder)
    return found


def _competition(args: argparse.Namespace, contest: Competition) -> Path:
    """The competition's folder: below --input, that folder itself, or the built-in sample."""
    if args.input is None:
        return source.sample(contest).folder
    places = (args.input / "competitions" / contest.SLUG, args.input / contest.SLUG, args.input)
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        raise ValueError(f"--input is {str(args.input)!r}, expected a folder")
    return found


def _hidden(args: argparse.Namespace, plan: Rehearsal, attached: Attachments) -> HiddenTest:
    """The test to swap in: the one given, the sample's, or training items that the first fold has not seen."""
    contest, folder = plan.contest, args.hidden
    if folder is None and args.input is not None:
        runs = read_runs(_left(attached, contest.NAME, "2_train"))
        return HiddenTest(contest, held_out(contest, contest.load(plan.folder).present(), runs)).some(args.items)
    folder = folder or source.sample(contest).hidden
    return HiddenTest(contest, contest.hidden(folder), hidden_truth(folder) is not None).some(args.items)


def _left(attached: Attachments, competition: str, stage: str) -> list[Path]:
    """What a stage left here, attached to this kernel or not: to choose items by, the notebook does not see it."""
    return attached.stages.get(stage) or runtime.stage_dirs(competition, stage, attached.variant)


def _overrides(texts: Sequence[str]) -> dict[str, object]:
    """The parameters of one kernel; ValueError for those of several."""
    kernels = fan_out(texts)
    if len(kernels) > 1:
        one = " ".join(f"{name}={kernels[0][name]}" for name in fanned(texts))
        raise ValueError(f"{' '.join(texts)} makes {len(kernels)} kernels: rehearse one of them, such as --set {one}")
    return kernels[0]


def _kept(folder: Path, submission: str | None, log: str) -> str:
    """Keeps the submission and the log of the (first) run, to look at."""
    for name, text in ((SUBMISSION, submission), ("log.txt", log)):
        if text is not None:
            with replacing(folder / name) as partial:
                partial.write_text(text, encoding="utf-8")
    return f"kept:        {folder}"
