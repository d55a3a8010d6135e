"""Greedy weights: a plain loop as referee, and folds that never see their own judge."""

import numpy as np
import pytest

from kaggle_utils.evidence.weights import select_weights

N, M, G = 60, 4, 3
FOLD = np.arange(N) % G


def some_answers(seed):
    """truth (N,) and M answers (M, N) that are off by noise, each by more than the one before."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=N)
    return truth, truth + rng.normal(size=(M, N)) * np.linspace(0.6, 1.5, M)[:, None]


def counts_of(truth, answers, asked=None):
    """Squared errors and rows of each fold; asked: a list that notes what was asked for."""

    def counts(weights):
        if asked is not None:
            asked.append(weights)
        errors = (weights @ answers - truth) ** 2
        return np.array([[(error[g == FOLD].sum(), (g == FOLD).sum()) for g in range(G)] for error in errors])

    return counts


def score(sums):
    return -sums[0] / sums[1]


def by_a_loop(truth, answers, rounds):
    """Caruana's algorithm as it is told, on all rows it is given; the best bag on the way or the mean."""

    def error(bag):
        return np.mean((np.average(answers, axis=0, weights=bag) - truth) ** 2)

    bag, bags = np.zeros(M, int), [np.ones(M, int)]
    for _ in range(rounds):
        bag = min((bag + member for member in np.eye(M, dtype=int)), key=error)
        bags.append(bag)
    best = min(bags, key=error)
    return tuple((best // np.gcd.reduce(best)).tolist())


@pytest.mark.parametrize("seed", range(4))
def test_weights_are_those_of_the_plain_loop_on_the_rows_given(seed):
    truth, answers = some_answers(seed)
    found = select_weights(counts_of(truth, answers), M, score, rounds=7)
    assert found.decision == by_a_loop(truth, answers, 7)
    for g, weights in found.decisions.items():
        assert weights == by_a_loop(truth[g != FOLD], answers[:, g != FOLD], 7)


def test_a_folds_weights_do_not_know_the_fold():
    truth, answers = some_answers(0)
    before = select_weights(counts_of(truth, answers), M, score)
    answers[0, FOLD == 1] += 9  # the best member fails there
    after = select_weights(counts_of(truth, answers), M, score)
    assert after.decisions[1] == before.decisions[1] and after.decision != before.decision


def test_the_cross_fitted_score_is_that_of_each_folds_weights():
    truth, answers = some_answers(1)
    found = select_weights(counts_of(truth, answers), M, score)
    merged = np.empty(N)
    for g, weights in found.decisions.items():
        merged[g == FOLD] = np.average(answers, axis=0, weights=weights)[g == FOLD]
    assert found.cross_fitted == pytest.approx(-np.mean((merged - truth) ** 2))


def test_weights_found_in_noise_gain_nothing_honestly():
    rng = np.random.default_rng(5)
    gains = []
    for _ in range(20):
        counts = counts_of(np.zeros(N), rng.normal(size=(M, N)))
        found = select_weights(counts, M, score)
        gains.append((found.fitted, found.cross_fitted, score(counts(np.full((1, M), 1 / M))[0].sum(0))))
    fitted, honest, mean = np.mean(gains, axis=0)
    assert fitted > mean >= honest  # of equally bad answers none is better than their mean


def test_data_are_passed_once_a_round_and_nothing_is_asked_twice():
    asked = []
    select_weights(counts_of(*some_answers(2), asked), M, score, rounds=6)
    rows = [tuple(row.round(9)) for weights in asked for row in weights]
    assert len(asked) <= 1 + 6 and len(set(rows)) == len(rows)


def test_of_equals_the_mean_is_taken():
    truth, answers = some_answers(0)
    alike = np.repeat(answers[:1], M, axis=0)
    assert select_weights(counts_of(truth, alike), M, score).decision == (1,) * M


def test_weights_on_one_fold_are_refused():
    with pytest.raises(ValueError, match="of 1 folds, expected at least two"):
        select_weights(lambda weights: np.ones((len(weights), 1, 2)), 2, score)
