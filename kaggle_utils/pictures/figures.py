"""One look for all pictures: the colours and an empty figure.

Truth is green and predictions are orange in every picture of the kit, whether drawn into a frame or
as a curve. Figures are made without pyplot, so nothing is kept behind the scenes and nothing is drawn
twice in a notebook, which shows a figure that a cell ends with.
"""

from __future__ import annotations

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

TRUTH = "#2fb344"  # green
PREDICTION = "#f76707"  # orange
LINE = "#1971c2"  # blue: whatever is measured
QUIET = "#868e96"  # grey: guides and what is only context
PALETTE = (LINE, "#e8590c", "#9c36b5", "#0c8599", "#d6336c", "#8d5a2b", "#495057")  # things side by side


class Picture(Figure):
    """A matplotlib figure that a notebook shows without any set-up."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def new_figure(
    width: float, height: float, rows: int = 1, columns: int = 1, **more: object
) -> tuple[Picture, Axes | np.ndarray]:
    """A figure of width x height inches and its axes, one or an array of them, without top and right spines.

    more: for :meth:`matplotlib.figure.Figure.subplots`

    >>> figure, axes = new_figure(6, 3, columns=2)
    >>> axes.shape
    (2,)
    """
    figure = Picture(figsize=(width, height), dpi=110, layout="constrained")
    axes = figure.subplots(rows, columns, **more)
    for one in figure.axes:
        one.spines[["top", "right"]].set_visible(False)
        one.spines[["left", "bottom"]].set_color(QUIET)
        one.tick_params(colors="#495057", labelsize=9)
        one.set_prop_cycle(color=PALETTE)
    return figure, axes


def label(axes: Axes, title: str = "", x: str = "", y: str = "") -> None:
    """Title at the left and names of the axes, in the sizes all pictures have.

    >>> figure, axes = new_figure(4, 3)
    >>> label(axes, "Motion", x="pixels")
    >>> axes.get_title(loc="left")
    'Motion'
    """
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)


def rgb(colour: str) -> tuple[int, int, int]:
    """A colour's red, green and blue, 0 to 255, for drawing into uint8 images.

    >>> rgb("#2fb344")
    (47, 179, 68)
    """
    red, green, blue = (round(255 * part) for part in to_rgb(colour))
    return red, green, blue
