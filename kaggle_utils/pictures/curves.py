"""Curves, histograms and intervals: what the notebooks show of scores, boxes and motion.

Each function takes arrays or tables and returns a matplotlib figure; none saves or shows anything.
Pictures of frames are in :mod:`kaggle_utils.pictures.frames`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from kaggle_utils.boxes.f2 import F2Curve
from kaggle_utils.boxes.motion import Neighbours
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.boxes.tracking import Tracks
from kaggle_utils.evidence.medals import Medals, ends, told
from kaggle_utils.pictures.figures import LINE, PALETTE, PREDICTION, QUIET, TRUTH, Picture, label, new_figure


def f2_curves(curves: Mapping[str, F2Curve], cut: float | None = None) -> Picture:
    """F2 over the confidence below which boxes are dropped, a line a set of predictions.

    curves: name -> curve; with one curve its precision and recall are drawn, too
    cut: the chosen confidence; by default the best of the first curve
    """
    figure, axes = new_figure(7, 3.8)
    first = next(iter(curves.values()))
    cut = first.best[0] if cut is None else cut
    for name, curve in curves.items():
        axes.plot(curve.cut, curve.f2, label=name, linewidth=2)
    if len(curves) == 1:
        axes.plot(first.cut, first.precision, "--", label="precision", linewidth=1, color=QUIET)
        axes.plot(first.cut, first.recall, ":", label="recall", linewidth=1.2, color=QUIET)
    axes.axvline(cut, color=QUIET, linewidth=0.8)
    axes.plot(cut, first.at(cut), "o", color=LINE)
    axes.annotate(f"{first.at(cut):.4f} at {cut:.3g}", (cut, first.at(cut)), (6, 6), textcoords="offset points")
    axes.set_ylim(0, 1.02)
    label(axes, "F2 over the cut", "boxes with less confidence are dropped", "score")
    axes.legend(frameon=False, fontsize=9)
    return figure


def learning_curves(
    learnt: pd.DataFrame, metric: str, nothing: float | None = None, nothings: str = "all empty"
) -> Picture:
    """A score over the epochs, a line a training; epochs that were not judged are stepped over.

    learnt: a row an epoch, a column a training; nothing: what an answer scores for which nothing is looked at;
    nothings: its name
    """
    figure, axes = new_figure(7, 3.2)
    for name, scores in learnt.items():
        axes.plot(scores.dropna(), marker="o", markersize=3.5, label=name)
    if nothing is not None:
        axes.axhline(nothing, linestyle="--", color=QUIET, label=nothings)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    label(axes, f"{metric} of what was left out", "epoch", metric)
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def boxes_per_frame(truth: Boxes, n_frames: int) -> Picture:
    """How many frames have 0, 1, 2, ... boxes, on a logarithmic axis."""
    figure, axes = new_figure(6, 3)
    frames = np.bincount(np.bincount(truth.frame, minlength=n_frames))
    bars = axes.bar(np.arange(len(frames)), frames, color=LINE)
    axes.bar_label(bars, [f"{count:,}" if count else "" for count in frames], fontsize=7, padding=1)
    title = f"{len(np.unique(truth.frame)):,} of {n_frames:,} frames have boxes, {len(truth):,} in all"
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    label(axes, title, "boxes in a frame", "frames")
    return figure


def box_sizes(truth: Boxes) -> Picture:
    """Widths and heights in pixels, and the size, the root of the area."""
    figure, axes = new_figure(8, 3, columns=2)
    width, height = (truth.xyxy[:, 2:] - truth.xyxy[:, :2]).T
    steps = np.arange(0, (np.percentile(np.maximum(width, height), 99.5) if len(truth) else 1) + 2, 2)
    axes[0].hist2d(width, height, bins=[steps, steps], cmap="Blues", cmin=1)
    axes[0].axline((0, 0), slope=1, color=QUIET, linewidth=0.8, linestyle="--")
    label(axes[0], "Shape", "width, pixels", "height, pixels")
    _histogram(axes[1], np.sqrt(width * height), "size (root of the area), pixels", "Size", top=99.5)
    return figure


def position_map(truth: Boxes, width: int, height: int, cell: int = 40) -> Picture:
    """How many boxes have their centre in each part of the frame.

    width, height: of the frame, in pixels; cell: of the map, in pixels
    """
    figure, axes = new_figure(6.4, 3.8)
    x, y = ((truth.xyxy[:, :2] + truth.xyxy[:, 2:]) / 2).T
    counts, _, _ = np.histogram2d(y, x, bins=[height // cell, width // cell], range=[[0, height], [0, width]])
    picture = axes.imshow(counts, extent=(0, width, height, 0), cmap="viridis")
    figure.colorbar(picture, ax=axes, label=f"boxes with their centre in {cell} x {cell} pixels", shrink=0.8)
    label(axes, "Where boxes lie", "x, pixels", "y, pixels")
    return figure


def neighbour_motion(pairs: Neighbours) -> Picture:
    """How boxes of successive frames overlap, how far they move, and in which direction."""
    figure, axes = new_figure(10, 3, columns=3)
    _histogram(axes[0], pairs.iou, "IoU with itself in the next frame", "Overlap")
    _histogram(axes[1], pairs.distance, "pixels to the next frame", "Motion", top=99)
    reach = np.ceil(np.percentile(np.abs(pairs.shift), 99)) if len(pairs.shift) else 1
    steps = np.arange(-reach - 0.75, reach + 1)  # centres move by halves of pixels: two of them a step
    axes[2].hist2d(*pairs.shift.T, bins=[steps, steps], cmap="Blues", cmin=1)
    axes[2].axhline(0, color=QUIET, linewidth=0.5)
    axes[2].axvline(0, color=QUIET, linewidth=0.5)
    axes[2].invert_yaxis()
    label(axes[2], "Direction", "pixels right", "pixels down")
    return figure


def _histogram(axes: Axes, values: np.ndarray, unit: str, title: str, top: float = 100) -> None:
    """A histogram with its 5th, 50th and 95th percentile; top: the percentile at which the axis ends."""
    end = np.percentile(values, top) if len(values) else 1
    axes.hist(values, bins=50, range=(0, max(end, 1e-9)), color=LINE)
    marks = np.percentile(values, [5, 50, 95]) if len(values) else ()
    for mark in marks:
        axes.axvline(mark, color=PREDICTION, linewidth=1)
    quoted = " / ".join(f"{mark:.2f}" if end <= 1 else f"{mark:.0f}" for mark in marks)
    label(axes, f"{title}: {quoted} (5, 50, 95 %)" if quoted else title, unit)


def tracks_over_time(tracks: Tracks, truth: Boxes | None = None, first: int = 0, last: int | None = None) -> Picture:
    """Tracks as lines over time: their place across the frame above, their confidence below.

    tracks: boxes with the number of their track; predicted boxes are drawn hollow
    truth: drawn as broad green marks behind them
    first, last: the frames shown, both included; by default all that have boxes
    """
    figure, (place, score) = new_figure(9, 5, rows=2, sharex=True, height_ratios=[2, 1])
    last = int(tracks.boxes.frame.max(initial=first)) if last is None else last
    if truth is not None:
        shown = truth[(truth.frame >= first) & (truth.frame <= last)]
        place.plot(shown.frame, _x_centre(shown), "s", color=TRUTH, alpha=0.3, markersize=8, label="truth")
    shown = (tracks.boxes.frame >= first) & (tracks.boxes.frame <= last) & (tracks.track >= 0)
    for number in np.unique(tracks.track[shown]):
        rows = np.flatnonzero(shown & (tracks.track == number))
        rows = rows[np.argsort(tracks.boxes.frame[rows])]
        colour = PALETTE[number % len(PALETTE)]
        _track_line(place, score, tracks.boxes[rows], tracks.missed[rows] > 0, colour)
    if truth is not None:
        place.legend(frameon=False, fontsize=9)
    label(place, f"{len(np.unique(tracks.track[shown]))} tracks; hollow: predicted", y="x of the centre, pixels")
    label(score, x="frame", y="confidence")
    score.set_ylim(0, 1.02)
    score.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _track_line(place: Axes, score: Axes, boxes: Boxes, predicted: np.ndarray, colour: str) -> None:
    for axes, values in ((place, _x_centre(boxes)), (score, boxes.score)):
        axes.plot(boxes.frame, values, "-", color=colour, linewidth=1)
        axes.plot(boxes.frame[~predicted], values[~predicted], "o", color=colour, markersize=3.5)
        axes.plot(boxes.frame[predicted], values[predicted], "o", color=colour, markersize=3.5, markerfacecolor="white")


def _x_centre(boxes: Boxes) -> np.ndarray:
    return (boxes.xyxy[:, 0] + boxes.xyxy[:, 2]) / 2


def statistics_by_group(table: pd.DataFrame, group: str) -> Picture:
    """A box a group for every other column of a table of numbers, such as image statistics by video."""
    columns = [name for name in table.columns if name != group]
    figure, _ = new_figure(2.1 * len(columns), 2.8, columns=len(columns))
    for one, name in zip(figure.axes, columns, strict=True):
        groups = [(label, part[name].to_numpy()) for label, part in table.groupby(group)]
        style = {"boxprops": {"facecolor": "#d0ebff", "edgecolor": LINE}, "medianprops": {"color": PREDICTION}}
        one.boxplot([values for _, values in groups], patch_artist=True, showfliers=False, widths=0.6, **style)
        one.set_xticks(range(1, len(groups) + 1), [str(label) for label, _ in groups])
        label(one, name, group)
    return figure


def gains(table: pd.DataFrame, names: Sequence[str] | None = None, metric: str = "F2") -> Picture:
    """What each variant gains, with its interval: only those that clear zero are worth their trouble.

    table: columns name, gain, gain_low, gain_high, as :func:`kaggle_utils.boxes.cuts.f2_table` makes;
        NaN bounds (nothing to resample) are drawn as a point alone
    names: which rows; by default all, the largest gain on top
    metric: what is gained
    """
    table = table.sort_values("gain") if names is None else table.set_index("name").loc[list(names)[::-1]].reset_index()
    figure, axes = new_figure(7, 0.9 + 0.32 * len(table))
    for row, (_, gain, low, high) in enumerate(zip(*(table[c] for c in _GAIN_COLUMNS), strict=True)):
        colour = TRUTH if low > 0 else PREDICTION if high < 0 else QUIET
        if np.isfinite([low, high]).all():
            axes.plot([low, high], [row, row], color=colour, linewidth=2, solid_capstyle="butt")
        axes.plot(gain, row, "o", color=colour)
        axes.annotate(f"{gain:+.4f}", (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize=9)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(table)), table["name"])
    axes.set_ylim(-0.6, len(table) - 0.4)
    label(axes, "What each is worth", f"gain in {metric} over the baseline, 95 % interval")
    axes.xaxis.grid(True, color="#dee2e6", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure


_GAIN_COLUMNS = ("name", "gain", "gain_low", "gain_high")


def plot_against_leaderboard(entries: Sequence[Mapping], medals: Mapping[str, Medals] | None = None) -> Picture:
    """Score at home against score on the leaderboard, a panel a competition, a point a run with its name and interval.

    It is the private one unless only scores of the public are known. Runs without both scores are counted in the
    title. Points on the dashed line score the same on both; if home is any guide, points rise together.

    medals: competition -> lines of its private leaderboard; they are drawn, with the winner at their own
        cross-validation, unless the runs are of a sample, and runs that were not submitted are put on the dashed line
    """
    groups: dict[str, list[Mapping]] = {} if entries else {"": []}
    for entry in entries:
        groups.setdefault(entry.get("competition", ""), []).append(entry)
    figure, panels = new_figure(5.6 * len(groups), 5, columns=len(groups), squeeze=False)
    for axes, (name, runs) in zip(panels[0], groups.items(), strict=True):
        _home_and_board(axes, name, runs, (medals or {}).get(name))
    return figure


def _home_and_board(axes: Axes, name: str, runs: Sequence[Mapping], medals: Medals | None) -> None:
    board = next((one for one in ("private", "public") if any(run.get(one) is not None for run in runs)), "private")
    scored = [run for run in runs if run.get("score") is not None]
    known = [run for run in scored if run.get(board) is not None]
    alone = [run["score"] for run in scored if run not in known and _is_real(run)]
    title = f"{name}: " * bool(name) + f"{len(known)} of {len(runs)} runs have both scores"
    x = "out-of-fold score at home"
    for run in known:
        _point(axes, run, board)
    if medals and (known or alone) and all(map(_is_real, known)):
        title += f"\nwinner {told(medals.winner)}, own cross-validation {told(medals.validation)}"
        _medal_lines(axes, medals)
        axes.plot(alone, alone, "o", color=LINE, markerfacecolor="white")
        x += "\nhollow: not submitted, where it would stand if both were the same" if alone else ""
    if scored:
        axes.axline([scored[0]["score"]] * 2, slope=1, color=QUIET, linewidth=1, linestyle="--", zorder=0)
    label(axes, title, x, f"{board} leaderboard")


def _is_real(run: Mapping) -> bool:
    return not run.get("sample", True) and not run.get("smoke")


def _medal_lines(axes: Axes, medals: Medals) -> None:
    """A band or line a medal, and the winner as a star, at home as on the board."""
    known = [(name, *ends(line)) for name, line in medals.known.items() if line is not None]
    for place, (name, low, high) in enumerate(known):
        axes.axhspan(low, high, color=_METALS[name], alpha=0.25, zorder=0)
        axes.text(0.02 + 0.1 * place, high, name, transform=axes.get_yaxis_transform(), va="top", fontsize=8)
    if medals.winner is not None and medals.validation is not None:
        place = np.mean(ends(medals.validation)), np.mean(ends(medals.winner))
        axes.plot(*place, "*", color=PREDICTION, markersize=10)
        axes.annotate("winner", place, (-6, 0), textcoords="offset points", ha="right", va="center", fontsize=8)


_METALS = {"gold": "#f2b705", "silver": "#868e96", "bronze": "#b4632d"}


def _point(axes: Axes, entry: Mapping, board: str) -> None:
    low, high = (value if value is not None else entry["score"] for value in entry.get("interval") or (None, None))
    error = [[entry["score"] - low], [high - entry["score"]]]
    axes.errorbar(entry["score"], entry[board], xerr=error, fmt="o", color=LINE, ecolor="#a5d8ff", capsize=2)
    axes.annotate(entry["run"], (entry["score"], entry[board]), (5, 5), textcoords="offset points", fontsize=8)
