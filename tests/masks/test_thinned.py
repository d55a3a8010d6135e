"""Thinned masks: what they hold, and the counts by fold against masks drawn one by one."""

import numpy as np
import pytest

from kaggle_utils.masks.dice import dice_counts, dice_from_counts
from kaggle_utils.masks.thinned import ThinnedMasks, best_dice, dice_by_fold, dice_of_merges

LEVELS, SIZES = (60, 130), (0.0, 0.5)


@pytest.fixture
def case():
    """Two members' bytes of four images with two classes of 10 x 15 pixels, (2, 4, 2, 10, 15), and their truths."""
    rng = np.random.default_rng(0)
    members, truths = rng.integers(0, 256, (2, 4, 2, 10, 15), dtype=np.uint8), rng.random((4, 2, 10, 15)) > 0.5
    truths[1, 0] = False
    return members, truths


def thin(members, truths, folder, stride):
    masks = ThinnedMasks.create(folder, 4, 2, (2, 10, 15), stride)
    for i in range(4):
        masks.put(i, members[:, i], truths[i])
    return masks


def test_pixels_at_regular_places_are_kept(case, tmp_path):
    members, truths = case
    masks = thin(members, truths, tmp_path, stride=5)
    assert masks.members.shape == (4, 2, 2, 2, 3) and masks.truths.shape == (4, 2, 2, 3)
    assert (masks.members[3, 1] == members[1, 3][:, [2, 7]][:, :, [2, 7, 12]]).all()
    assert (masks.truths[1] == truths[1][:, [2, 7]][:, :, [2, 7, 12]]).all()


def test_counts_are_those_of_masks_drawn_one_by_one(case, tmp_path):
    members, truths = case
    masks, fold, weights = thin(members, truths, tmp_path, stride=1), np.array([8, 3, 8, 3]), np.array([[0.25, 0.75], [1, 0]])
    sums = dice_by_fold(masks, fold, LEVELS, SIZES)(weights)
    assert sums.shape == (2, 2, 2, 2, 2, 2) and (sums[..., 1] == 2).all()
    expected = np.zeros(sums.shape[:-1])
    for k, g, c, t, s in np.ndindex(expected.shape):
        for i in np.flatnonzero(fold == (3, 8)[g]):
            mean = sum(w * one[i, c].astype(float) for w, one in zip(weights[k], members, strict=True))
            mask = np.floor(mean + 0.5) >= LEVELS[t]
            mask &= mask.mean() >= SIZES[s]  # all of it or nothing
            expected[k, g, c, t, s] += dice_from_counts(dice_counts(mask, truths[i, c]))
    assert sums[..., 0] == pytest.approx(expected, abs=1e-12)
    assert np.ptp(expected, axis=(0, 3, 4)).min() > 0  # weights, levels and sizes do make a difference


def test_merges_that_are_no_means_are_counted_alike(case, tmp_path):
    members, truths = case
    masks, fold = thin(members, truths, tmp_path, stride=1), np.array([8, 3, 8, 3])
    found = dice_of_merges(masks, [lambda values: values[0], lambda values: values.max(0)], fold, LEVELS, SIZES)
    assert np.array_equal(found[0], dice_by_fold(masks, fold, LEVELS, SIZES)(np.array([[1.0, 0.0]]))[0])
    highest = thin(np.stack([members.max(0)] * 2), truths, tmp_path, stride=1)
    assert np.array_equal(found[1], dice_by_fold(highest, fold, LEVELS, SIZES)(np.array([[0.5, 0.5]]))[0])


def test_the_files_have_no_name_from_the_start(case, tmp_path):
    masks = thin(*case, tmp_path / "spot", stride=1)
    assert list((tmp_path / "spot").iterdir()) == [] and (masks.members == case[0].swapaxes(0, 1)).all()


def test_each_class_has_its_own_best_level_and_size():
    sums = np.zeros((2, 2, 2, 2))
    sums[..., 1] = 4
    sums[0, 1, 0, 0], sums[1, 0, 1, 0] = 4, 2
    assert best_dice(sums) == (1 + 0.5) / 2
