"""``kaggle-utils diary``: the experiments as a table, and home score against leaderboard."""

from __future__ import annotations

import argparse
from pathlib import Path

from kaggle_utils.evidence import diary


def add_diary_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the sub-command."""
    parser.add_argument("diary", nargs="?", type=Path, default=Path("runs/diary.jsonl"), help="default: runs/diary.jsonl")
    parser.add_argument("--competition", help="only its runs")
    parser.add_argument("--stage", help="only this stage's runs, e.g. 2_train")
    parser.add_argument("--score", nargs=3, metavar=("RUN", "PUBLIC", "PRIVATE"), help="a leaderboard score, - for unknown")
    parser.add_argument("--submissions", type=Path, help="take scores from `kaggle competitions submissions --csv`, saved here")
    parser.add_argument("--plot", type=Path, help="write home score against leaderboard to this PNG")


def run_diary(args: argparse.Namespace) -> int:
    """Print the table; ValueError for a diary that is not there or a run it has not."""
    if not args.diary.is_file():
        raise FileNotFoundError(f"no diary at {args.diary}; `kaggle-utils run` and the notebooks write one")
    if args.score:
        run, *scores = args.score
        public, private = (None if score == "-" else float(score) for score in scores)
        diary.set_leaderboard(args.diary, run, public, private)
    if args.submissions:
        print("scores read for:", ", ".join(diary.read_submissions(args.diary, args.submissions)) or "no run")
    book = diary.read(args.diary)
    entries = [e for e in book.entries if _wanted(e, args)]
    print(diary.markdown(entries))
    for line in book.unreadable:
        print(f"not readable, left out: {line}")
    if args.plot:
        _plot(entries, args.plot)
    return 0


def _wanted(entry: dict, args: argparse.Namespace) -> bool:
    return all(getattr(args, key) in (None, entry.get(key)) for key in ("competition", "stage"))


def _plot(entries: list[dict], path: Path) -> None:
    from kaggle_utils.files import replacing
    from kaggle_utils.pictures.curves import plot_against_leaderboard

    with replacing(path) as partial:
        plot_against_leaderboard(entries).savefig(partial, dpi=120)
    print(f"plot: {path}")
