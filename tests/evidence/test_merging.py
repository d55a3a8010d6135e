"""Bytes merged by the compiled loops are those of the same sums over arrays of floats, to the bit."""

import numpy as np
import pytest

from kaggle_utils.evidence.eight_bits import as_bytes, from_bytes
from kaggle_utils.evidence.merging import HOW, merged, merged_bytes


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(
    "members, weights", [([0], None), ([2, 0], None), ([0, 1, 2], (2.0, 1.0, 0.0)), ([1, 1, 2], (0.3, 0.3, 5.0))]
)
def test_merged_bytes_are_those_of_merged_floats(how, members, weights):
    values = np.random.default_rng(0).integers(0, 256, (3, 2, 50, 70), dtype=np.uint8)
    values[:, 0, :2, :3] = [[[0, 255, 128]] * 2] * 3
    weights = None if how == "maximum" else weights
    floats = merged([from_bytes(values[m]) for m in members], weights, how, 0.4)
    found = merged_bytes(values, members, weights, how, 0.4)
    assert found.dtype == np.uint8 and np.array_equal(found, as_bytes(np.clip(floats, 0, 1)))


def test_every_pair_of_bytes_is_merged_as_its_floats_are():
    pairs = np.stack(np.meshgrid(np.arange(256), np.arange(256))).astype(np.uint8)
    for how in HOW:
        floats = merged([from_bytes(one) for one in pairs], how=how)
        assert np.array_equal(merged_bytes(pairs, [0, 1], how=how), as_bytes(np.clip(floats, 0, 1)))


def test_what_does_not_fit_is_refused():
    values = np.zeros((2, 3), np.uint8)
    with pytest.raises(ValueError, match="'median'"):
        merged_bytes(values, [0, 1], how="median")
    with pytest.raises(ValueError, match="expected 2 of 0 or more"):
        merged_bytes(values, [0, 1], weights=[1.0])
