"""Rules from probabilities to labels: every set enumerated as referee, constraints that always hold, plain data."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kaggle_utils.labels.metrics import fbeta_from_counts
from kaggle_utils.labels.rules import LabelRule, labels_by_rule

PROBABILITIES = arrays(np.float64, (3, 5), elements=st.sampled_from([0, 0.01, 0.1, 0.2, 0.3, 0.5, 0.8, 0.99, 1.0]))


def expectation(chosen, probability, beta):
    """Over all truths there are."""
    total = 0.0
    for truth in product([0, 1], repeat=len(probability)):
        chance = np.prod(np.where(truth, probability, 1 - probability))
        total += chance * fbeta_from_counts([np.dot(truth, chosen), np.sum(chosen), np.sum(truth)], beta)
    return total


@given(PROBABILITIES, st.sampled_from([0.5, 1.0, 2.0]))
def test_no_set_can_expect_more_than_the_one_found(probabilities, beta):
    for probability, found in zip(probabilities[:1], labels_by_rule(LabelRule(beta=beta), probabilities), strict=False):
        best = max(expectation(chosen, probability, beta) for chosen in product([0, 1], repeat=5))
        assert expectation(found, probability, beta) == pytest.approx(best, abs=1e-9)


def test_by_hand():
    """Of p = (.6, .2): the first alone expects .6 (.2 5/9 + .8 1) = .547; both .6 .8 5/6 + .4 .2 5/6 + .6 .2 = .587."""
    assert labels_by_rule(LabelRule(), np.array([[0.6, 0.2]])).tolist() == [[True, True]]
    assert labels_by_rule(LabelRule(beta=1), np.array([[0.6, 0.2]])).tolist() == [[True, False]]


def test_of_many_labels_the_probable_ones_are_taken():
    probability = np.random.default_rng(0).random((4, 80)).astype(np.float32)
    found = labels_by_rule(LabelRule(), probability)
    assert all(p[own].min() > p[~own].max() for p, own in zip(probability, found, strict=True))


@given(PROBABILITIES, st.sampled_from([(), (0.2,), (0.1, 0.5, 0.3, 0.9, 0.2)]))
def test_one_of_a_group_and_what_stands_alone_hold_whatever_the_cuts(probabilities, cuts):
    rule = LabelRule(cuts, exclusive=((1, 2, 3),), alone=(3,))
    for probability, given_labels in zip(probabilities, labels_by_rule(rule, probabilities), strict=True):
        assert given_labels[[1, 2, 3]].sum() == 1
        if given_labels[3]:
            assert given_labels.sum() == 1 and probability[3] == probability.max()


def test_the_most_probable_of_the_group_is_given_and_others_by_their_cuts():
    rule = LabelRule((0.2,), exclusive=((1, 2, 3),), alone=(3,))
    asked = [[0.9, 0.3, 0.4, 0.5, 0.1], [0.4, 0.1, 0.1, 0.6, 0.5]]
    assert labels_by_rule(rule, np.array(asked)).astype(int).tolist() == [[1, 0, 1, 0, 0], [0, 0, 0, 1, 0]]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"the probability at \(1, 0\) is nan, expected 0 to 1"):
        labels_by_rule(LabelRule(), np.array([[0.5], [np.nan]]))
    with pytest.raises(ValueError, match=r"shape \(2,\), expected \(N, L\)"):
        labels_by_rule(LabelRule(), np.zeros(2))
    with pytest.raises(ValueError, match="3 cuts for 2 labels"):
        labels_by_rule(LabelRule((0.1, 0.2, 0.3)), np.zeros((1, 2)))
