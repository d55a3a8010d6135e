"""Candidates of masks: cross-fitted, compared over groups, and chosen anew without each part."""

import numpy as np
import pytest

from kaggle_utils.masks.search import dice_of, fit_on
from kaggle_utils.masks.statistics import measure
from kaggle_utils.tasks.masks.candidates import Measured, fitted, merges_of
from kaggle_utils.tasks.masks.decision import Merge

PARTS = np.repeat([0, 1, 2], 4)
TOP = (0, 17_500)


def mean_dice(dice: np.ndarray) -> np.ndarray:
    """(N, 2) counts of (N, 4) Dice."""
    return np.column_stack([dice.sum(1), np.full(len(dice), 4.0)])


def measured(seed: int, other_truth_in: int | None = None) -> Measured:
    """Twelve items of 4 x 6 x 8 noise; in one part the truth may be another."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (12, 4, 6, 8), dtype=np.uint8)
    truths = (rng.random(images.shape) < 0.3).astype(np.uint8)
    if other_truth_in is not None:
        truths[other_truth_in == PARTS] = 1 - truths[other_truth_in == PARTS]
    return Measured(Merge((str(seed),)), measure(images, truths, levels=[100, 128, 160]), rng.random((12, 4)), TOP)


def test_rules_of_a_candidate_have_seen_neither_part() -> None:
    seen = measured(0)
    candidate = fitted(seen, PARTS, gate=True, best_class=(False, True))
    rule = fit_on(PARTS == 2, seen.statistics, seen.labels, TOP, (False, True))
    expected = mean_dice(dice_of(seen.statistics, rule, seen.labels))
    assert np.array_equal(candidate.without[0][PARTS == 1], expected[PARTS == 1])
    assert np.array_equal(candidate.without[1][PARTS == 0], expected[PARTS == 0])
    assert all(np.isnan(candidate.without[part][PARTS == part]).all() for part in (0, 1, 2))


def test_of_two_parts_the_other_is_judged_by_its_own_rule() -> None:
    seen, parts = measured(0), PARTS % 2
    rule = fit_on(parts == 1, seen.statistics)
    expected = mean_dice(dice_of(seen.statistics, rule))
    assert np.array_equal(fitted(seen, parts).without[0][parts == 1], expected[parts == 1])


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_parts_truth_has_no_say_in_what_is_measured_without_it(part: int) -> None:
    before, after = fitted(measured(0), PARTS, gate=True), fitted(measured(0, other_truth_in=part), PARTS, gate=True)
    assert np.array_equal(before.without[part], after.without[part], equal_nan=True)
    assert not np.array_equal(before.counts[part == PARTS], after.counts[part == PARTS])


def test_each_set_is_doubled_in_turn() -> None:
    assert merges_of(["a", "b", "c"])["2 x b"] == Merge(("a", "b", "c"), (1.0, 2.0, 1.0))
