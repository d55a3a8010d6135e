"""Dice: by hand, mean against global, counts that add up, and the table over all levels."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from kaggle_utils.masks.dice import dice_counts, dice_from_counts, dice_table, global_dice, mean_dice


def stacks(dtype):
    shapes = array_shapes(min_dims=3, max_dims=3, max_side=6)
    return shapes.flatmap(lambda shape: st.tuples(arrays(dtype, shape), arrays(bool, shape)))


def test_dice_by_hand():
    predicted = np.array([[1, 1, 1], [0, 0, 0]])
    truth = np.array([[0, 1, 1], [0, 1, 1]])
    assert dice_counts(predicted, truth).tolist() == [2, 3, 4]
    assert dice_from_counts(dice_counts(predicted, truth)) == 2 * 2 / (3 + 4)


def test_two_empty_masks_are_one_and_one_empty_mask_is_nothing():
    assert dice_from_counts([[0, 0, 0], [0, 7, 0], [0, 0, 7]]).tolist() == [1, 0, 0]


def test_the_mean_weighs_pairs_and_the_global_dice_pixels():
    counts = np.array([[1, 1, 1], [0, 0, 0], [0, 8, 10]])
    assert mean_dice(counts) == (1 + 1 + 0) / 3
    assert global_dice(counts) == 2 * 1 / (1 + 8 + 1 + 10)


def test_a_score_of_nothing_is_not_a_number():
    assert math.isnan(mean_dice(np.zeros((0, 3)))) and math.isnan(global_dice(np.zeros((4, 3))))


def test_the_score_of_all_empty_answers_is_the_share_of_empty_masks():
    truth = np.zeros((10, 4, 3, 3), bool)
    truth[:, 0, 0, 0] = True
    truth[:3, 1, 0, 0] = True
    assert mean_dice(dice_counts(np.zeros_like(truth), truth)) == (40 - 13) / 40


def test_empty_answers_to_all_clouds_score_as_published():
    filled, pairs = 11_836, 22_184
    counts = np.zeros((pairs, 3), int)
    counts[:filled, 2] = 1
    assert round(mean_dice(counts), 4) == 0.4665  # (22,184 - 11,836) / 22,184


@given(stacks(np.uint8))
def test_the_table_has_the_counts_of_every_level(maps):
    probability, truth = maps
    table = dice_table(probability, truth)
    assert table.shape == (len(probability), 256, 3)
    for level in (0, 1, 127, 128, 255):
        assert np.array_equal(table[:, level], dice_counts(probability >= level, truth))


@given(stacks(bool))
def test_an_independent_dice_agrees(maps):
    predicted, truth = maps
    sets = [(set(np.flatnonzero(p)), set(np.flatnonzero(t))) for p, t in zip(predicted, truth, strict=True)]
    theirs = [2 * len(p & t) / (len(p) + len(t)) if p or t else 1 for p, t in sets]
    assert np.allclose(dice_from_counts(dice_counts(predicted, truth)), theirs)


@given(stacks(bool))
def test_counts_of_parts_add_up(maps):
    predicted, truth = maps
    parts = dice_counts(predicted, truth)
    whole = dice_counts(predicted.reshape(1, -1), truth.reshape(1, -1))
    assert np.array_equal(parts.sum(0), whole)
    assert global_dice(parts) == pytest.approx(global_dice(whole), nan_ok=True)


def test_a_single_map_has_a_table_of_its_own():
    assert dice_table(np.zeros((2, 3), np.uint8), np.ones((2, 3)))[[0, 1]].tolist() == [[6, 6, 6], [0, 0, 6]]


def test_large_maps_are_counted_to_the_pixel():
    probability = np.full((1400, 2100), 9, np.uint8)
    assert dice_table(probability, probability)[9].tolist() == [2_940_000] * 3


@pytest.mark.parametrize(
    "probability, truth, said",
    [
        (np.zeros((2, 2)), np.zeros((2, 2)), "float64"),
        (np.zeros((2, 2), np.uint8), np.zeros((2, 3)), "shape"),
        (np.zeros(4, np.uint8), np.zeros(4), "shape"),
    ],
)
def test_maps_that_cannot_be_counted_are_refused(probability, truth, said):
    with pytest.raises(ValueError, match=said):
        dice_table(probability, truth)
