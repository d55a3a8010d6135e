"""How often labels are, alone and together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kaggle_utils.pictures.figures import LINE, Picture, label, new_figure


def label_frequencies(labels: np.ndarray, names: Sequence[str], unit: str = "items") -> Picture:
    """How many items have each label, on a scale of powers of ten. labels: (N, L) bool."""
    counts = np.asarray(labels).sum(0)
    order = np.argsort(counts, kind="stable")
    figure, axes = new_figure(7, 0.6 + 0.24 * len(order))
    bars = axes.barh([names[i] for i in order], counts[order], color=LINE)
    axes.bar_label(bars, [f"{n:,} ({n / max(1, len(labels)):.1%})" for n in counts[order]], fontsize=8, padding=3)
    axes.set_xscale("log")
    axes.set_xlim(0.8, 6 * max(1, counts.max()))
    label(axes, "Labels", x=unit)
    return figure


def cooccurrence(labels: np.ndarray, names: Sequence[str]) -> Picture:
    """Of the items with one label (row) the share that has another (column), in percent. labels: (N, L) bool."""
    labels = np.asarray(labels, np.int64)
    both = labels.T @ labels
    shares = 100 * both / np.maximum(np.diag(both), 1)[:, None]
    figure, axes = new_figure(8.5, 7.5)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=130)
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right")
    axes.set_yticks(range(len(names)), names)
    for row, column in zip(*np.nonzero(both), strict=True):
        axes.text(column, row, f"{shares[row, column]:.0f}", ha="center", va="center", fontsize=7)
    label(axes, "% of the items with the row's label that have the column's, too")
    return figure
