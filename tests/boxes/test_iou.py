"""IoU by hand, by a loop, and whatever the shapes."""

import numpy as np
import pytest
from box_tables import loop_iou

from kaggle_utils.boxes.table import iou


def test_iou_by_hand():
    # 10x10 and 10x10 moved by 5: common 50, union 150; with +1: common 6 * 11, union 2 * 121 - 66
    a, b = [0, 0, 10, 10], [[5, 0, 15, 10], [20, 0, 30, 10], [3, 3, 3, 3]]
    assert iou(a, b).tolist() == [50 / 150, 0, 0]
    assert iou(a, b, plus_one=True).tolist() == [66 / 176, 0, 1 / 121]


def test_touching_boxes_overlap_only_with_the_extra_pixel():
    assert iou([0, 0, 10, 10], [10, 0, 20, 10]) == 0
    assert iou([0, 0, 10, 10], [10, 0, 20, 10], plus_one=True) == 11 / (121 + 121 - 11)


def test_boxes_without_area_have_iou_0_even_with_themselves():
    assert iou([[3, 3, 3, 3], [3, 3, 3, 9], [5, 5, 2, 2]], [3, 3, 3, 3]).tolist() == [0, 0, 0]


@pytest.mark.parametrize("plus_one", [False, True])
def test_the_table_of_all_pairs_is_that_of_the_loop_to_the_bit(plus_one):
    rng = np.random.default_rng(0)
    corner, size = rng.integers(0, 40, (2, 60, 2)) / 3
    boxes = np.hstack([corner, corner + size])
    table = iou(boxes[:, None], boxes[:25], plus_one)
    assert table.tolist() == [[loop_iou(a, b, plus_one) for b in boxes[:25]] for a in boxes]
    assert np.array_equal(iou(boxes[:25], boxes[25:50], plus_one), np.diagonal(iou(boxes[:25, None], boxes[25:50], plus_one)))
