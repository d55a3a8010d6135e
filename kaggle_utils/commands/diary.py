"""``kaggle-utils diary``: the experiments as tables or as a page, and home score against leaderboard."""

from __future__ import annotations

import argparse
import os
import shutil
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from kaggle_utils import competitions
from kaggle_utils.evidence import diary
from kaggle_utils.files import replacing
from kaggle_utils.platform import leaderboard, runtime, source

if TYPE_CHECKING:
    import pandas as pd


def add_diary_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the sub-command."""
    parser.add_argument("diary", nargs="?", type=Path, help="default: diary.jsonl in KAGGLE_UTILS_RUNS, else in runs")
    parser.add_argument("--competition", help="only its runs")
    parser.add_argument("--stage", help="only this stage's runs, e.g. 2_train")
    parser.add_argument("--score", nargs=3, metavar=("RUN", "PUBLIC", "PRIVATE"), help="a leaderboard score, - for unknown")
    parser.add_argument("--submissions", type=Path, help="take scores from `kaggle competitions submissions --csv`, saved here")
    parser.add_argument("--medals", action="store_true", help="ask Kaggle, with your credentials, for exact medal lines; kept")
    parser.add_argument("--plot", type=Path, help="write home score against leaderboard to this PNG")
    parser.add_argument("--html", type=Path, help="write all of it as a page with tables that sort")


def run_diary(args: argparse.Namespace) -> int:
    """Print the tables; ValueError for a diary that is not there or a run it has not."""
    path = args.diary or runtime.diary_file()
    if args.score:
        run, *scores = args.score
        public, private = (None if score == "-" else float(score) for score in scores)
        diary.set_leaderboard(path, run, public, private)
    if args.submissions:
        print("scores read for:", ", ".join(diary.read_submissions(path, args.submissions)) or "no run")
    book = diary.read(path)
    if not book.entries and not path.is_file():
        raise FileNotFoundError(f"no diary at {path}; `kaggle-utils run` and the notebooks write one")
    entries = [e for e in book.entries if _wanted(e, args)]
    for (competition, stage), table in diary.tables(entries).items():
        print(f"{competition} {stage}", _text(*table, shutil.get_terminal_size().columns), sep="\n", end="\n\n")
    for line in book.unreadable:
        print(f"not readable, left out: {line}")
    if args.medals:
        for name in sorted({entry["competition"] for entry in entries}):
            print(f"medal lines of {name} kept in", leaderboard.fetch(competitions.find(name)))
    if args.plot or args.html:
        _pictures(entries, path.parent, args)
    return 0


def _wanted(entry: dict, args: argparse.Namespace) -> bool:
    return all(getattr(args, key) in (None, entry.get(key)) for key in ("competition", "stage"))


def _text(table: pd.DataFrame, same: str, width: int) -> str:
    """A table for so many characters; columns that find no place beside the others stand below them."""
    drawn = table.rename_axis(None).to_string(line_width=width, max_colwidth=max(width - 20, 40))
    return "\n".join([*(line.rstrip(" \\") for line in drawn.splitlines()), *textwrap.wrap(same, width)])


def _pictures(entries: list[dict], runs: Path, args: argparse.Namespace) -> None:
    """--plot and --html; the plot is of what was submitted and of real decisions: a training's own score flatters."""
    from kaggle_utils.commands.diary_page import diary_page
    from kaggle_utils.pictures.curves import plot_against_leaderboard

    real = [entry["stage"] == "3_decide" and not entry.get("sample", True) for entry in entries]
    shown = [e for e, decided in zip(entries, real, strict=True) if decided or {"public", "private"} & e.keys()]
    known = {entry["competition"] for entry in shown} & set(competitions.known())
    figure = plot_against_leaderboard(shown, {name: leaderboard.medals(competitions.find(name)) for name in known})
    if args.plot:
        with replacing(args.plot) as partial:
            figure.savefig(partial, dpi=120)
        print(f"plot: {args.plot}")
    if args.html:
        names = dict.fromkeys(e["competition"] + variant for e in entries for variant in source.VARIANTS)
        pages = {name: _pages(runs / name, args.html) for name in names}
        with replacing(args.html) as partial:
            partial.write_text(diary_page(diary.tables(entries), pages, figure if shown else None), encoding="utf-8")
        print(f"page: {args.html}")


def _pages(runs: Path, html: Path) -> dict[str, str]:
    """The pages that a competition's stages left, by the names of their folders, as links from another page."""
    found = sorted(path for path in runs.glob("*_*/*.html") if not path.stem.endswith("-failed"))
    return {path.parent.name: quote(Path(os.path.relpath(path, html.parent)).as_posix()) for path in found}
