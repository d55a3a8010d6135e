"""Two cuts at once: every pair of cuts as referee."""

import numpy as np
import pytest
import references.joint_cuts

from kaggle_utils.compiled.joint_cuts import highest_above
from kaggle_utils.evidence.joint_cuts import best_cuts


def some_rows(seed):
    """values, scores, gains (n, 3): few different ones, so that many are equal; every other time gains are, too."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 14))
    gains = rng.integers(-3, 4, (n, 3)).astype(float) if seed % 2 else rng.normal(size=(n, 3))
    return rng.integers(0, 8, n), rng.integers(0, 6, n) / 5, gains


def every_pair(values, scores, gains):
    """The highest total of each setting, by trying all cuts and gates."""
    pairs = [(cut, gate) for cut in [*values, values.max() + 1] for gate in scores]
    return np.max([gains[(values >= cut) & (scores >= gate)].sum(0) for cut, gate in pairs], axis=0)


def test_no_pair_of_cuts_is_better_than_the_one_found():
    for seed in range(150):
        values, scores, gains = some_rows(seed)
        totals, cuts, gates = best_cuts(values, scores, gains)
        kept = (values[:, None] >= cuts) & (scores[:, None] >= gates)
        assert totals == pytest.approx(every_pair(values, scores, gains), abs=1e-9), seed
        assert np.where(kept, gains, 0).sum(0) == pytest.approx(totals, abs=1e-9), seed


def test_the_tree_knows_what_storeys_built_in_numpy_know_of_thousands_of_rows():
    rng = np.random.default_rng(0)
    place, gains = rng.integers(0, 900, 3000), rng.normal(size=(4, 3000))
    assert highest_above(place, gains, 900) == pytest.approx(references.joint_cuts.highest_above(place, gains, 900), abs=1e-9)


def test_of_equal_totals_most_rows_are_kept():
    values, scores = np.array([1, 2, 3]), np.array([0.1, 0.2, 0.3])
    totals, cuts, gates = best_cuts(values, scores, np.array([[0.0], [0.0], [5.0]]))
    assert (totals[0], cuts[0], gates[0]) == (5, 0, 0)


def test_what_only_costs_is_left_out():
    totals, cuts, gates = best_cuts(np.array([4, 7]), np.array([0.5, 0.9]), np.array([[-1.0], [-2.0]]))
    assert (totals[0], cuts[0], gates[0]) == (0, 8, 0)


def test_without_scores_the_gate_is_open():
    totals, cuts, gates = best_cuts(np.array([4, 7]), None, np.array([[-1.0], [2.0]]))
    assert (totals[0], cuts[0], gates[0]) == (2, 7, 0)


@pytest.mark.parametrize("scores", [None, np.zeros(0)])
def test_no_rows_are_worth_nothing(scores):
    assert best_cuts(np.zeros(0, int), scores, np.zeros((0, 2)))[0].tolist() == [0, 0]


@pytest.mark.parametrize(
    "rows, said",
    [
        ((np.arange(3), None, np.zeros((2, 1))), r"3 values and gains of shape \(2, 1\)"),
        ((np.arange(2), np.zeros(3), np.zeros((2, 1))), "n scores"),
    ],
)
def test_what_does_not_fit_is_refused(rows, said):
    with pytest.raises(ValueError, match=said):
        best_cuts(*rows)
