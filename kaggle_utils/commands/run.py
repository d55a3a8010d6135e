"""``kaggle-utils run reef``: every stage of a competition in order, and what came out of it."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_utils import competitions
from kaggle_utils.platform import leaderboard, runtime, source
from kaggle_utils.platform.parameters import add_set_argument, parse_set
from kaggle_utils.tasks.decisions import summary
from kaggle_utils.tasks.hidden import hidden_truth

if TYPE_CHECKING:
    from kaggle_utils.tasks.competition import Competition


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the sub-command."""
    from kaggle_utils.platform import notebooks

    # without notebooks there is nothing to choose from, and notebook_folder says why
    parser.add_argument("competition", choices=notebooks.competitions() or None, help="whose notebooks")
    parser.add_argument("--input", type=Path, help="the competition's data in Kaggle's layout; without: the built-in sample")
    parser.add_argument("--output", type=Path, help="where results go (default: KAGGLE_UTILS_RUNS, else runs)")
    parser.add_argument("--stage", help="only this one: 1, eda, 2_train, ...")
    add_set_argument(parser)


def run_run(args: argparse.Namespace) -> int:
    """Run the notebooks; raises NotebookFailed (exit code 1) at the first that fails."""
    from kaggle_utils.platform import notebooks

    args.output, values = args.output or runtime.runs_dir(), parse_set(args.set)
    paths = notebooks.stages_of(args.competition, args.stage)
    stages = [path.stem for path in paths]
    notebooks.refuse_unknown(paths, values)
    _environment(args)
    began, pages, files = time.time(), [], source.find(args.competition)
    variant, name = files.variant(bool(values.get("smoke"))), competitions.find(args.competition).NAME
    for number, (stage, path) in enumerate(zip(stages, paths, strict=True), start=1):
        print(f"=== {args.competition} {stage} ({number} of {len(stages)})", flush=True)
        folder = runtime.output_dir(name, stage, variant)
        pages.append(notebooks.execute(path, folder, notebooks.known_values(path, values)))
    print(f"\n{args.competition}: {len(stages)} stage(s) in {(time.time() - began) / 60:.1f} minutes")
    for line in _summary(files, competitions.find(args.competition), args.output / f"{name}{variant}", stages):
        print("  " + line)
    print("  notebooks:     " + "\n                 ".join(str(_from_here(page)) for page in pages))
    return 0


def _summary(files: source.Source, competition: Competition, folder: Path, stages: Sequence[str]) -> list[str]:
    """What the stages, whose results lie in that folder, came to, as the competition tells it."""
    known = "4_submit" in stages and files.hidden and hidden_truth(files.hidden)
    test = competition.hidden(files.hidden) if known else None
    return summary(competition, _from_here(folder), test, stages, leaderboard.medals(competition))


def _from_here(path: Path) -> Path:
    """The path relative to the working folder where it lies below it, else as it is."""
    path = path.absolute()
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _environment(args: argparse.Namespace) -> None:
    """What the notebooks' kernels must know; they run in processes of their own."""
    os.environ["KAGGLE_UTILS_RUNS"] = str(args.output.absolute())
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch's threads spin else, and two programs stall each other
    os.environ.setdefault("TQDM_MININTERVAL", "2")  # a line in a log is no bar
    os.environ.setdefault("PYTHONWARNINGS", "ignore:IProgress not found")  # no widgets are wanted on a page
    given = args.input or os.environ.get("KAGGLE_UTILS_INPUT")
    if given and not Path(given).is_dir():
        raise ValueError(f"{'--input' if args.input else 'KAGGLE_UTILS_INPUT'} is {str(given)!r}, expected a folder")
    if given:
        os.environ["KAGGLE_UTILS_INPUT"] = str(Path(given).absolute())
