"""One Dice of all pixels together: what the statistics know, and that no rule is better than the one found."""

from itertools import product

import numpy as np
import pytest
from masks.test_search import FOLDS, LEVELS, PROBABILITIES, SCORES, TRUTHS, every_decision, every_rule, some_images

from kaggle_utils.masks.dice import dice_counts, dice_table, global_dice
from kaggle_utils.masks.global_dice import best_level_and_gate, global_curve
from kaggle_utils.masks.rules import OUTLINES, MaskDecision, masks_by_rule
from kaggle_utils.masks.search import counts_of, counts_of_empty, fit
from kaggle_utils.masks.statistics import measure
from kaggle_utils.masks.thinned import ThinnedMasks, best_dice, dice_by_fold

SEEN = measure(PROBABILITIES, TRUTHS, LEVELS, OUTLINES, pooled=True)
C = len(TRUTHS[0])


def drawn(decision, scores=SCORES):
    return np.stack([masks_by_rule(decision, *image) for image in zip(PROBABILITIES, scores, strict=True)])


def sums(counts):
    """(N, 2) of (N, C, 3) counts."""
    return np.column_stack([2 * counts[..., 0].sum(1), counts[..., 1:].sum((1, 2))])


@pytest.mark.parametrize("top_n, best_class", [(0, False), (50, True)])
def test_the_statistics_know_both_sums_of_every_decision(top_n, best_class):
    for rule in every_decision():
        decision = MaskDecision((rule,) * C, top_n, best_class)
        expected = sums(dice_counts(drawn(decision), TRUTHS))
        assert (counts_of(SEEN, decision, SCORES) == expected).all(), rule


def test_nothing_at_all_has_the_truth_below_the_line():
    assert (counts_of_empty(SEEN) == sums(dice_counts(np.zeros_like(TRUTHS), TRUTHS))).all()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_level_size_and_gate_together_have_a_higher_dice(seed):
    probabilities, truths, scores = some_images(seed)
    one = slice(0, 1)
    seen = measure(probabilities[:, one], truths[:, one], LEVELS, OUTLINES, pooled=True)
    scores = scores[:, one].round(1)
    found, best = fit(seen, FOLDS, scores, best_class=[False]), 0.0
    rules = [(rule, counts_of(seen, MaskDecision((rule,)))) for rule in every_rule(seen, 0)]
    for (_, counts), gate in product(rules, [0.0, *scores[:, 0].tolist(), 2.0]):
        total = np.where(scores >= gate, counts, counts_of_empty(seen)).sum(0)
        best = max(best, total[0] / total[1])
    assert found.fitted == pytest.approx(best, abs=1e-12)
    masks = [masks_by_rule(found.decision, *image) for image in zip(probabilities[:, one], scores, strict=True)]
    assert global_dice(dice_counts(np.stack(masks), truths[:, one])) == pytest.approx(best, abs=1e-12)


def test_what_a_weak_class_draws_costs_the_strong_one():
    """Alone the second class is best drawn (.25, not 0); with the first, whose Dice is .8, it is best left out: 16/24, not 24/52."""
    maps, truths = np.zeros((2, 2, 1, 40), np.uint8), np.zeros((2, 2, 1, 40), bool)
    maps[:, 0, 0, :6], truths[:, 0, 0, :4] = 250, True
    maps[:, 1, 0, :14], truths[:, 1, 0, :2] = 150, True
    alone, both = (measure(maps[:, some], truths[:, some], (100, 200), pooled=True) for some in (slice(1, 2), slice(2)))
    assert fit(alone, np.array([0, 1])).fitted == pytest.approx(0.25)
    assert global_dice(dice_counts(maps >= 100, truths)) == pytest.approx(24 / 52)
    assert fit(both, np.array([0, 1])).fitted == pytest.approx(16 / 24)


def test_nothing_to_find_and_nothing_found_is_no_score():
    nothing = np.zeros((2, 1, 4, 4), np.uint8)
    assert np.isnan(fit(measure(nothing, nothing, LEVELS, pooled=True), np.array([0, 1])).cross_fitted)


def test_thinned_masks_count_alike(tmp_path):
    masks = ThinnedMasks.create(tmp_path, len(TRUTHS), 1, TRUTHS.shape[1:], stride=1, pooled=True)
    for i, (values, truth) in enumerate(zip(PROBABILITIES, TRUTHS, strict=True)):
        masks.put(i, values[None], truth)
    counts = dice_by_fold(masks, FOLDS, LEVELS, [0.0])(np.ones((1, 1)))[0]  # (G, C, L, S, 2)
    expected = dice_counts((PROBABILITIES >= LEVELS[1])[FOLDS == 2], TRUTHS[FOLDS == 2]).sum(0)
    assert (counts[2, :, 1, 0] == np.column_stack([2 * expected[:, 0], expected[:, 1:].sum(1)])).all()
    tables = dice_table(PROBABILITIES, TRUTHS)[:, :, list(LEVELS)].sum(0)  # (C, L, 3)
    every = product(range(len(LEVELS)), repeat=C)
    assert best_dice(counts.sum(0)) == pytest.approx(max(global_dice(tables[np.arange(C), list(each)]) for each in every))


def test_the_curve_is_that_of_masks_drawn_level_by_level():
    curve = global_curve(PROBABILITIES[:, 0], TRUTHS[:, 0])
    for level in (0, 1, 77, 255):
        assert (curve[level] == dice_counts(PROBABILITIES[:, 0] >= level, TRUTHS[:, 0]).sum(0)).all()


@pytest.mark.parametrize("seed", range(5))
def test_no_level_and_gate_are_better_than_those_found(seed):
    probabilities, truths, scores = (one[:, 0] for one in some_images(seed))
    scores = scores.round(1)
    tables, best = dice_table(probabilities, truths), (0.0, None)
    for level, gate in product(range(1, 256), [0.0, *np.unique(scores).tolist(), 2.0]):
        masks = (probabilities >= level) & (scores >= gate)[:, None, None]
        best = max(best, (global_dice(dice_counts(masks, truths)), None))
    level, gate, found = best_level_and_gate(tables, scores)
    masks = (probabilities >= level) & (scores >= gate)[:, None, None]
    assert found == pytest.approx(best[0]) == pytest.approx(global_dice(dice_counts(masks, truths)))
