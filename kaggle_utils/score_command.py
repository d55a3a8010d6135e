"""``kaggle-utils score reef --truth train.csv --predictions preds.csv [--json]``, and other competitions."""

from __future__ import annotations

import argparse
from importlib import import_module
from inspect import signature
from pathlib import Path

from kaggle_utils import competitions

__all__ = ["add_score_arguments", "run_score", "scored_competitions"]


def add_score_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the sub-command."""
    parser.add_argument("competition", choices=scored_competitions(), help="whose metric")
    parser.add_argument("--truth", type=Path, required=True, help="a table like train.csv")
    parser.add_argument("--predictions", type=Path, required=True, help="a table of image_id, annotations (reef), or a submission (clouds)")
    parser.add_argument("--plus-one", action="store_true", help="reef: IoU where a box from 3 to 3 is one pixel wide")
    parser.add_argument("--json", action="store_true", help="print one line of JSON with every breakdown")


def scored_competitions() -> list[str]:
    """Names of the modules of kaggle_utils.competitions that define ``score_files``; none is imported for it.

    >>> scored_competitions()
    ['clouds', 'reef']
    """
    (folder,) = competitions.__path__
    return sorted(path.stem for path in Path(folder).glob("*.py") if "\ndef score_files(" in path.read_text())


def run_score(args: argparse.Namespace) -> int:
    """Print the score; 0, or ValueError for tables that do not fit."""
    competition = import_module(f"kaggle_utils.competitions.{args.competition}")
    how = {"plus_one": args.plus_one} if "plus_one" in signature(competition.score_files).parameters else {}
    if args.plus_one and not how:
        raise ValueError(f"--plus-one is about boxes, and {args.competition} has masks")
    card = competition.score_files(args.truth, args.predictions, **how)
    print(card.to_json() if args.json else card)
    return 0
