"""Components: OpenCV as referee, and the natural loops."""

import cv2
import numpy as np
import pytest
import references.components
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from references.components import dice_by_removed, mask_size_table

from kaggle_utils.masks.components import component_counts, remove_small
from kaggle_utils.masks.dice import dice_counts, dice_from_counts

REMOVE = [remove_small, references.components.remove_small]  # the package and OpenCV's labels
COUNTS = [component_counts, references.components.component_counts]
CONNECTIVITY = st.sampled_from([4, 8])
SHAPES = array_shapes(min_dims=2, max_dims=2, max_side=14)
MASKS = arrays(bool, SHAPES)
MAPS = SHAPES.flatmap(lambda s: st.tuples(arrays(np.uint8, s, elements=st.integers(0, 5)), arrays(bool, s)))


def removed_one_by_one(mask, size, connectivity):
    """The natural loop: every component's pixels compared anew."""
    n, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=connectivity)
    kept = np.zeros(mask.shape, np.uint8)
    for label in range(1, n):
        if (labels == label).sum() >= size:
            kept[labels == label] = 1
    return kept


@pytest.mark.parametrize("remove", REMOVE)
def test_a_component_of_the_minimum_size_stays(remove):
    mask = np.array([[1, 1, 0, 1], [0, 0, 0, 0], [0, 1, 1, 1]])
    assert remove(mask, 2).tolist() == [[1, 1, 0, 0], [0, 0, 0, 0], [0, 1, 1, 1]]
    assert remove(mask, 3).tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 1, 1]]


@pytest.mark.parametrize("remove", REMOVE)
def test_corners_touch_or_not(remove):
    mask = np.eye(3, dtype=bool)
    assert remove(mask, 2, connectivity=8).sum() == 3
    assert remove(mask, 2, connectivity=4).sum() == 0


@pytest.mark.parametrize("remove", REMOVE)
def test_a_comb_is_one_component_joined_at_its_end(remove):
    comb = np.zeros((5, 101), np.uint8)
    comb[:, ::2] = comb[-1] = 255
    assert remove(comb, int((comb > 0).sum())).sum() == (comb > 0).sum()


@pytest.mark.parametrize("remove", REMOVE)
@given(mask=MASKS, size=st.integers(0, 12), connectivity=CONNECTIVITY)
def test_small_components_go_as_in_the_natural_loop(remove, mask, size, connectivity):
    kept = remove(mask, size, connectivity)
    assert kept.dtype == np.uint8
    assert np.array_equal(kept, removed_one_by_one(mask, size, connectivity))


@settings(deadline=None)  # the first call compiles
@given(maps=MAPS, connectivity=CONNECTIVITY)
def test_components_are_counted_as_on_opencvs_labels(maps, connectivity):
    one, other = (counts(*maps, [1, 3, 5], connectivity) for counts in COUNTS)
    for ours, theirs in zip(one, other, strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("counts", COUNTS)
@settings(deadline=None)  # the first call compiles
@given(maps=MAPS, connectivity=CONNECTIVITY)
def test_the_table_is_that_of_the_naive_grid(counts, maps, connectivity):
    probability, truth = maps
    levels, sizes = [1, 2, 4], [0, 1, 2, 3, 5, 8, 300]
    table = mask_size_table(probability, truth, levels, sizes, connectivity, counts)
    for t, level in enumerate(levels):
        for s, size in enumerate(sizes):
            kept = removed_one_by_one(probability >= level, size, connectivity)
            assert table[t, s] == dice_from_counts(dice_counts(kept, truth))


def test_the_table_of_smooth_fields_is_that_of_the_naive_grid():
    rng = np.random.default_rng(0)
    fields = [cv2.GaussianBlur(rng.random((70, 105)), (0, 0), sigma) for sigma in (2, 9)]
    probability, other = (((f - f.min()) / np.ptp(f) * 255).astype(np.uint8) for f in fields)
    table = mask_size_table(probability, other > 120, [90, 160], [0, 40, 200])
    for t, level in enumerate([90, 160]):
        for s, size in enumerate([0, 40, 200]):
            kept = removed_one_by_one(probability >= level, size, 8)
            assert table[t, s] == dice_from_counts(dice_counts(kept, other > 120))


def test_leaving_out_components_by_hand():
    area, common = np.array([1, 4]), np.array([0, 3])  # truth of 3 pixels, all in the larger one
    assert dice_by_removed(area, common, 3).tolist() == [2 * 3 / (5 + 3), 2 * 3 / (4 + 3), 0]


def test_where_there_is_no_truth_leaving_out_all_is_right():
    assert dice_by_removed(np.array([5]), np.array([0]), 0).tolist() == [0, 1]


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: remove_small(np.zeros(4), 1), "shape .4,."),
        (lambda: remove_small(np.zeros((2, 2)), 1, connectivity=6), "connectivity is 6"),
        (lambda: component_counts(np.zeros((2, 2)), np.zeros((2, 2)), [1]), "float64"),
        (lambda: component_counts(np.zeros((2, 2), np.uint8), np.zeros((2, 3)), [1]), "truth .2, 3."),
        (lambda: component_counts(np.zeros((2, 2), np.uint8), np.zeros((2, 2)), [0]), "level 0"),
    ],
)
def test_what_does_not_fit_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
