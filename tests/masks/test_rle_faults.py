"""Run lengths: everything malformed is named, everything an encoder writes is sound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaggle_utils.masks.rle_faults import run_length_faults

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
