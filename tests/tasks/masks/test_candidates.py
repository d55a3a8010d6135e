"""Candidates of masks: cross-fitted, compared over groups, and chosen anew without each part."""

import numpy as np
import pytest

from kaggle_utils.evidence.candidates import choose
from kaggle_utils.masks.search import dice_of, fit_on
from kaggle_utils.masks.statistics import measure
from kaggle_utils.tasks.masks.candidates import (
    Measured,
    chosen_without,
    counts_of_choices,
    dice_gains,
    dice_where_test_like,
    fitted,
    merges_of,
    score,
)
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
    candidate = fitted(seen, PARTS)
    rule = fit_on(PARTS == 2, seen.statistics, seen.labels, TOP, (False, True))
    expected = mean_dice(dice_of(seen.statistics, rule, seen.labels))
    assert np.array_equal(candidate.without[0][PARTS == 1], expected[PARTS == 1])
    assert np.array_equal(candidate.without[1][PARTS == 0], expected[PARTS == 0])
    assert all(np.isnan(candidate.without[part][PARTS == part]).all() for part in (0, 1, 2))


def test_of_two_parts_the_other_is_judged_by_its_own_rule() -> None:
    seen, parts = measured(0), PARTS % 2
    rule = fit_on(parts == 1, seen.statistics, seen.labels, TOP)
    expected = mean_dice(dice_of(seen.statistics, rule, seen.labels))
    assert np.array_equal(fitted(seen, parts).without[0][parts == 1], expected[parts == 1])


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_parts_truth_has_no_say_in_what_is_chosen_without_it(part: int) -> None:
    names = range(4)
    before = {str(seed): fitted(measured(seed), PARTS) for seed in names}
    after = {str(seed): fitted(measured(seed, other_truth_in=part), PARTS) for seed in names}
    assert all(np.array_equal(before[n].without[part], after[n].without[part], equal_nan=True) for n in before)
    choices = chosen_without(before, PARTS, np.arange(12), "0")
    assert chosen_without(after, PARTS, np.arange(12), "0")[part] == choices[part]
    worth = counts_of_choices(before, choices, PARTS)
    assert np.array_equal(worth[part == PARTS], before[choices[part]].counts[part == PARTS])


def test_a_score_is_a_ratio_of_sums_whatever_the_counts() -> None:
    """Pixels in common, doubled, and of both masks: a Dice over all pixels, 2 * 3 / (4 + 8), is no mean of Dice."""
    assert score(np.array([[4.0, 4.0], [2.0, 8.0]])) == 0.5
    table = dice_gains({"a": np.array([[4.0, 4.0], [2.0, 8.0]])}, np.arange(2), "a")
    assert table["dice"].tolist() == [0.5]


def test_gains_have_intervals_over_groups_and_the_certain_one_is_chosen() -> None:
    rng = np.random.default_rng(0)
    base = rng.random((40, 4)) / 2
    dice = {"base": base, "surely": base + 0.1, "perhaps": base + rng.normal(0.12, 1.5, (40, 4))}
    counts = {name: mean_dice(one) for name, one in dice.items()}
    table = dice_gains(counts, np.repeat(np.arange(20), 2), "base").set_index("name")
    assert table.loc["surely", ["gain_low", "gain_high"]].round(6).tolist() == [0.1, 0.1]
    assert table.loc["perhaps", "gain_low"] < 0 < table.loc["perhaps", "gain_high"]
    assert choose(table.reset_index(), list(dice), "base", "dice", certain=True) == "surely"
    assert choose(table.reset_index(), ["base"], "base", "dice", certain=True) == "base"


def test_the_most_test_like_items_have_a_table_of_their_own() -> None:
    dice = np.arange(40.0).reshape(10, 4) / 40
    counts = {"one half": mean_dice(dice), "rule": mean_dice(np.full((10, 4), 0.9))}
    test_like = np.array([0, 9, 8, 1, 1, 1, 1, 1, 1, 2]) / 10  # rows 1, 2 and 9 are the likest
    table = dice_where_test_like(counts, test_like, np.arange(10), "one half", share=0.3)
    assert table["dice"].round(9).tolist() == [round(dice[[1, 2, 9]].mean(), 9), 0.9] and table["items"].tolist() == [3, 3]


def test_each_set_is_doubled_in_turn() -> None:
    assert merges_of(["a", "b", "c"])["2 x b"] == Merge(("a", "b", "c"), (1.0, 2.0, 1.0))
