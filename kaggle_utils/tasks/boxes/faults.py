"""What is wrong with boxes written as text: the row that cannot be read, the box that leaves its frame.

Beside :mod:`kaggle_utils.tasks.faults`, which knows of tables but not of boxes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kaggle_utils.boxes.formats import UnreadableText, boxes_from_texts

if TYPE_CHECKING:
    import pandas as pd

    from kaggle_utils.boxes.table import Boxes

_ROUNDING = 1e-3  # pixels; texts carry eight digits


def text_faults(texts: pd.Series, names: pd.Series) -> list[str]:
    """The first text that cannot be read, with the name of its row.

    >>> import pandas as pd
    >>> text_faults(pd.Series(["", "0.9 1 2 3"]), pd.Series([0, 1], name="index"))
    ["index 1: '0.9 1 2 3' is not groups of five numbers 'conf x y width height'"]
    """
    try:
        boxes_from_texts(texts.tolist())
        return []
    except UnreadableText as wrong:
        name, text = names.iloc[wrong.number], texts.iloc[wrong.number]
        return [f"{names.name} {name}: {text!r} is not groups of five numbers 'conf x y width height'"]


def border_faults(boxes: Boxes, size: tuple[int, int]) -> list[str]:
    """The first box that leaves the frame, named by its row, and how many do; size: (width, height) in pixels.

    >>> border_faults(boxes_from_texts(["0.9 0 0 5 5", "0.9 6 0 5 5"]), (10, 10))
    ['index 1: the box 6 0 5 5 leaves the frame of 10 x 10 pixels']
    """
    outside = ((boxes.xyxy < -_ROUNDING) | (boxes.xyxy > np.array([*size, *size]) + _ROUNDING)).any(1)
    if not outside.any():
        return []
    first = int(np.argmax(outside))
    x, y, right, bottom = boxes.xyxy[first]
    box = f"{x:g} {y:g} {right - x:g} {bottom - y:g}"
    where = f"index {boxes.frame[first]}: the box {box} leaves the frame of {size[0]} x {size[1]} pixels"
    return [where + (f", and so do {outside.sum() - 1} more" if outside.sum() > 1 else "")]
