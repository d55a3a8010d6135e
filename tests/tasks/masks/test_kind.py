"""What a competition of masks says of itself, and when two of its answers are the same."""

import pytest

from kaggle_utils.tasks.masks.kind import Masks


def test_a_few_pixels_are_the_same_answer_and_a_mask_more_is_not() -> None:
    kind = Masks(4, (350, 525))
    assert kind.same("|||1 1000", "|||1 995") and not kind.same("|||1 1000", "|||1 700")
    assert not kind.same("|||", "||9 1|") and kind.same("|||", "|||")


def test_more_classes_than_a_byte_has_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="there are 9 classes, expected 1 to 8"):
        Masks(9, (350, 525))
