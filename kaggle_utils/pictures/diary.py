"""The diary to look at: what differed between runs, and whether home and leaderboard agree.

A table of everything is read by nobody. Only columns in which runs differ are shown; what they have
in common is said once, below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from kaggle_utils.pictures.figures import Picture

__all__ = ["markdown", "plot_against_leaderboard"]


def markdown(entries: Sequence[Mapping]) -> str:
    """Runs as a Markdown table with the columns that vary, and a line with those that do not.

    entries: of :attr:`kaggle_utils.evidence.diary.Diary.entries`; all columns are shown when there is only one

    >>> runs = [{"run": name, "stage": "2_train", "changed": {"imgsz": s}} for name, s in (("a", 640), ("b", 1280))]
    >>> print(markdown(runs))
    | run | imgsz |
    |---|---|
    | a | 640 |
    | b | 1280 |
    <BLANKLINE>
    The same in all: stage 2_train.
    """
    rows = [_cells(entry) for entry in entries]
    if not rows:
        return "The diary is empty."
    columns = list(dict.fromkeys(name for row in rows for name in row))
    varying = [name for name in columns if len(rows) == 1 or len({row.get(name, "") for row in rows}) > 1]
    lines = [varying, ["---"] * len(varying), *([row.get(name, "") for name in varying] for row in rows)]
    table = "\n".join(_line(line) for line in lines)
    same = [f"{name} {rows[0][name]}" for name in columns if name not in varying]
    return table + (f"\n\nThe same in all: {', '.join(same)}." if same else "")


def _line(cells: Sequence[str]) -> str:
    if set(cells) == {"---"}:
        return "|" + "|".join(cells) + "|"
    return "| " + " | ".join(cells) + " |"


def _cells(entry: Mapping) -> dict[str, str]:
    """One run as texts by column: changed parameters and memory have a column each."""
    plain = {name: value for name, value in entry.items() if name not in ("changed", "interval", "memory", "folds")}
    memory = {f"{name} GB": value for name, value in (entry.get("memory") or {}).items()}
    folds = " ".join(f"{value:.3f}" for value in (entry.get("folds") or {}).values() if value is not None)
    cells = {"run": "", **plain, **entry.get("changed", {}), "folds": folds, **memory}
    texts = {name: _text(value) for name, value in cells.items()}
    if entry.get("interval") and None not in entry["interval"]:
        texts["score"] += " [{:.4f}, {:.4f}]".format(*entry["interval"])
    return {name: text for name, text in texts.items() if text}


def _text(value: object) -> str:
    if value is None:
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def plot_against_leaderboard(entries: Sequence[Mapping], board: str = "public") -> Picture:
    """Score at home against score on the leaderboard, a point a run with its name and interval.

    board: public or private. Runs without both scores are left out, and counted in the title. Points
    on the dashed line score the same on both; if home is any guide, points rise together.
    """
    from kaggle_utils.pictures.figures import QUIET, label, new_figure

    known = [entry for entry in entries if entry.get("score") is not None and entry.get(board) is not None]
    figure, axes = new_figure(5.2, 5)
    axes = axes[0, 0]
    for entry in known:
        _point(axes, entry, board)
    if known:
        scores = [entry[name] for entry in known for name in ("score", board)]
        ends = [min(scores), max(scores)]
        axes.plot(ends, ends, "--", color=QUIET, linewidth=1, zorder=0)
    title = f"{len(known)} of {len(entries)} runs have both scores"
    label(axes, title, "out-of-fold score at home", f"{board} leaderboard")
    return figure


def _point(axes: Axes, entry: Mapping, board: str) -> None:
    from kaggle_utils.pictures.figures import LINE

    low, high = (value if value is not None else entry["score"] for value in entry.get("interval") or (None, None))
    error = [[entry["score"] - low], [high - entry["score"]]]
    axes.errorbar(entry["score"], entry[board], xerr=error, fmt="o", color=LINE, ecolor="#a5d8ff", capsize=2)
    axes.annotate(entry["run"], (entry["score"], entry[board]), (5, 5), textcoords="offset points", fontsize=8)
