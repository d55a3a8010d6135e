"""Folds for several labels: groups whole, combinations and labels alike, whatever the order of the rows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaggle_utils.folds.labels import folds_by_labels, label_shares
from kaggle_utils.folds.similar import groups_of_pairs


def cloud_labels(n: int, seed: int = 0) -> np.ndarray:
    labels = np.random.default_rng(seed).random((n, 4)) < [0.5, 0.43, 0.53, 0.68]
    labels[~labels.any(1), 3] = True
    return labels


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(6, 60), st.integers(1, 6))
def test_every_row_has_a_fold_and_groups_stay_whole(seed: int, n_folds: int, n: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    group = np.concatenate([np.arange(n_folds), rng.integers(0, n, n)])
    folds = folds_by_labels(group, rng.random((len(group), k)) < 0.3, n_folds, seed)
    assert folds.dtype == np.int64 and folds.min() >= 0 and folds.max() < n_folds
    assert all(len(set(folds[group == one])) == 1 for one in set(group))


def test_the_order_of_the_rows_does_not_matter() -> None:
    names, labels = np.array([f"{i:07x}.jpg" for i in range(200)]), cloud_labels(200)
    mixed = np.random.default_rng(1).permutation(200)
    assert (folds_by_labels(names, labels)[mixed] == folds_by_labels(names[mixed], labels[mixed])).all()


def test_another_seed_is_another_deal() -> None:
    labels = cloud_labels(200)
    assert (folds_by_labels(np.arange(200), labels, seed=0) != folds_by_labels(np.arange(200), labels, seed=1)).any()


def test_each_combination_is_dealt_evenly() -> None:
    """16 combinations: where one has 20 rows for 5 folds, each fold has 4."""
    labels = np.array([[i >> bit & 1 for bit in range(4)] for i in range(16) for _ in range(20)])
    folds = folds_by_labels(np.arange(320), labels, n_folds=5)
    table = pd.crosstab(labels @ [1, 2, 4, 8], folds)
    assert (table.to_numpy() == 4).all()


def test_a_rare_label_is_shared_out_though_its_combinations_are_single() -> None:
    """Ten rows have label 0, each in a combination of its own; five folds get two each."""
    labels = np.zeros((210, 8), bool)
    labels[:10, 0] = True
    labels[np.arange(10), 1 + np.arange(10) % 7] = True
    labels[7:10, 5:] = True
    labels[10:, 1:] = np.random.default_rng(0).random((200, 7)) < 0.4
    folds = folds_by_labels(np.arange(210), labels, n_folds=5)
    assert np.bincount(folds[labels[:, 0]], minlength=5).tolist() == [2] * 5


def test_labels_are_more_even_than_by_chance() -> None:
    labels = cloud_labels(5546)
    folds = folds_by_labels(np.arange(5546), labels)
    chance = np.random.default_rng(0).integers(0, 5, 5546)
    worst = [np.ptp([labels[by == k].mean(0) for k in range(5)], axis=0).max() for by in (folds, chance)]
    assert worst[0] < 0.002 < 0.01 < worst[1] and np.ptp(np.bincount(folds)) <= 3


def test_large_groups_are_balanced_by_rows() -> None:
    group = np.repeat(np.arange(30), np.tile([1, 2, 6], 10))
    folds = folds_by_labels(group, np.ones((len(group), 1)), n_folds=3)
    assert np.ptp(np.bincount(folds)) <= 6


def test_fewer_groups_than_folds_are_refused() -> None:
    with pytest.raises(ValueError, match="n_folds is 5, expected 2 to 3"):
        folds_by_labels(["a", "b", "c", "c"], np.ones((4, 2)))


def test_shares_by_fold() -> None:
    table = label_shares(np.array([[1, 0], [0, 0], [1, 1]]), np.array([0, 0, 1]), ["Fish", "Sugar"])
    assert table["rows"].tolist() == [2, 1] and table["Fish"].tolist() == [0.5, 1.0]


def test_amazons_real_labels_are_shared_out(real_data) -> None:
    """98 rows of the rarest label cannot be nearer than 19 or 20 of 19.6: 3.1 % off. Plain folds: 45 %."""
    tags = pd.read_csv(real_data / "tables" / "amazon_train_v2.csv")["tags"].str.get_dummies(" ").to_numpy()
    folds = folds_by_labels(np.arange(len(tags)), tags)
    counts = np.array([tags[folds == k].sum(0) for k in range(5)])
    assert (np.abs(counts / (tags.sum(0) / 5) - 1)).max() < 0.035


def test_near_duplicates_stay_together_and_labels_even_once_their_chains_are_cut(real_data) -> None:
    """Pairs at random, 100,000 of them; groups of up to 20 rows deal out the rarest label as evenly as single rows."""
    tags = pd.read_csv(real_data / "tables" / "amazon_train_v2.csv")["tags"].str.get_dummies(" ").to_numpy()
    group = groups_of_pairs(len(tags), np.random.default_rng(0).integers(0, len(tags), (100_000, 2)), most=20)
    folds = folds_by_labels(group, tags)
    assert len(set(zip(group.tolist(), folds.tolist(), strict=True))) == len(set(group.tolist()))
    counts = np.array([tags[folds == k].sum(0) for k in range(5)])
    assert (np.abs(counts / (tags.sum(0) / 5) - 1)).max() < 0.04
    assert (np.abs(np.bincount(folds) / (len(tags) / 5) - 1)).max() < 0.02
