"""Thinned masks: what they hold, and the counts by fold against masks drawn one by one."""

import numpy as np
import pytest

from kaggle_utils.learning.store import PredictionStore
from kaggle_utils.masks.dice import dice_counts, dice_from_counts
from kaggle_utils.masks.thinned import best_dice, dice_by_fold, thin

ROWS, LEVELS, SIZES = [2, 5, 7, 9], (60, 130), (0.0, 0.5)


@pytest.fixture
def case(tmp_path):
    """Two stores of four images with two classes of 10 x 15 pixels, and their truths."""
    rng = np.random.default_rng(0)
    stores = []
    for name in ("a", "b"):
        stores.append(PredictionStore.create(tmp_path / f"{name}.npy", ROWS, (2, 10, 15)))
        stores[-1].write(ROWS, rng.random((4, 2, 10, 15)))
    truths = rng.random((4, 2, 10, 15)) > 0.5
    truths[1, 0] = False
    return stores, truths


def test_pixels_at_regular_places_are_kept(case, tmp_path):
    stores, truths = case
    masks = thin(stores, ROWS, truths, tmp_path, stride=5)
    assert masks.members.shape == (4, 2, 2, 2, 3) and masks.truths.shape == (4, 2, 2, 3)
    assert (masks.members[3, 1] == np.rint(255 * stores[1].read([9])[0][:, [2, 7]][:, :, [2, 7, 12]])).all()
    assert (masks.truths[1] == truths[1][:, [2, 7]][:, :, [2, 7, 12]]).all()


def test_counts_are_those_of_masks_drawn_one_by_one(case, tmp_path):
    stores, truths = case
    masks, fold, weights = thin(stores, ROWS, truths, tmp_path, stride=1), np.array([8, 3, 8, 3]), np.array([[0.25, 0.75], [1, 0]])
    sums = dice_by_fold(masks, fold, LEVELS, SIZES)(weights)
    assert sums.shape == (2, 2, 2, 2, 2, 2) and (sums[..., 1] == 2).all()
    expected = np.zeros(sums.shape[:-1])
    for k, g, c, t, s in np.ndindex(expected.shape):
        for i in np.flatnonzero(fold == (3, 8)[g]):
            mean = sum(w * np.rint(255 * store.read([ROWS[i]])[0][c]) for w, store in zip(weights[k], stores, strict=True))
            mask = np.floor(mean + 0.5) >= LEVELS[t]
            mask &= mask.mean() >= SIZES[s]  # all of it or nothing
            expected[k, g, c, t, s] += dice_from_counts(dice_counts(mask, truths[i, c]))
    assert sums[..., 0] == pytest.approx(expected, abs=1e-12)
    assert np.ptp(expected, axis=(0, 3, 4)).min() > 0  # weights, levels and sizes do make a difference


def test_each_class_has_its_own_best_level_and_size():
    sums = np.zeros((2, 2, 2, 2))
    sums[..., 1] = 4
    sums[0, 1, 0, 0], sums[1, 0, 1, 0] = 4, 2
    assert best_dice(sums) == (1 + 0.5) / 2
