"""Thresholds: every one tried as referee, the loop that everybody copies, and that rows are only rows."""

import numpy as np
import pytest

from kaggle_utils.labels.metrics import AVERAGES, LabelMetric
from kaggle_utils.labels.rules import LabelRule, labels_by_rule
from kaggle_utils.labels.search import fit_cuts, fit_one_cut

MACRO_F1 = LabelMetric("macro", beta=1)


def some_rows(seed, n=60, labels=4, steps=12):
    """Probabilities in few steps, so that many are equal, and truths that follow them."""
    rng = np.random.default_rng(seed)
    probability = np.round(rng.random((n, labels)) ** [1, 2, 3, 4][:labels] * steps) / steps
    return probability.astype(np.float32 if seed % 2 else np.float64), rng.random((n, labels)) < probability * 0.8 + 0.05


def score(probability, truth, cuts, metric):
    return metric.of(truth, probability >= np.array(cuts))


def every_cut(probability):
    return [*np.unique(probability), 2.0]


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("seed", range(6))
def test_no_single_cut_is_better_than_the_one_found(average, seed):
    probability, truth = some_rows(seed)
    metric = LabelMetric(average, beta=1 + seed % 2)
    best = max(score(probability, truth, [cut], metric) for cut in every_cut(probability))
    assert score(probability, truth, fit_one_cut(probability, truth, metric).cuts, metric) == pytest.approx(best)


@pytest.mark.parametrize("metric", [LabelMetric(), LabelMetric(beta=1), MACRO_F1, LabelMetric("weighted", 2)], ids=str)
@pytest.mark.parametrize("seed", range(4))
def test_no_cut_of_a_label_can_be_bettered_while_the_others_stay(metric, seed):
    probability, truth = some_rows(seed)
    rule = fit_cuts(probability, truth, metric)
    found = score(probability, truth, rule.cuts, metric)
    assert found >= score(probability, truth, fit_one_cut(probability, truth, metric).cuts, metric) - 1e-12
    for label in range(4):
        for cut in every_cut(probability[:, label]):
            moved = [*rule.cuts[:label], cut, *rule.cuts[label + 1 :]]
            assert score(probability, truth, moved, metric) <= found + 1e-9


def test_the_cuts_for_macro_f1_are_the_best_of_all_together():
    probability, truth = some_rows(1, n=25, labels=2, steps=6)
    best = max(score(probability, truth, [a, b], MACRO_F1) for a in every_cut(probability) for b in every_cut(probability))
    assert score(probability, truth, fit_cuts(probability, truth, MACRO_F1).cuts, MACRO_F1) == pytest.approx(best)


def copied_loop(probability, truth, metric, steps=100):
    cuts = [0.2] * truth.shape[1]
    for label in range(truth.shape[1]):
        best, found = 0.0, cuts[label]
        for step in range(steps):
            cuts[label] = step / steps
            value = score(probability, truth, cuts, metric)
            if value > best:
                best, found = value, cuts[label]
        cuts[label] = found
    return cuts


def test_the_loop_that_everybody_copies_finds_nothing_better():
    for seed in range(4):
        probability, truth = some_rows(seed, n=300, steps=1000)
        ours, theirs = fit_cuts(probability, truth).cuts, copied_loop(probability, truth, LabelMetric())
        assert score(probability, truth, ours, LabelMetric()) >= score(probability, truth, theirs, LabelMetric())


def test_a_label_that_only_costs_is_never_given_and_the_order_of_the_rows_does_not_matter():
    probability, truth = some_rows(1)
    truth[:, 3] = False
    for metric in (LabelMetric(), MACRO_F1):
        rule = fit_cuts(probability, truth, metric)
        assert rule.cuts[3] > 1 and not labels_by_rule(rule, probability)[:, 3].any()
        mixed = np.random.default_rng(0).permutation(len(truth))
        assert fit_cuts(probability[mixed], truth[mixed], metric) == rule


def test_of_equal_cuts_the_highest_is_taken():
    assert fit_one_cut(np.array([[0.9, 0.0]]), np.array([[True, False]])) == LabelRule((0.9,))


def test_constant_answers_are_cuts_of_equal_probabilities():
    """With nothing to tell images apart, a cut a label is the question which labels to give always."""
    truth = np.random.default_rng(0).random((500, 4)) < [0.9, 0.5, 0.2, 0.02]
    rule = fit_cuts(np.full(truth.shape, 0.5), truth)
    best = max((LabelMetric().of(truth, np.tile(np.array(s, bool), (500, 1))), s) for s in np.ndindex(2, 2, 2, 2))
    assert labels_by_rule(rule, np.full((1, 4), 0.5))[0].astype(int).tolist() == list(best[1])


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 3\), truth \(3, 2\)"):
        fit_cuts(np.zeros((2, 3)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="metric is micro"):
        fit_cuts(np.zeros((2, 3)), np.ones((2, 3)), LabelMetric("micro"))
    with pytest.raises(ValueError, match="is 1.5, expected 0 to 1"):
        fit_one_cut(np.full((1, 1), 1.5), np.ones((1, 1)))
