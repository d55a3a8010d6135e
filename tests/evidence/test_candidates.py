"""What taking the best of several candidates is worth."""

import numpy as np
import pandas as pd
import pytest
from kaggle_utils.competitions.clouds_comparison import Measured, chosen_without, dice_of_choices, fitted
from kaggle_utils.competitions.clouds_decision import Merge

from kaggle_utils.evidence.candidates import choose, chosen_anew
from kaggle_utils.masks.search import dice_of, fit_on
from kaggle_utils.masks.statistics import measure

FOLDS = np.repeat([0, 1, 2], 4)


def hits(sums: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return sums[:, 0] / sums[:, 1]


def measured(seed: int, other_truth_in: int | None = None) -> Measured:
    """Twelve images of 4 x 6 x 8 noise; in one fold the truth may be another."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (12, 4, 6, 8), dtype=np.uint8)
    truths = (rng.random(images.shape) < 0.3).astype(np.uint8)
    if other_truth_in is not None:
        truths[other_truth_in == FOLDS] = 1 - truths[other_truth_in == FOLDS]
    return Measured(Merge((str(seed),)), measure(images, truths, levels=[100, 128, 160]), rng.random((12, 4)))


def table(scores: list[float], gain_low: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"name": list("abcd")[: len(scores)], "f2": scores, "gain_low": gain_low})


def test_of_equals_the_first_and_of_nan_none_is_taken():
    assert choose(table([0.5, 0.5 + 1e-12, np.nan], [0, 0, 0]), list("abc"), "a", "f2") == "a"
    assert choose(table([0.5, 0.6, 0.7], [0, 0, 0]), ["a", "b"], "a", "f2") == "b"


def test_to_be_certain_a_gain_must_be_above_nothing():
    assert choose(table([0.5, 0.6, 0.7], [0, 0.01, -0.01]), list("abc"), "a", "f2", certain=True) == "b"
    assert choose(table([0.5, 0.6, 0.7], [0, -0.2, -0.01]), list("abc"), "a", "f2", certain=True) == "a"


@pytest.mark.parametrize("certain", [False, True])
def test_each_fold_gets_what_is_best_on_the_others(certain):
    better, worse = np.tile([9, 10], (6, 1)), np.tile([5, 10], (6, 1))
    counts = {"plain": {0: worse, 1: worse}, "good in 0": {0: worse, 1: better}, "good in 1": {0: better, 1: worse}}
    assert chosen_anew(counts, hits, "plain", certain) == {0: "good in 1", 1: "good in 0"}


def test_rules_of_a_candidate_have_seen_neither_fold():
    seen = measured(0)
    freedom = (seen.labels, (0, 17_500), (False, True))
    candidate = fitted(seen, FOLDS)
    expected = dice_of(seen.statistics, fit_on(FOLDS == 2, seen.statistics, *freedom), seen.labels)
    assert np.array_equal(candidate.without[0][FOLDS == 1], expected[FOLDS == 1])
    assert np.array_equal(candidate.without[1][FOLDS == 0], expected[FOLDS == 0])
    assert all(np.isnan(candidate.without[fold][FOLDS == fold]).all() for fold in (0, 1, 2))


def test_of_two_folds_the_other_is_judged_by_its_own_rule():
    seen, folds = measured(0), FOLDS % 2
    rule = fit_on(folds == 1, seen.statistics, seen.labels, (0, 17_500))
    assert np.array_equal(fitted(seen, folds).without[0][folds == 1], dice_of(seen.statistics, rule, seen.labels)[folds == 1])


@pytest.mark.parametrize("fold", [0, 1, 2])
def test_a_folds_truth_has_no_say_in_what_is_chosen_without_it(fold):
    names = range(4)
    before = {str(seed): fitted(measured(seed), FOLDS) for seed in names}
    after = {str(seed): fitted(measured(seed, other_truth_in=fold), FOLDS) for seed in names}
    assert all(np.array_equal(before[n].without[fold], after[n].without[fold], equal_nan=True) for n in before)
    choices = chosen_without(before, FOLDS, np.arange(12), "0")
    assert chosen_without(after, FOLDS, np.arange(12), "0")[fold] == choices[fold]
    worth = dice_of_choices(before, choices, FOLDS)
    assert np.array_equal(worth[fold == FOLDS], before[choices[fold]].dice[fold == FOLDS])
