"""The table of boxes: shapes refused, formats inverse to each other."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaggle_utils.boxes import formats
from kaggle_utils.boxes import table as b
from kaggle_utils.boxes.table import Boxes

pixels = st.floats(0, 1000, allow_nan=False).map(lambda x: round(x, 2))


@st.composite
def tables(draw, n_frames: int = 5) -> Boxes:
    rows = draw(st.lists(st.tuples(st.integers(0, n_frames - 1), pixels, pixels, pixels, pixels, st.floats(0.001, 1)), max_size=12))
    frame = np.array([r[0] for r in rows], dtype=np.int64)
    xywh = np.array([r[1:5] for r in rows]).reshape(-1, 4)
    return Boxes(frame, b.xyxy_from_xywh(xywh), np.array([r[5] for r in rows]).round(6))


def same(a: Boxes, c: Boxes, atol: float = 1e-4) -> bool:
    a, c = a[a.order()], c[c.order()]
    order_a, order_c = (np.lexsort((*t.xyxy.T.round(3), t.score, t.frame)) for t in (a, c))
    a, c = a[order_a], c[order_c]
    return len(a) == len(c) and all(np.allclose(getattr(a, n), getattr(c, n), atol=atol) for n in ("frame", "xyxy", "score"))


@given(tables())
def test_prediction_texts_give_the_boxes_back(table):
    assert same(formats.boxes_from_texts(formats.texts_from_boxes(table, 5)), table)


@given(tables())
def test_annotations_give_the_boxes_back(table):
    truth = table.replace(score=np.ones(len(table)))
    assert same(formats.boxes_from_annotations(formats.annotations_from_boxes(truth, 5)), truth)


@given(tables())
def test_a_pandas_table_gives_the_boxes_back(table):
    assert same(formats.boxes_from_table(formats.table_from_boxes(table)), table, atol=0)


def test_yolo_text_gives_the_boxes_back():
    table = Boxes([0, 0], [[10, 20, 30, 50], [0, 0, 100, 80]], label=[0, 2])
    again = formats.boxes_from_yolo_text(formats.yolo_text_from_boxes(table, 128, 96), 128, 96)
    assert np.allclose(again.xyxy, table.xyxy, atol=1e-5) and again.label.tolist() == [0, 2]


def test_texts_are_in_descending_confidence_and_empty_for_none():
    table = Boxes([1, 1], [[0, 0, 1, 1], [2, 2, 5, 6]], [0.25, 0.5])
    assert formats.texts_from_boxes(table, 3) == ["", "0.5 2 2 3 4 0.25 0 0 1 1", ""]


def test_an_empty_cell_as_pandas_reads_it_is_a_frame_without_boxes():
    assert len(formats.boxes_from_texts(["", float("nan"), "0.5 1 2 3 4"])) == 1


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("xyxy", {"xyxy": [[0, 0, 1]]}),
        ("score", {"score": [0.1, 0.2]}),
        ("frame of row 0 is -1", {"frame": [-1]}),
        ("score of row 0 is nan", {"score": [np.nan]}),
        ("xyxy of row 0", {"xyxy": [[5, 0, 1, 1]]}),
        ("label", {"label": [0.5]}),
    ],
)
def test_what_does_not_fit_is_named(column, change):
    with pytest.raises(ValueError, match=column):
        Boxes(**({"frame": [0], "xyxy": [[0, 0, 1, 1]]} | change))


@pytest.mark.parametrize("text", ["0.9 1 2 3", "0.9 1 2 3 x", "0.9 1 2 -3 4", "nan 1 2 3 4"])
def test_a_malformed_prediction_is_named_with_its_frame(text):
    with pytest.raises(ValueError, match="frame 1"):
        formats.boxes_from_texts(["0.5 1 1 1 1", text])


@pytest.mark.parametrize("text", ["[{'x': 1}]", "nonsense", "[{'x': 1, 'y': 1, 'width': -4, 'height': 1}]"])
def test_a_malformed_annotation_is_named_with_its_frame(text):
    with pytest.raises(ValueError, match="frame 2"):
        formats.boxes_from_annotations(["[]", "[]", text])


def test_a_malformed_yolo_line_is_named():
    with pytest.raises(ValueError, match="line 2"):
        formats.boxes_from_yolo_text("0 0.5 0.5 0.1 0.1\n0 0.5\n", 10, 10)


def test_boxes_beyond_the_last_frame_are_refused():
    with pytest.raises(ValueError, match="frame 7"):
        formats.texts_from_boxes(Boxes([7], [[0, 0, 1, 1]]), 7)


def test_rows_are_chosen_by_mask_slice_and_numbers():
    table = Boxes([0, 1, 2], [[0, 0, 1, 1]] * 3)
    assert table[np.array([True, False, True])].frame.tolist() == [0, 2]
    assert table[1:].frame.tolist() == [1, 2] and len(table[[]]) == 0


def test_the_real_table_is_read_and_written_back_to_the_letter(real_data):
    texts = pd.read_csv(real_data / "tables" / "reef_train.csv")["annotations"].tolist()
    boxes = formats.boxes_from_annotations(texts)
    assert len(boxes) == 11_898 and len(np.unique(boxes.frame)) == 4_919
    assert formats.annotations_from_boxes(boxes, len(texts)) == texts
