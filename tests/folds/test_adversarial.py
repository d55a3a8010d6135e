"""Telling train from test: nothing where there is nothing, a shift where there is one."""

import numpy as np
import pytest

from kaggle_utils.folds.adversarial import adversarial_validation, auc, fit_logistic, image_features


def test_two_draws_of_the_same_are_not_told_apart() -> None:
    rng = np.random.default_rng(0)
    found = adversarial_validation(rng.normal(size=(300, 6)), rng.normal(size=(150, 6)), list("abcdef"))
    assert found.low < 0.5 < found.high and "not told apart" in str(found)


def test_a_shift_is_seen_and_named_and_the_likest_rows_come_out() -> None:
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(300, 3)), rng.normal(size=(100, 3)) + [0, 1.5, 0]
    found = adversarial_validation(train, test, ["red", "haze", "blue"])
    assert found.auc > 0.8 and next(iter(found.weights)) == "haze" and found.weights["haze"] > 0
    assert found.train.shape == (300,) and found.test.shape == (100,)
    most = np.argsort(-found.train)[:30]
    assert train[most, 1].mean() > 1.0


def test_images_known_by_heart_would_show_but_do_not() -> None:
    """More features than rows: fitted on all rows it would be perfect, out of fold it is chance."""
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(60, 80))
    found = adversarial_validation(rows[:40], rows[40:], [str(i) for i in range(80)], penalty=0.01)
    weights = fit_logistic(rows, np.arange(60) >= 40, penalty=0.01)
    assert auc(rows @ weights[1:], np.arange(60) >= 40) == 1.0 and found.auc < 0.75


def test_auc_is_the_share_of_pairs_in_order() -> None:
    rng = np.random.default_rng(0)
    score, positive = rng.integers(0, 8, 60) / 8, rng.random(60) < 0.4
    pairs = [(a > b) + 0.5 * (a == b) for a in score[positive] for b in score[~positive]]
    assert auc(score, positive) == pytest.approx(np.mean(pairs))
    assert np.isnan(auc(score, np.zeros(60, bool)))


def test_logistic_weights_are_where_the_gradient_vanishes() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 3))
    positive = rng.random(200) < 1 / (1 + np.exp(-rows[:, 0]))
    weights = fit_logistic(rows, positive, penalty=2.0)
    p = 1 / (1 + np.exp(-(weights[0] + rows @ weights[1:])))
    importance = 0.5 / np.where(positive, positive.mean(), 1 - positive.mean())
    assert np.abs(rows.T @ (importance * (p - positive)) + 2.0 * weights[1:]).max() < 1e-6


def test_features_see_black_light_and_grain() -> None:
    rng = np.random.default_rng(0)
    fine = rng.integers(100, 156, (70, 105, 3), dtype=np.uint8)
    dark = fine.copy()
    dark[:, :21] = 0
    assert image_features(dark)["black"] == pytest.approx(0.2)
    assert image_features(dark)["region00"] < image_features(fine)["region00"]
    flat = np.full_like(fine, 128)
    assert image_features(fine)["contrast0"] > 1 > image_features(flat)["contrast0"]
