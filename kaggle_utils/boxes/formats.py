"""The edges of the table of boxes: every form that boxes come in and go out in.

The reef competition's annotations and prediction texts, pandas and YOLO label files; each pair of
functions is inverse, and tested as such.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np

from kaggle_utils.boxes.table import Boxes, cxcywhn_from_xyxy, xywh_from_xyxy, xyxy_from_cxcywhn, xyxy_from_xywh

_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)


class UnreadableText(ValueError):
    """A text that is no boxes; number: which of those given."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


def boxes_from_annotations(annotations: Sequence[str]) -> Boxes:
    """The reef table's ``annotations`` column (one text a frame) as boxes with score 1.

    annotations: list literals of ``{'x': .., 'y': .., 'width': .., 'height': ..}`` in pixels; text
    number i belongs to frame i. Raises ValueError with the number and the text of a wrong one.

    >>> boxes_from_annotations(["[]", "[{'x': 1, 'y': 2, 'width': 30, 'height': 40}]"]).xyxy
    array([[ 1.,  2., 31., 42.]])
    """

    def wrong(number: int) -> str:
        expected = "a list of {'x': .., 'y': .., 'width': .., 'height': ..}"
        return f"annotations of frame {number} are {annotations[number]!r}, expected {expected}"

    return _parsed(_annotated, annotations, wrong)


def _annotated(annotations: Sequence[str]) -> Boxes:
    filled = [(i, text) for i, text in enumerate(annotations) if text != "[]"]
    rows = json.loads("[" + ",".join(text for _, text in filled).replace("'", '"') + "]")
    found = [(i, box) for (i, _), row in zip(filled, rows, strict=True) for box in row]
    xywh = np.array([[box[side] for side in ("x", "y", "width", "height")] for _, box in found], dtype=np.float64)
    return Boxes(np.array([i for i, _ in found], dtype=np.int64), xyxy_from_xywh(xywh))


def _parsed(parse: Callable[[Sequence], Boxes], texts: Sequence, wrong: Callable[[int], str]) -> Boxes:
    """What parse makes of all texts; where it cannot, UnreadableText with what is wrong with the first that it cannot alone."""
    try:
        return parse(texts)
    except _UNREADABLE:
        for number, text in enumerate(texts):
            try:
                parse([text])
            except _UNREADABLE:
                raise UnreadableText(wrong(number), number) from None
        raise


def annotations_from_boxes(boxes: Boxes, n_frames: int) -> list[str]:
    """The inverse of :func:`boxes_from_annotations`: n_frames texts, scores and labels dropped.

    >>> annotations_from_boxes(Boxes([1], [[1, 2, 31, 42]]), n_frames=2)
    ['[]', "[{'x': 1, 'y': 2, 'width': 30, 'height': 40}]"]
    """
    rows: list[list[str]] = [[] for _ in range(_room(boxes, n_frames))]
    for frame, (x, y, w, h) in zip(boxes.frame, xywh_from_xyxy(boxes.xyxy), strict=True):
        rows[frame].append(f"{{'x': {x:.8g}, 'y': {y:.8g}, 'width': {w:.8g}, 'height': {h:.8g}}}")
    return ["[" + ", ".join(row) + "]" for row in rows]


def boxes_from_texts(texts: Sequence[str]) -> Boxes:
    """Prediction texts ``conf x y w h conf x y w h ...`` (pixels), one a frame, as boxes.

    An empty text (or NaN, which is how pandas reads an empty cell) is a frame without boxes. Raises
    ValueError with the number and the text of the first that is not groups of five numbers with
    width and height of 0 or more.

    >>> boxes_from_texts(["", "0.9 10 20 30 40 0.2 1 2 3 4"])
    Boxes(2 boxes in 1 frames, scores 0.2 to 0.9)
    """
    words = [text.split() if isinstance(text, str) else [] for text in texts]

    def wrong(number: int) -> str:
        expected = "groups of five finite numbers 'conf x y width height' with width and height of 0 or more, or an empty text"
        return f"prediction of frame {number} is {' '.join(words[number])!r}, expected {expected}"

    return _parsed(_worded, words, wrong)


