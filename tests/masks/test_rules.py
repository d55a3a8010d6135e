"""Mask decisions: each rule by hand, outlines, and what does not fit."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from kaggle_utils.masks.components import remove_small
from kaggle_utils.masks.dice import pixels_at_levels
from kaggle_utils.masks.rules import OUTLINES, ClassDecision, MaskDecision, gate_scores, masks_by_rule, outlined, top_mean

ROW = np.array([[[250, 250, 120, 0, 120, 0]]], np.uint8)  # one class, one row: two sure pixels, two faint ones


def drawn(rule, image=ROW, scores=None, **settings):
    """The first class's mask as a list."""
    return masks_by_rule(MaskDecision((rule,) * len(image), **settings), image, scores)[0, 0].tolist()


def test_pixels_of_the_level_itself_are_drawn():
    assert drawn(ClassDecision(draw=120)) == [1, 1, 1, 0, 1, 0]
    assert drawn(ClassDecision(draw=121)) == [1, 1, 0, 0, 0, 0]


def test_small_components_are_left_out():
    assert drawn(ClassDecision(draw=120, min_component=2)) == [1, 1, 1, 0, 0, 0]
    assert drawn(ClassDecision(draw=120, min_component=4)) == [0] * 6


def test_a_triplet_decides_high_and_draws_low():
    assert drawn(ClassDecision(draw=120, decide=200, min_size=2)) == [1, 1, 1, 0, 1, 0]
    assert drawn(ClassDecision(draw=120, decide=200, min_size=3)) == [0] * 6


def test_a_gate_asks_the_class_score():
    rule = ClassDecision(draw=200, gate=0.5)
    assert drawn(rule, scores=[0.5]) == [1, 1, 0, 0, 0, 0]
    assert drawn(rule, scores=[0.49]) == [0] * 6


def test_a_gate_averages_the_class_score_with_the_highest_pixels():
    pixels = pixels_at_levels(ROW[0])[None]
    top = (250 + 250 + 120) / 3 / 255
    assert top_mean(pixels, 3) == pytest.approx(top)
    assert gate_scores(pixels, [0.2], 3) == pytest.approx((0.2 + top) / 2)
    assert gate_scores(pixels, None, 3) == pytest.approx(top)


def test_the_mean_of_more_pixels_than_there_are_is_that_of_all():
    assert top_mean(pixels_at_levels(ROW[0]), 1000) == pytest.approx(ROW.mean() / 255)


def test_the_mean_of_the_highest_pixels_is_that_of_a_sorted_map():
    image = np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)
    assert top_mean(pixels_at_levels(image), 77) == pytest.approx(np.sort(image.ravel())[-77:].mean() / 255)


def test_the_best_class_is_kept_whatever_its_score_and_size():
    image, strict = np.concatenate([ROW, ROW]), ClassDecision(draw=200, gate=0.9, min_component=99, min_size=99)
    masks = masks_by_rule(MaskDecision((strict, strict), best_class=True), image, [0.1, 0.2])
    assert masks[:, 0].tolist() == [[0] * 6, [1, 1, 0, 0, 0, 0]]


def test_classes_have_rules_of_their_own():
    rules = ClassDecision(draw=200), ClassDecision(draw=100)
    assert masks_by_rule(MaskDecision(rules), np.concatenate([ROW, ROW])).sum((1, 2)).tolist() == [2, 4]


def test_outlines_of_an_l():
    corner = np.zeros((40, 40), np.uint8)
    corner[5:35, 5:15] = corner[25:35, 5:35] = 1
    area = {outline: int(outlined(corner, outline).sum()) for outline in OUTLINES}
    assert area["drawn"] == 30 * 10 + 10 * 20 and area["rectangle"] == 30 * 30
    assert area["drawn"] <= area["polygon"] < area["hull"] < area["rectangle"]
    assert area["hull"] == pytest.approx(900 - 20 * 20 / 2, rel=0.02)  # all but a triangle


def test_a_rectangle_goes_around_each_component():
    two = np.zeros((9, 9), np.uint8)
    two[0, 0] = two[1, 1] = two[6:8, 5] = two[7, 7] = 1
    expected = np.zeros((9, 9), np.uint8)
    expected[:2, :2] = expected[6:8, 5] = expected[7, 7] = 1
    assert np.array_equal(outlined(two, "rectangle"), expected)


@pytest.mark.parametrize("outline", OUTLINES)
def test_an_empty_mask_has_no_outline(outline):
    assert not outlined(np.zeros((4, 5), np.uint8), outline).any()


def test_outlines_are_drawn_around_what_is_left():
    rng = np.random.default_rng(1)
    image = (rng.random((1, 30, 40)) > 0.7).astype(np.uint8) * 255
    mask = masks_by_rule(MaskDecision((ClassDecision(min_component=8, outline="hull"),)), image)[0]
    assert np.array_equal(mask, outlined(remove_small(image[0], 8), "hull"))


def test_a_decision_comes_back_from_json():
    decision = MaskDecision((ClassDecision(gate=0.25, outline="hull"), ClassDecision(min_size=9)), 17500, True)
    assert MaskDecision.from_dict(json.loads(json.dumps(asdict(decision)))) == decision


def test_a_decision_reads_as_a_sentence():
    rule = ClassDecision(draw=85, decide=171, min_size=8000)
    decision = MaskDecision((rule, replace(rule, min_size=0, min_component=30, outline="hull")), 50, True)
    assert str(decision) == (
        "[from .33, if 8000 px reach .67; from .33, components of 30 px, hull; top 50 px; best class kept]"
    )


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: ClassDecision(draw=0), "draw is 0"),
        (lambda: ClassDecision(decide=256), "decide is 256"),
        (lambda: ClassDecision(outline="circle"), "'circle'"),
        (lambda: drawn(ClassDecision(), ROW.astype(float)), "float64"),
        (lambda: masks_by_rule(MaskDecision((ClassDecision(),) * 2), ROW), r"uint8 \(2, H, W\)"),
        (lambda: drawn(ClassDecision(gate=0.5)), "needs class_scores or a top_n"),
        (lambda: drawn(ClassDecision(gate=0.5), scores=[0.5, 0.5]), r"shape \(2,\), expected \(1,\)"),
    ],
)
def test_what_does_not_fit_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
