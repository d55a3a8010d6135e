"""Folds for rows with several labels each, alike in every combination of labels, with groups kept whole.

Dealing out combinations (Fish and Sugar, Sugar alone, ...) evens single labels and their company alike,
but most combinations of many labels are rare: 17 labels on 40,479 images (Planet: Understanding the
Amazon from Space) have hundreds that occur once or twice. So combinations with enough groups are dealt
out one by one, and what is rarer is dealt by single labels, the scarcest label first, to the fold that
still wants it most: iterative stratification (Sechidis, Tsoumakas, Vlahavas, "On the stratification of
multi-label data", 2011). So are the few groups that a combination has left over, for otherwise they would add up.
Near-duplicates belong in one group, or a model is asked what it has seen.
"""

from __future__ import annotations

import numpy as np
import pandas as pd


def folds_by_labels(
    group_of_row: np.ndarray, labels: np.ndarray, n_folds: int = 5, seed: int = 0, rare: int | None = None
) -> np.ndarray:
    """(N,) int64, the fold of each row; rows of one group share it.

    group_of_row: (N,) ids of any sortable type, such as the image's name, or of its near-duplicates
    labels: (N, K) bool or 0 and 1
    seed: which of the equally good deals; groups are sorted before they are shuffled, so the answer does
        not depend on the order of the rows
    rare: a combination with fewer groups than this is dealt label by label; default: twice n_folds
    Raises ValueError when there are fewer groups than folds.

    >>> folds_by_labels(["a", "b", "c", "d"], [[1, 0], [1, 0], [0, 1], [0, 1]], n_folds=2, rare=2)
    array([0, 1, 0, 1])
    """
    groups, group = np.unique(np.asarray(group_of_row), return_inverse=True)
    if not 2 <= n_folds <= len(groups):
        raise ValueError(f"n_folds is {n_folds}, expected 2 to {len(groups)}, the number of groups")
    labels = np.asarray(labels).reshape(len(group), -1).astype(bool)
    counts = np.zeros((len(groups), labels.shape[1] + 1))  # rows with each label, and rows
    np.add.at(counts, group, np.column_stack([labels, np.ones(len(group), bool)]))
    order = np.random.default_rng(seed).permutation(len(groups))
    deal = _Deal(counts, n_folds, order)
    for members in _combinations(counts[:, :-1] > 0, order, rare or 2 * n_folds):
        deal.evenly(members)
    deal.by_scarcest_label()
    return deal.fold[group]


def _combinations(has: np.ndarray, order: np.ndarray, rare: int) -> list[np.ndarray]:
    """Groups with the same labels, in shuffled order, a list a combination with at least ``rare``; largest first."""
    combination = np.unique(has, axis=0, return_inverse=True)[1].reshape(-1)[order]
    sizes = np.bincount(combination)
    frequent = [number for number in np.argsort(-sizes, kind="stable") if sizes[number] >= rare]
    return [order[combination == number] for number in frequent]


class _Deal:
    """Folds that fill up; ``wanted`` (n_folds, K + 1) is what each still lacks of its equal share, as a part of
    all rows with that label, so that a rare label weighs as much as a frequent one."""

    def __init__(self, counts: np.ndarray, n_folds: int, order: np.ndarray) -> None:
        self.counts, self.order = counts / np.maximum(counts.sum(0), 1), order
        self.fold = np.full(len(counts), -1, dtype=np.int64)
        self.wanted = np.tile(self.counts.sum(0) / n_folds, (n_folds, 1))

    def evenly(self, members: np.ndarray) -> None:
        """Groups with the same labels: in rounds, each fold once a round, the neediest first; the rest is left."""
        n_folds = len(self.wanted)
        members = members[np.argsort(-self.counts[members, -1], kind="stable")]  # large groups first
        for start in range(0, len(members) - n_folds + 1, n_folds):
            dealt = members[start : start + n_folds]
            need = (self.wanted * (self.counts[dealt].sum(0) > 0)).sum(1)
            for group, fold in zip(dealt, np.argsort(-need, kind="stable"), strict=True):
                self._give(group, fold)

    def by_scarcest_label(self) -> None:
        """What is left, label by label; at last the groups without any label."""
        while (left := self.order[self.fold[self.order] < 0]).size:
            remaining = (self.counts[left, :-1] > 0).sum(0)
            label = int(np.argmin(np.where(remaining > 0, remaining, np.inf))) if remaining.any() else -1
            members = left[self.counts[left, label] > 0]
            for group in members:
                company = (self.wanted * (self.counts[group] > 0)).sum(1)  # where folds want the label alike
                first = np.lexsort([-company, -self.wanted[:, label].round(9)])
                self._give(group, int(first[0]))

    def _give(self, group: int, fold: int) -> None:
        self.fold[group] = fold
        self.wanted[fold] -= self.counts[group]


def label_shares(labels: np.ndarray, fold_of_row: np.ndarray, names: list[str]) -> pd.DataFrame:
    """One row a fold: rows, and the share of them that has each label, to see how even the deal is.

    >>> label_shares(np.array([[1, 0], [1, 1]]), np.array([0, 1]), ["Fish", "Sugar"])["Sugar"].tolist()
    [0.0, 1.0]
    """
    table = pd.DataFrame(np.asarray(labels, dtype=float), columns=names).assign(fold=fold_of_row, rows=1)
    shares = table.groupby("fold")[names].mean()
    return pd.concat([table.groupby("fold")["rows"].sum(), shares], axis=1)
