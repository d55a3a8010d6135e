"""Boxes as tables of text, a row an item: predictions that are scored, prediction sets that wait for a decision.

A row is the item's name and ``conf x y w h conf x y w h ...`` in pixels, nothing for no box. Texts name no class.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from kaggle_utils.boxes.formats import boxes_from_texts, texts_from_boxes
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.files import replacing
from kaggle_utils.tasks.boxes.faults import text_faults
from kaggle_utils.tasks.faults import column_faults, name_faults, read_texts, refuse

if TYPE_CHECKING:
    import pandas as pd

_TEXTS = "annotations"  # the column beside the one of names


def table_faults(table: pd.DataFrame, names: pd.Series) -> list[str]:
    """What is wrong with a table of boxes, a sentence each; none when it can be read.

    names: of the items it must cover, each once; the series is called as the table's column is

    >>> import pandas as pd
    >>> names = pd.Series(["0-1", "0-2"], name="image_id")
    >>> table_faults(pd.DataFrame({"image_id": ["0-1", "0-9"], "annotations": ["", "0.9 1 2 3 4"]}), names)
    ["1 image_id missing: '0-2'", "1 image_id unknown: '0-9'"]
    """
    key = names.name
    return column_faults(table, (key, _TEXTS)) or [
        *name_faults(key, table[key], names),
        *text_faults(table[_TEXTS], table[key]),
    ]


def read_boxes(path: str | os.PathLike, names: pd.Series) -> Boxes:
    """A table of boxes, rows in any order, numbered as in ``names``; ValueError with all that :func:`table_faults` finds."""
    table = read_texts(path)
    refuse(table_faults(table, names), path)
    return boxes_from_texts(table.set_index(names.name)[_TEXTS].reindex(names.astype(str)).tolist())


def write_boxes(path: str | os.PathLike, names: pd.Series, boxes: Boxes) -> None:
    """The inverse of :func:`read_boxes`: one row an item, in the order of ``names``, which ``boxes.frame`` numbers."""
    import pandas as pd

    table = pd.DataFrame({names.name: names.to_numpy(), _TEXTS: texts_from_boxes(boxes, len(names))})
    with replacing(path) as partial:
        table.to_csv(partial, index=False)


def inside(boxes: Boxes, size: tuple[int, int]) -> Boxes:
    """Boxes cut at the border of a frame; those wholly outside are left out. size: (width, height) in pixels

    >>> inside(Boxes([0, 0], [[1270, 700, 1300, 730], [1290, 0, 1300, 9]]), (1280, 720)).xyxy.tolist()
    [[1270.0, 700.0, 1280.0, 720.0]]
    """
    xyxy = np.clip(boxes.xyxy, 0, [*size, *size])
    return boxes.replace(xyxy=xyxy)[(xyxy[:, 2:] > xyxy[:, :2]).all(1)]
