"""8 bits: rounded once, and what that costs is said."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kaggle_utils.evidence.eight_bits import as_bytes, eight_bit_cost, from_bytes


@given(arrays(np.float32, (4, 7), elements=st.floats(0, 1, width=32)))
def test_rounding_is_off_by_half_a_step_at_most_and_done_once(p):
    back = from_bytes(as_bytes(p))
    assert np.abs(back - p).max() <= 1 / 510 + 1e-6
    assert np.array_equal(as_bytes(back), as_bytes(p))


def test_all_256_values_come_back():
    values = np.arange(256, dtype=np.uint8)
    assert np.array_equal(as_bytes(from_bytes(values)), values)


@pytest.mark.parametrize("wrong", [np.nan, -0.1, 1.01])
def test_what_is_no_probability_is_refused(wrong):
    with pytest.raises(ValueError, match="expected 0 to 1"):
        as_bytes(np.array([0.5, wrong]))


def test_what_8_bits_cost_in_dice_is_said():
    rng = np.random.default_rng(0)
    truth = rng.random((40, 1000)) < 0.3
    p = (truth * 0.4 + rng.random(truth.shape) * 0.6).astype(np.float32)

    def dice(probabilities):
        guess = probabilities > 0.45
        return float((2 * (guess & truth).sum(1) / (guess.sum(1) + truth.sum(1))).mean())

    assert abs(eight_bit_cost(p, dice)) < 0.003 and eight_bit_cost(from_bytes(as_bytes(p)), dice) == 0
