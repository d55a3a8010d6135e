"""``kaggle-utils score reef --truth train.csv --predictions preds.csv [--json]``, and other competitions."""

from __future__ import annotations

import argparse
from importlib import import_module
from inspect import signature
from pathlib import Path

from kaggle_utils import competitions

__all__ = ["add_score_arguments", "run_score", "scored_competitions"]

_OPTIONS = {"plus_one": "boxes", "truth_shape": "masks"}  # what only some competitions' score_files takes, and why


def add_score_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the sub-command."""
    parser.add_argument("competition", choices=scored_competitions(), help="whose metric")
    parser.add_argument("--truth", type=Path, required=True, help="a table like train.csv")
    answers = "a table of image_id, annotations (reef), or a submission (clouds)"
    parser.add_argument("--predictions", type=Path, required=True, help=answers)
    parser.add_argument("--plus-one", action="store_true", help="reef: IoU where a box from 3 to 3 is one pixel wide")
    size = "clouds: height and width of the truth's run lengths; default: 350x525 unless they reach further, then 1400x2100"
    parser.add_argument("--truth-shape", type=_shape, metavar="HxW", help=size)
    parser.add_argument("--json", action="store_true", help="print one line of JSON with every breakdown")


def _shape(text: str) -> tuple[int, int]:
    """
    >>> _shape("1400x2100")
    (1400, 2100)
    """
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise argparse.ArgumentTypeError(f"{text!r} is no shape, expected height x width in pixels, as 1400x2100")
    return int(height), int(width)


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
    how = {name: value for name in _OPTIONS if (value := getattr(args, name))}
    for name in how.keys() - signature(competition.score_files).parameters.keys():
        raise ValueError(f"--{name.replace('_', '-')} is about {_OPTIONS[name]}, and {args.competition} has none")
    card = competition.score_files(args.truth, args.predictions, **how)
    print(card.to_json() if args.json else card)
    return 0
