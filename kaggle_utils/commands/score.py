"""``kaggle-utils score <competition> --truth train.csv --predictions preds.csv [--json]``."""

from __future__ import annotations

import argparse
import inspect
from pathlib import Path
from typing import Any

from kaggle_utils import competitions
from kaggle_utils.platform import leaderboard, source


def add_score_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the sub-command; those of one competition only are what its ``score_files`` takes besides."""
    parser.add_argument("competition", help=f"whose metric: {', '.join(competitions.known())}, or module:object of your own")
    parser.add_argument("--truth", type=Path, required=True, help="a table like train.csv")
    parser.add_argument("--predictions", type=Path, required=True, help="a table of predictions, or a submission")
    parser.add_argument("--json", action="store_true", help="print one line of JSON with every breakdown")
    parser.epilog = _all_options()
    parser.set_defaults(rest=[])  # is read when it is known whose score it is


def _all_options() -> str:
    """What the competitions of this package take besides."""
    known = map(competitions.find, competitions.known())
    lines = (f"{_flag(name)} ({c.NAME}): {what}" for c in known for name, what in c.SCORE_OPTIONS.items())
    return "Besides, at the end: " + "; ".join(lines)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _shape(text: str) -> tuple[int, int]:
    """
    >>> _shape("1400x2100")
    (1400, 2100)
    """
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise argparse.ArgumentTypeError(f"{text!r} is no shape, expected height x width in pixels, as 1400x2100")
    return int(height), int(width)


def _options(competition: Any, given: list[str]) -> dict[str, Any]:
    """Keywords of ``score_files`` from the rest of the command line: a flag where the default is False, else a shape."""
    parser = argparse.ArgumentParser(prog=f"kaggle-utils score {competition.NAME}", argument_default=argparse.SUPPRESS)
    parameters = inspect.signature(competition.score_files).parameters
    for name, what in competition.SCORE_OPTIONS.items():
        how = {"action": "store_true"} if parameters[name].default is False else {"type": _shape, "metavar": "HxW"}
        parser.add_argument(_flag(name), help=what, **how)
    return vars(parser.parse_args(given))


def run_score(args: argparse.Namespace) -> int:
    """Print the score, and unless the truth is a sample's where it would stand; 0, or ValueError for tables that do not fit."""
    competition = competitions.find(args.competition)
    card = competition.score_files(args.truth, args.predictions, **_options(competition, args.rest))
    if args.json:
        print(card.to_json())
        return 0
    medals = leaderboard.medals(competition)
    placed = medals and not source.Source(args.truth.parent).synthetic
    print(card, *(medals.lines(card.score) if placed else ()), sep="\n")
    return 0
