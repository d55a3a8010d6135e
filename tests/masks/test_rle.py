"""Run lengths: known answers, the round trip, pycocotools as referee; what is not sound is refused and named."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from kaggle_utils.masks.rle import (
    mask_from_rle,
    masks_from_rles,
    rle_from_mask,
    rles_from_masks,
    run_length_faults,
    runs_from_rle,
)

EMPTY = st.sampled_from(["", "-"])
MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12))


def test_a_full_mask_is_one_run():
    assert rle_from_mask(np.ones((3, 4), np.uint8)) == "1 12"


def test_the_first_and_the_last_pixel():
    mask = np.zeros((3, 4), bool)
    mask[0, 0] = mask[2, 3] = True
    assert rle_from_mask(mask) == "1 1 12 1"  # the last of 3 x 4 pixels is number 12


def test_pixels_are_numbered_down_the_columns():
    mask = np.zeros((3, 4), bool)
    mask[1, 2] = True
    assert rle_from_mask(mask) == "8 1"  # two columns of 3 before it, then the second from the top


def test_a_run_goes_on_at_the_top_of_the_next_column():
    assert rle_from_mask(np.array([[0, 1], [0, 1], [1, 0]])) == "3 3"


def test_an_empty_mask_is_an_empty_text_or_a_dash():
    mask = np.zeros((3, 4), bool)
    assert rle_from_mask(mask) == "" and rle_from_mask(mask, empty="-") == "-"
    assert not mask_from_rle("", (3, 4)).any() and not mask_from_rle("-", (3, 4), empty="-").any()


def test_an_empty_cell_read_by_pandas_is_an_empty_mask():
    assert not masks_from_rles([float("nan"), None, np.nan], (2, 2)).any()


@given(MASKS, EMPTY)
def test_a_mask_comes_back_from_its_text(mask, empty):
    again = mask_from_rle(rle_from_mask(mask, empty), mask.shape, empty)
    assert again.dtype == np.uint8 and np.array_equal(again, mask)


@given(MASKS, EMPTY)
def test_what_is_written_has_no_faults_and_its_lengths_are_the_area(mask, empty):
    text = rle_from_mask(mask, empty)
    assert run_length_faults(text, mask.shape, empty) == []
    assert runs_from_rle(text, mask.shape, empty)[:, 1].sum() == mask.sum()


@given(MASKS)
def test_pycocotools_sees_the_same_runs(mask):
    coco = pytest.importorskip("pycocotools.mask")
    gaps = np.zeros(0, np.int64)  # COCO counts pixels: zeros, ones, zeros, ... from the first pixel on
    runs = runs_from_rle(rle_from_mask(mask), mask.shape)
    if len(runs):
        starts, stops = runs[:, 0] - 1, runs.sum(1) - 1
        gaps = np.stack([starts - np.r_[0, stops[:-1]], runs[:, 1]], 1).ravel()
    counts = [*gaps.tolist(), mask.size - int(gaps.sum())]
    theirs = coco.decode(coco.frPyObjects({"size": list(mask.shape), "counts": counts}, *mask.shape))
    assert np.array_equal(theirs, mask)


@given(MASKS, st.sampled_from([np.uint8, np.int32, np.int64]), st.sampled_from([1, 255]))
def test_numbers_and_slices_of_a_mask_are_taken_as_they_are(mask, dtype, one):
    wide = np.zeros((mask.shape[0], 2 * mask.shape[1]), dtype)
    wide[:, ::2] = mask * dtype(one)
    assert rle_from_mask(wide[:, ::2]) == rle_from_mask(mask)


def test_without_orjson_the_text_is_the_same(monkeypatch):
    mask = np.random.default_rng(0).random((40, 30)) > 0.5
    with_it = rle_from_mask(mask)
    monkeypatch.setitem(sys.modules, "orjson", None)
    assert rle_from_mask(mask) == with_it


@pytest.mark.parametrize(
    "text, said",
    [
        ("1 3 5", "5 has no length"),
        ("1 3 5 0", "the run 5 0 is empty"),
        ("1 3 5 -2", "the run 5 -2 holds '-2'"),
        ("0 3", "the run 0 3 starts at pixel 0"),
        ("1 2 11 3", "the run 11 3 is beyond the last pixel, 12"),
        ("99999999999999999999 1", "the run 99999999999999999999 1 is beyond the last pixel, 12"),
        ("2 99999999999999999999", "the run 2 99999999999999999999 is beyond the last pixel, 12"),
        ("1 3 3 2", "the run 3 2 overlaps the run 1 3"),
        ("7 2 1 3", "the run 1 3 comes after one that starts at 7"),
        ("1 3 x 2", "the run x 2 holds 'x'"),
        ("1 3.0", "the run 1 3.0 holds '3.0'"),
        ("1 ²", "the run 1 ² holds '²'"),
        ("-", "1 numbers"),
        (" ", "an empty mask is ' ', expected ''"),
    ],
)
def test_a_malformed_text_is_refused_and_its_run_named(text, said):
    with pytest.raises(ValueError) as refusal:
        mask_from_rle(text, (3, 4))
    assert said in str(refusal.value) and "3x4" in str(refusal.value)


@given(st.text("0123 -x\t", max_size=9), EMPTY)
@settings(max_examples=300)
def test_a_text_is_refused_exactly_where_it_has_faults(text, empty):
    faults = run_length_faults(text, (3, 4), empty)
    if not faults:
        assert runs_from_rle(text, (3, 4), empty).ndim == 2
    else:
        with pytest.raises(ValueError, match="3x4"):
            runs_from_rle(text, (3, 4), empty)


def test_the_wrong_row_of_many_is_named():
    with pytest.raises(ValueError, match="row 1: .* the run 4 2 is beyond"):
        masks_from_rles(["1 2", "4 2"], (2, 2))


@pytest.mark.parametrize("shape", [(1024, 1024), (1031, 1033), (1400, 2100)])
def test_large_masks_come_back_to_the_last_pixel(shape):
    mask = np.random.default_rng(0).random(shape) > 0.999
    mask[0, 0] = mask[-1, -1] = True
    assert np.array_equal(mask_from_rle(rle_from_mask(mask), shape), mask)


def test_many_masks_are_texts_in_their_order():
    masks = np.eye(4, dtype=np.uint8).reshape(4, 2, 2)
    texts = rles_from_masks(masks, empty="-")
    assert texts == ["1 1", "3 1", "2 1", "4 1"]
    assert np.array_equal(masks_from_rles(texts, (2, 2), empty="-"), masks)


@pytest.mark.parametrize("mask", [np.zeros(4, bool), np.zeros((2, 2)), np.zeros((1, 2, 2), bool)])
def test_what_is_no_mask_is_refused(mask):
    with pytest.raises(ValueError, match="expected .H, W. bool or whole numbers"):
        rle_from_mask(mask)


def test_a_number_is_no_text():
    with pytest.raises(ValueError, match="are 12, expected text"):
        mask_from_rle(12, (3, 4))


def test_real_masks_come_back(real_data):
    pandas = pytest.importorskip("pandas")
    table = pandas.read_csv(real_data / "input" / "understanding_cloud_organization" / "train.csv", nrows=16)
    masks = masks_from_rles(table["EncodedPixels"].tolist(), (1400, 2100))
    assert rles_from_masks(masks) == table["EncodedPixels"].fillna("").tolist()


SHAPE = (4, 5)  # 20 pixels


def encoded(mask: np.ndarray, empty: str) -> str:
    """Run lengths by definition: walk the pixels from top to bottom, then left to right."""
    padded = np.concatenate([[0], mask.ravel(order="F"), [0]])
    changes = np.flatnonzero(np.diff(padded)) + 1
    return " ".join(map(str, np.ravel([(a, b - a) for a, b in changes.reshape(-1, 2)]))) or empty


@given(st.lists(st.booleans(), min_size=20, max_size=20), st.sampled_from(["", "-"]))
def test_whatever_an_encoder_writes_is_sound(pixels, empty):
    assert run_length_faults(encoded(np.reshape(pixels, SHAPE).astype(int), empty), SHAPE, empty) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("1", "1 numbers, expected pairs of start and length: 1 has no length"),
        ("1 2 3", "3 numbers, expected pairs of start and length: 3 has no length"),
        ("1 x", "the run 1 x holds 'x', expected whole numbers of 0 or more"),
        ("1 2.5", "the run 1 2.5 holds '2.5', expected whole numbers of 0 or more"),
        ("1 -2", "the run 1 -2 holds '-2', expected whole numbers of 0 or more"),
        ("1 ²", "the run 1 ² holds '²', expected whole numbers of 0 or more"),
        ("nan nan", "the run nan nan holds 'nan', expected whole numbers of 0 or more"),
        ("1 0", "the run 1 0 is empty"),
        ("0 3", "the run 0 3 starts at pixel 0, the first is 1"),
        ("9 2 1 2", "the run 1 2 comes after one that starts at 9, expected rising starts"),
        ("1 5 5 1", "the run 5 1 overlaps the run 1 5"),
        ("3 1 3 1", "the run 3 1 overlaps the run 3 1"),
        ("20 2", "the run 20 2 is beyond the last pixel, 20"),
        ("21 1", "the run 21 1 is beyond the last pixel, 20"),
    ],
)
def test_the_fault_is_named(text, fault):
    assert run_length_faults(text, SHAPE) == [fault]


def test_the_last_pixel_belongs_to_the_image():
    assert run_length_faults("1 1 20 1", SHAPE) == []


def test_runs_may_touch():
    assert run_length_faults("1 2 3 2", SHAPE) == []


def test_each_kind_of_fault_is_told_once():
    assert run_length_faults("1 9 2 1 3 1 30 1 40 1", SHAPE) == [
        "the run 2 1 overlaps the run 1 9",
        "the run 30 1 is beyond the last pixel, 20",
    ]


@pytest.mark.parametrize(("text", "empty"), [("", "-"), (" ", ""), ("  ", "-")])
def test_an_empty_mask_must_be_written_as_the_competition_wants_it(text, empty):
    assert run_length_faults(text, SHAPE, empty) == [f"an empty mask is {text!r}, expected {empty!r}"]


def test_a_dash_is_a_fault_where_empty_masks_are_empty_texts():
    assert run_length_faults("-", SHAPE) == ["1 numbers, expected pairs of start and length: - has no length"]
