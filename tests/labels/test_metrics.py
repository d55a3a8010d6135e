"""Metrics of labels beside scikit-learn's, their cases worked by hand, and counts that add up."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import fbeta_score

from kaggle_utils.evidence.intervals import bootstrap_interval
from kaggle_utils.labels.metrics import AVERAGES, LabelMetric, label_counts, mean_f2, precision_and_recall
from kaggle_utils.labels.scorecard import label_scorecard

PAIRS = st.tuples(st.integers(1, 9), st.integers(2, 5)).flatmap(lambda shape: st.tuples(*[arrays(bool, shape)] * 2))
SOME = np.random.default_rng(0).random((2, 50, 6)) < [0.9, 0.5, 0.3, 0.2, 0.1, 0.02]


@given(PAIRS, st.sampled_from([*AVERAGES]), st.sampled_from([0.5, 1.0, 2.0]))
def test_every_average_is_scikit_learns(pair, average, beta):
    expected = fbeta_score(*pair, beta=beta, average=average, zero_division=0)
    assert LabelMetric(average, beta).of(*pair) == pytest.approx(expected, abs=1e-12)


def test_by_hand():
    """Image 1: 1 hit of 2 true, 1 predicted: 5 / (8 + 1). Image 2: 1 hit of 1, 3 predicted: 5 / (4 + 3)."""
    assert mean_f2([[1, 1, 0], [0, 1, 0]], [[1, 0, 0], [1, 1, 1]]) == pytest.approx((5 / 9 + 5 / 7) / 2)


def test_nothing_predicted_is_worth_nothing_even_where_nothing_is_true():
    assert mean_f2([[1, 0], [0, 0]], np.zeros((2, 2))) == 0
    assert np.isnan(mean_f2(np.zeros((0, 3)), np.zeros((0, 3))))


@pytest.mark.parametrize("average", AVERAGES)
def test_counts_of_rows_add_up_to_the_score_and_have_an_interval(average):
    metric = LabelMetric(average)
    counts = metric.counts(*SOME)
    assert metric.score(counts.sum(0, keepdims=True))[0] == pytest.approx(metric.of(*SOME), abs=1e-12)
    by_group = np.array([counts[k::5].sum(0) for k in range(5)])
    interval = bootstrap_interval(by_group, metric.score, n=200)
    assert interval.value == pytest.approx(metric.of(*SOME)) and interval.low < interval.value < interval.high


def test_a_rare_label_pulls_macro_down_and_weighted_hardly():
    """Nine of ten have the first label, found always; one in a hundred the second, never found."""
    truth = np.column_stack([np.arange(100) < 90, np.arange(100) == 0])
    found = truth & [True, False]
    assert LabelMetric("macro", 1).of(truth, found) == 0.5 and LabelMetric("weighted", 1).of(truth, found) == pytest.approx(
        90 / 91
    )


def test_probabilities_and_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"predicted at \[0, 1\] is 0.3, expected 0 or 1"):
        mean_f2([[1, 0]], [[1.0, 0.3]])
    with pytest.raises(ValueError, match=r"truth has shape \(1, 2\), predicted \(2, 2\)"):
        label_counts(np.ones((1, 2)), np.ones((2, 2)), axis=0)
    with pytest.raises(ValueError, match="average is 'mean', expected one of samples, macro"):
        LabelMetric("mean")


def test_the_card_holds_what_the_metrics_say():
    card = label_scorecard(*SOME, list("abcdef"))
    assert card.score == mean_f2(*SOME) and card.short == f"{card.f2:.4f}"
    assert np.mean([f1 for _, _, f1, _ in card.by_label.values()]) == pytest.approx(card.macro_f1)
    precision, recall = precision_and_recall(*SOME)
    assert card.by_label["b"][:2] == (precision[1], recall[1]) and card.by_label["b"][3] == SOME[0][:, 1].sum()
    assert json.loads(card.to_json())["rows"] == 50
