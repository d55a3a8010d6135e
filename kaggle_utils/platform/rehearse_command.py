"""``kaggle-utils rehearse reef-4-submit``: would this notebook live through its session on Kaggle?"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from kaggle_utils.files import replacing
from kaggle_utils.platform import chain, runtime, sandbox
from kaggle_utils.platform.attachments import attachments
from kaggle_utils.platform.parameters import inject, parse_set
from kaggle_utils.platform.projection import Limits
from kaggle_utils.platform.rehearsal import Rehearsal, rehearse_submission
from kaggle_utils.platform.rehearsal_report import projected, submission_lines, surroundings
from kaggle_utils.platform.timeseries import frame_paths

__all__ = ["add_rehearse_arguments", "run_rehearse"]


def add_rehearse_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what :func:`run_rehearse` reads."""
    add = parser.add_argument
    add("kernel", help="a folder of kernels, such as reef-4-submit or reef-2-train")
    add("--input", type=Path, help="the competition's data in Kaggle's layout; without: the built-in sample")
    add("--hidden", type=Path, help="a hidden test to swap in; without: the sample's, or training frames kept out of a fold")
    add("--runs", type=Path, default=Path("runs"), help="where earlier stages left their outputs (default: runs)")
    add("--items", type=int, default=120, help="how many items of the hidden test to run (default: 120)")
    add("--dataset", action="append", default=[], metavar="SLUG=DIR", help="what lies in a dataset that the kernel takes")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="override a notebook's parameter")
    add("--kernels", type=Path, help="folder of the kernels; default: kernels")


def run_rehearse(args: argparse.Namespace) -> int:
    """Rehearses; 0 when nothing is wrong, 1 with the faults printed."""
    os.environ["KAGGLE_UTILS_RUNS"] = str(args.runs.absolute())
    root = chain.kernels_root(args.kernels)
    stage = chain.stage(args.kernel, root)
    content = chain.check(stage, root)
    notebook = _notebook(stage.folder / content["code_file"], parse_set(args.set))
    attached = attachments(stage, root, content, _datasets(args.dataset))
    contest = import_module(f"kaggle_utils.competitions.{stage.competition}_rehearsal")
    folder, hidden = _data(args, stage.competition, contest, attached.stages)
    how, limits = sandbox.mechanism(), Limits.rerun()
    print(f"rehearsal of {stage.name} in {surroundings(how)}", flush=True)
    rehearsal = Rehearsal(notebook, contest, folder, attached.mounts, how, limits, lambda line: print(f"  ... {line}", flush=True))
    report = rehearse_submission(rehearsal, hidden)
    like = not content.get("enable_gpu") or bool(runtime.gpus())
    found = [*attached.findings, *report.findings, *projected(report, contest, limits, like)]
    for line in submission_lines(report, contest, limits, found):
        print("  " + line)
    _keep(args.runs / "rehearsals" / stage.name, report.submission, report.run.log)
    return _verdict(found)


def _verdict(found) -> int:
    faults = sum(finding.fatal for finding in found)
    print(f"{faults} fault{'s' * (faults != 1)}" if faults else "sound: nothing was found that would fail on Kaggle")
    return 1 if faults else 0


def _notebook(path: Path, values: Mapping[str, Any]) -> dict:
    return inject(json.loads(path.read_text(encoding="utf-8")), values)


def _datasets(texts: list[str]) -> dict[str, Path]:
    pairs = [text.partition("=") for text in texts]
    wrong = [text for text, (_, equals, folder) in zip(texts, pairs, strict=True) if not (equals and Path(folder).is_dir())]
    if wrong:
        raise ValueError(f"--dataset is {wrong[0]!r}, expected SLUG=DIR with a folder that exists")
    return {slug: Path(folder) for slug, _, folder in pairs}


def _data(args: argparse.Namespace, competition: str, contest: Any, stages: Mapping[str, list[Path]]) -> tuple[Path, Any]:
    """The competition's folder, and the hidden test to swap in."""
    if args.input is None:
        samples = import_module(f"kaggle_utils.competitions.samples.{competition}")
        folder = getattr(samples, f"make_{competition}_sample")(runtime.sample_dir(competition))
        hidden = args.hidden or samples.hidden_folder(folder) / "test_images"
    else:
        places = (args.input / "competitions" / contest.SLUG, args.input / contest.SLUG, args.input)
        folder = next((place for place in places if place.is_dir()), None)
        if folder is None:
            raise ValueError(f"--input is {str(args.input)!r}, expected a folder")
        hidden = args.hidden
    if hidden is None:
        return folder, contest.held_out(folder, stages["2_train"], args.items)
    return folder, contest.hidden_test(hidden, frame_paths(hidden) if contest.SERVED else []).first(args.items)


def _keep(folder: Path, submission: str | None, log: str) -> None:
    """The submission and the log of the run on the whole test, to look at."""
    for name, text in (("submission.csv", submission), ("log.txt", log)):
        if text is not None:
            with replacing(folder / name) as partial:
                partial.write_text(text, encoding="utf-8")
    print(f"  kept:        {folder}")


