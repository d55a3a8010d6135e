"""``kaggle-utils score reef --truth train.csv --predictions preds.csv [--json]``."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

__all__ = ["add_score_arguments", "run_score"]


def add_score_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the sub-command."""
    parser.add_argument("competition", choices=["reef"], help="whose metric")
    parser.add_argument("--truth", type=Path, required=True, help="a table like train.csv")
    parser.add_argument("--predictions", type=Path, required=True, help="a table of image_id, annotations")
    parser.add_argument("--plus-one", action="store_true", help="IoU where a box from 3 to 3 is one pixel wide")
    parser.add_argument("--json", action="store_true", help="print one line of JSON with every breakdown")


def run_score(args: argparse.Namespace) -> int:
    """Print the score; 0, or ValueError for tables that do not fit."""
    competition = import_module(f"kaggle_utils.competitions.{args.competition}")
    card = competition.score_files(args.truth, args.predictions, plus_one=args.plus_one)
    print(card.to_json() if args.json else card)
    return 0
