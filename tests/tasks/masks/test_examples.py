"""Examples: what the trainer reads and how an epoch is judged."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from clouds_fixtures import Trained, trained  # noqa: E402, F401

from kaggle_utils.competitions import clouds  # noqa: E402
from kaggle_utils.tasks.masks.cache import cached_truths, unpacked  # noqa: E402
from kaggle_utils.tasks.masks.examples import DiceMetric, MaskExamples  # noqa: E402


def test_masks_come_back_from_their_bits(trained: Trained) -> None:
    bits = cached_truths(clouds, trained.data, trained.cache, (48, 32))
    assert bits.shape == (10, 32, 48) and isinstance(bits, np.memmap)
    for row in range(10):
        assert (unpacked(bits[row], 4).transpose(2, 0, 1) == trained.data.masks(row, (32, 48))).all()


def test_other_masks_are_another_file(trained: Trained) -> None:
    texts = trained.data.texts.copy()
    texts[0] = ""
    emptied = cached_truths(clouds, replace(trained.data, texts=texts), trained.cache, (48, 32))
    assert not emptied[0].any() and cached_truths(clouds, trained.data, trained.cache, (48, 32))[0].any()


def test_image_and_masks_move_alike() -> None:
    """Where the image is bright there is class 1, before and after any draw."""
    image = np.zeros((1, 32, 48, 3), np.uint8)
    image[0, :10, :20] = 200
    bits = (image[..., 0] > 0).astype(np.uint8) << 1
    examples = MaskExamples(image, bits, 4, "flips")
    moved = 0
    for draw in (None, *range(6)):
        picture, (masks, labels) = examples[0, draw]
        assert picture.shape == (3, 32, 48) and picture.dtype == torch.uint8
        assert torch.equal(picture[0] > 0, masks[1] > 0) and labels.tolist() == [0, 1, 0, 0]
        moved += not torch.equal(picture, examples[0, None][0])
    assert moved > 1


def test_the_metric_by_hand() -> None:
    """Class 0 half hit at .3 and .4 (2*4/(4+8) = .667), nowhere else; three empty pairs; a speck that is too small."""
    bits = np.zeros((1, 4, 8), np.uint8)
    bits[0, 0, :4] = 1
    masks = np.zeros((1, 4, 4, 8), np.float32)
    masks[0, 0, 0], masks[0, 2, 3, 3] = 0.45, 0.9
    found = DiceMetric(bits, 4, least_share=0.05)([(np.array([0]), (masks, np.zeros((1, 4))))])
    assert found["dice"] == pytest.approx((2 / 3 + 3) / 4) and found["level"] == 0.3
    assert DiceMetric(bits, 4, least_share=0.0)([(np.array([0]), (masks, None))])["dice"] == pytest.approx((2 / 3 + 2) / 4)


def test_grey_pictures_have_one_channel_from_the_cache_to_the_model() -> None:
    assert clouds.KIND.parameters({"grayscale": True}).model.channels == 1
    assert clouds.KIND.parameters({"grayscale": False}).changed() == {}
    image, (masks, _) = MaskExamples(np.zeros((1, 8, 16, 1), np.uint8), np.zeros((1, 8, 16), np.uint8), 4, "flips")[0, 1]
    assert image.shape == (1, 8, 16) and masks.shape == (4, 8, 16)