def _worded(words: list[list[str]]) -> Boxes:
    counts = np.array([len(row) for row in words], dtype=np.int64)
    numbers = np.array([word for row in words for word in row], dtype=np.float64).reshape(-1, 5)
    if (counts % 5).any() or not np.isfinite(numbers).all() or (numbers[:, 3:] < 0).any():
        raise ValueError
    frame = np.repeat(np.arange(len(words)), counts // 5)
    return Boxes(frame, xyxy_from_xywh(numbers[:, 1:]), numbers[:, 0])


def texts_from_boxes(boxes: Boxes, n_frames: int) -> list[str]:
    """The inverse of :func:`boxes_from_texts`: n_frames texts, boxes by descending confidence.

    Numbers carry 8 significant digits (1e-4 pixels at 1280), so parsing gives the boxes back.

    >>> texts_from_boxes(Boxes([1], [[10, 20, 40, 60]], [0.9]), n_frames=2)
    ['', '0.9 10 20 30 40']
    """
    rows: list[list[str]] = [[] for _ in range(_room(boxes, n_frames))]
    table = boxes[boxes.order()]
    columns = np.column_stack([table.score, xywh_from_xyxy(table.xyxy)]).tolist()
    for frame, numbers in zip(table.frame.tolist(), columns, strict=True):
        rows[frame].append("%.8g %.8g %.8g %.8g %.8g" % tuple(numbers))
    return [" ".join(row) for row in rows]


def _room(boxes: Boxes, n_frames: int) -> int:
    if len(boxes) and boxes.frame.max() >= n_frames:
        raise ValueError(f"a box lies in frame {boxes.frame.max()}, expected frames below n_frames={n_frames}")
    return n_frames


def boxes_from_table(table) -> Boxes:
    """A pandas table with columns frame, x_min, y_min, x_max, y_max and, if there, score, label.

    >>> import pandas as pd
    >>> boxes_from_table(pd.DataFrame({"frame": [2], "x_min": 0, "y_min": 0, "x_max": 1, "y_max": 1}))
    Boxes(1 boxes in 1 frames, scores 1 to 1)
    """
    missing = [c for c in ("frame", *_CORNERS) if c not in table.columns]
    if missing:
        raise ValueError(f"the table has columns {list(table.columns)}, it lacks {missing}")
    optional = {c: table[c].to_numpy() for c in ("score", "label") if c in table.columns}
    return Boxes(table["frame"].to_numpy(), table[list(_CORNERS)].to_numpy(np.float64), **optional)


_CORNERS = ("x_min", "y_min", "x_max", "y_max")


def table_from_boxes(boxes: Boxes):
    """The inverse of :func:`boxes_from_table`: a pandas.DataFrame with seven columns.

    >>> table_from_boxes(Boxes([2], [[0, 0, 1, 1]])).columns.tolist()
    ['frame', 'x_min', 'y_min', 'x_max', 'y_max', 'score', 'label']
    """
    import pandas as pd

    corners = dict(zip(_CORNERS, boxes.xyxy.T, strict=True))
    return pd.DataFrame({"frame": boxes.frame, **corners, "score": boxes.score, "label": boxes.label})


def boxes_from_yolo_text(text: str, width: float, height: float, frame: int = 0) -> Boxes:
    """A YOLO label file's text (``class cx cy w h`` a line, fractions) as boxes of one frame.

    Raises ValueError with the number and the words of a line that is not five numbers.

    >>> boxes_from_yolo_text("0 0.5 0.5 0.5 1.0", width=100, height=50, frame=7).xyxy
    array([[25.,  0., 75., 50.]])
    """
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            rows.append(_yolo_line(number, line))
    values = np.array(rows, dtype=np.float64).reshape(-1, 5)
    xyxy = xyxy_from_cxcywhn(values[:, 1:], width, height)
    return Boxes(np.full(len(values), frame, np.int64), xyxy, label=values[:, 0].astype(np.int64))


def _yolo_line(number: int, line: str) -> list[float]:
    try:
        values = [float(word) for word in line.split()]
        if len(values) == 5 and values[0] >= 0 and values[0] == int(values[0]) and min(values[3:]) >= 0:
            return values
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"line {number} is {line!r}, expected 'class cx cy width height' as fractions of the frame")


def yolo_text_from_boxes(boxes: Boxes, width: float, height: float) -> str:
    """The inverse of :func:`boxes_from_yolo_text`; boxes are cut at the frame's border first.

    width, height: of the frame, in pixels. Boxes that lie wholly outside are left out.

    >>> yolo_text_from_boxes(Boxes([0], [[25, -5, 75, 50]]), width=100, height=50)
    '0 0.5 0.5 0.5 1\\n'
    """
    corners = np.clip(boxes.xyxy, 0, [width, height, width, height])
    inside = (corners[:, 2:] > corners[:, :2]).all(1)
    numbers = cxcywhn_from_xyxy(corners[inside], width, height)
    lines = ("%d %.9g %.9g %.9g %.9g" % (c, *n) for c, n in zip(boxes.label[inside], numbers, strict=True))
    return "".join(line + "\n" for line in lines)
