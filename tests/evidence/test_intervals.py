"""The bootstrap against a loop over resamples, its coverage, and pairing."""

import math

import numpy as np
import pytest

from kaggle_utils.evidence.intervals import Interval, bootstrap_interval, gains, paired_difference


def share(counts):
    with np.errstate(invalid="ignore"):
        return counts[:, 0] / counts[:, 1]


def sequences(rng, n=12, quality=0.5):
    """Hits and trials of n sequences that differ in how hard they are."""
    trials = rng.integers(20, 200, n)
    return np.column_stack([rng.binomial(trials, np.clip(quality + rng.normal(0, 0.2, n), 0, 1)), trials])


def test_resamples_are_those_of_a_loop_that_draws_groups():
    counts = sequences(np.random.default_rng(0))
    rng = np.random.default_rng(1)
    scores = []
    for _ in range(4000):
        rows = rng.integers(0, len(counts), len(counts))
        hits, trials = counts[rows].sum(0)
        scores.append(hits / trials)
    interval = bootstrap_interval(counts, share, n=4000)
    assert interval.value == counts[:, 0].sum() / counts[:, 1].sum()
    assert (interval.low, interval.high) == pytest.approx(np.quantile(scores, [0.025, 0.975]), abs=0.01)


def test_with_two_groups_the_resamples_can_be_counted():
    # Draws of two groups: twice the first (1/4), one of each (1/2), twice the second (1/4): 0, .5, 1.
    interval = bootstrap_interval(np.array([[0, 10], [10, 10]]), share, level=0.4)
    assert (interval.value, interval.low, interval.high) == (0.5, 0.5, 0.5)
    interval = bootstrap_interval(np.array([[0, 10], [10, 10]]), share, level=0.6)
    assert (interval.value, interval.low, interval.high) == (0.5, 0.0, 1.0)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    covered = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        rate = np.clip(rng.normal(0.5, 0.1, 25), 0, 1)
        counts = np.column_stack([rng.binomial(100, rate), np.full(25, 100)])
        interval = bootstrap_interval(counts, share, n=400, seed=seed, level=0.9)
        covered += interval.low <= 0.5 <= interval.high
    assert 0.8 < covered / 150 < 0.97


def test_pairing_sees_a_small_gain_that_unpaired_intervals_hide():
    better = sequences(np.random.default_rng(2))
    worse = better - [[1, 0]] * len(better)  # one hit less in every sequence
    a, b = bootstrap_interval(better, share), bootstrap_interval(worse, share)
    gain = paired_difference(better, worse, share)
    assert a.low < b.value < a.high  # the intervals overlap widely
    assert 0 < gain.low < gain.value == a.value - b.value < gain.high
    assert gain.high - gain.low < (a.high - a.low) / 10


def test_the_difference_to_oneself_is_nothing_and_signs_follow_the_order():
    a, b = sequences(np.random.default_rng(3)), sequences(np.random.default_rng(4), quality=0.3)
    assert paired_difference(a, a, share) == Interval(0.0, 0.0, 0.0)
    forth, back = paired_difference(a, b, share), paired_difference(b, a, share)
    assert (back.value, back.low, back.high) == pytest.approx((-forth.value, -forth.high, -forth.low))


def test_the_same_seed_gives_the_same_interval_however_memory_is_split(monkeypatch):
    counts = sequences(np.random.default_rng(5))
    whole = bootstrap_interval(counts, share, seed=7)
    monkeypatch.setattr("kaggle_utils.evidence.intervals._AT_ONCE", 100)
    assert bootstrap_interval(counts, share, seed=7) == whole != bootstrap_interval(counts, share, seed=8)


def test_resamples_without_a_score_are_left_out_and_counted():
    # Only one of two groups has trials: a quarter of the draws takes the empty one twice.
    interval = bootstrap_interval(np.array([[3, 4], [0, 0]]), share, n=4000)
    assert (interval.value, interval.low, interval.high) == (0.75, 0.75, 0.75)
    assert interval.undefined / 4000 == pytest.approx(1 / 4, abs=0.03)


def test_one_group_or_nothing_to_score_has_no_interval():
    one = bootstrap_interval(np.array([[3, 4]]), share)
    assert one.value == 0.75 and math.isnan(one.low) and math.isnan(one.high)
    none = bootstrap_interval(np.zeros((3, 2)), share, n=10)
    assert math.isnan(none.value) and math.isnan(none.low) and none.undefined == 10


def test_wrong_arguments_are_named():
    counts = np.ones((3, 2))
    with pytest.raises(ValueError, match=r"shape \(3,\), expected \(G, K\)"):
        bootstrap_interval(np.ones(3), share)
    with pytest.raises(ValueError, match=r"counts_a has shape \(3, 2\), counts_b \(2, 2\)"):
        paired_difference(counts, counts[:2], share)
    with pytest.raises(ValueError, match="level is 95"):
        bootstrap_interval(counts, share, level=95)


def test_candidates_are_compared_with_a_baseline_that_is_there():
    with pytest.raises(ValueError, match="baseline is 'nms', expected one of"):
        gains({"wbf": np.ones((3, 2))}, share, baseline="nms")


@pytest.mark.parametrize("groups", [7, 10_001])  # drawn at once, and one by one
def test_all_candidates_are_scored_on_the_draws_that_each_would_get_alone(groups):
    rng = np.random.default_rng(6)
    counts = {name: np.column_stack([rng.random(groups), np.ones(groups)]) for name in "abc"}
    table = gains(counts | {"as a": counts["a"].copy()}, share, baseline="a")
    for name, row in zip("abc", table.itertuples(), strict=False):
        alone, gain = bootstrap_interval(counts[name], share), paired_difference(counts[name], counts["a"], share)
        assert (row.score, row.low, row.high) == (alone.value, alone.low, alone.high)
        assert (row.gain, row.gain_low, row.gain_high) == (gain.value, gain.low, gain.high)
    assert table.iloc[-1][["gain", "gain_low", "gain_high"]].tolist() == [0, 0, 0]  # not by a rounding error either


def test_many_groups_are_drawn_with_replacement_one_by_one():
    groups, rng = 10_001, np.random.default_rng(3)
    counts = np.column_stack([rng.random(groups), np.ones(groups)])
    drawn = np.random.default_rng(5).integers(0, groups, (16, groups), dtype=np.uint32)
    seen = []
    bootstrap_interval(counts, lambda sums: seen.append(sums) or share(sums), n=16, seed=5)
    assert seen[0] == pytest.approx(counts[drawn].sum(1)) and set(seen[0][:, 1]) == {groups}
    interval = bootstrap_interval(counts, share)
    error = counts[:, 0].std() / np.sqrt(groups)
    assert (interval.high - interval.low) / (2 * 1.96 * error) == pytest.approx(1, abs=0.06)


def test_candidates_have_the_same_groups():
    with pytest.raises(ValueError, match=r"counts of \{'a': 3, 'b': 4\} groups"):
        gains({"a": np.ones((3, 2)), "b": np.ones((4, 2))}, share, baseline="a")
