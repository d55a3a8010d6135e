"""One card of a set of predictions."""

import json

import pytest

from kaggle_utils.boxes.scorecard import scorecard
from kaggle_utils.boxes.table import Boxes


def test_the_parts_of_a_card_belong_to_one_set_of_predictions():
    truth = Boxes([0, 1], [[0, 0, 10, 10], [0, 0, 50, 50]])
    shrunk = Boxes([0, 1, 1], [[0, 0, 10, 4], [0, 0, 50, 50], [90, 90, 99, 99]], [0.9, 0.8, 0.1])
    card = scorecard(truth, shrunk, group_of_frame=["a", "b"])
    # IoU .4 is a hit above .30 and .35 only; F2 = 5 TP / (4 x 2 + 3) with TP = 2, 2, 1 x 9
    assert card.f2 == pytest.approx((2 * 10 / 11 + 9 * 5 / 11) / 11)
    assert card.f2 == pytest.approx(sum(card.by_iou.values()) / 11)
    assert card.best_cut == 0.8 and card.best_f2 > card.f2
    assert card.by_group["a"] == pytest.approx(2 / 11)
    assert list(card.by_size)[0] == (0, 32)


def test_a_card_without_anything_is_nan_and_its_json_null():
    card = scorecard(Boxes.empty(), Boxes.empty(), group_of_frame=[0])
    numbers = json.loads(card.to_json())
    assert numbers["f2"] is None and numbers["by_iou"]["0.3"] is None and numbers["frames"] == 1
    assert list(numbers["by_size"])[-1] == "64-inf"
