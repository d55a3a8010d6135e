"""Figures of labels: thresholds with what they could as well be, and whether probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kaggle_utils.pictures.figures import LINE, PREDICTION, QUIET, Picture, label, new_figure


def thresholds(names: Sequence[str], cuts: Sequence[float], drawn: np.ndarray, single: float) -> Picture:
    """A threshold a label, with the interval that it has over resampled rows, beside the single one for all.

    names, cuts: (L,); drawn: (R, L) thresholds of R resamples, of which the middle 95 % are shown; above 1 lies what is
        never given, and is shown as 1
    """
    figure, axes = new_figure(7, 0.9 + 0.27 * len(names))
    cuts, (low, high) = np.minimum(cuts, 1), np.minimum(np.percentile(drawn, [2.5, 97.5], axis=0), 1)
    order = np.argsort(cuts)
    axes.hlines(range(len(order)), low[order], high[order], color=LINE, linewidth=2)
    axes.plot(cuts[order], range(len(order)), "o", color=LINE)
    axes.axvline(single, color=PREDICTION, linewidth=1)
    axes.annotate(f"one for all {single:.2f}", (single, -0.7), (4, 0), textcoords="offset points", color=PREDICTION, fontsize=8)
    axes.set_yticks(range(len(order)), [names[row] for row in order])
    inside = int(((low <= single) & (single <= high)).sum())
    label(axes, f"In {inside} of {len(names)} labels' intervals lies the one for all", "probability; 1: never given")
    return figure


def reliability(members: Mapping[str, np.ndarray], truth: np.ndarray, bins: int = 10) -> Picture:
    """How often labels are there that are said to be likely: on the dashed line probabilities mean what they say.

    members: name -> (N, L) probabilities; truth: (N, L) bool; bins: of as many pairs of row and label each
    """
    figure, axes = new_figure(5, 4)
    axes.axline((0, 0), slope=1, color=QUIET, linewidth=1, linestyle="--")
    for name, said in members.items():
        order = np.argsort(said, axis=None)
        parts = np.array_split(order[said.ravel()[order] > 0.01], bins)  # the many that nobody believes in aside
        means = [(said.ravel()[part].mean(), truth.ravel()[part].mean()) for part in parts if len(part)]
        off = np.mean([abs(one - other) for one, other in means])
        axes.plot(*np.transpose(means), "o-", markersize=4, label=f"{name}, off by {off:.3f}")
    axes.legend(frameon=False, fontsize=9)
    label(axes, "What is said and what is", "mean probability", "share of labels that are there")
    return figure
