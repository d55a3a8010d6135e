"""Which rows are trained on and which are held out, and whether the two know each other.

Successive frames of a video are nearly one picture, so a fold must take whole videos or at least
whole sequences. The reef diaries also cut sequences into runs with and without boxes and dealt those
out; that split leaks (the last frame of a run and the first of the next are neighbours), and it is
here to be measured against; :mod:`kaggle_utils.folds.leakage` says by how much.

A fold table is an array ``fold_of_frame`` (n_frames,) int64, 0 to n_folds - 1: in fold k the model is
trained on the rows of other folds and predicts those of k.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kaggle_utils.boxes.table import Boxes

if TYPE_CHECKING:
    import pandas as pd


def folds_of_groups(group_of_row: np.ndarray, weights: np.ndarray, n_folds: int, seed: int = 0) -> np.ndarray:
    """Folds that keep groups whole and give each fold an equal share of every weight.

    group_of_row: (N,) group ids of any sortable type
    weights: (N, K) or (N,) float, 0 or more: what is to be shared out, such as rows and boxes
    seed: which of the equally good deals; groups are sorted before they are shuffled, so the answer
        does not depend on the order of the rows
    Returns (N,) int64. The heaviest group is dealt first, each to the fold where it does least harm,
    then groups are moved and exchanged as long as that evens the shares. Raises ValueError when there
    are fewer groups than folds.

    >>> folds_of_groups(["a", "a", "b", "c", "c"], np.ones(5), n_folds=2)
    array([0, 0, 0, 1, 1])
    """
    groups, group = np.unique(np.asarray(group_of_row), return_inverse=True)
    if not 2 <= n_folds <= len(groups):
        raise ValueError(f"n_folds is {n_folds}, expected 2 to {len(groups)}, the number of groups")
    shares = _shares(group, np.asarray(weights, dtype=np.float64).reshape(len(group), -1))
    fold_of_group = _deal(shares, n_folds, np.random.default_rng(seed))
    return _even_out(fold_of_group, shares, n_folds)[group]


def _shares(group: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(G, K): the part of each weight's total that lies in each group."""
    sums = np.stack([np.bincount(group, column) for column in weights.T], axis=1)
    return sums / np.maximum(sums.sum(0), np.finfo(float).tiny)


def _deal(shares: np.ndarray, n_folds: int, rng: np.random.Generator) -> np.ndarray:
    """Fold of each group (G,): heaviest first, into the fold that then has least of what it brings."""
    shuffled = rng.permutation(len(shares))
    order = shuffled[np.argsort(-shares[shuffled].max(1), kind="stable")]
    load = np.zeros((n_folds, shares.shape[1]))
    folds = rng.permutation(n_folds)
    fold_of_group = np.empty(len(shares), dtype=np.int64)
    for number, group in enumerate(order):
        fold = folds[number] if number < n_folds else np.argmin(((load + shares[group]) ** 2 - load**2).sum(1))
        fold_of_group[group] = fold
        load[fold] += shares[group]
    return fold_of_group


def _even_out(fold_of_group: np.ndarray, shares: np.ndarray, n_folds: int) -> np.ndarray:
    """Moves single groups, and exchanges pairs, while the sum of squared fold shares falls."""
    fold_of_group = fold_of_group.copy()
    for _ in range(10):
        before = fold_of_group.copy()
        for group in range(len(shares)):
            _move(group, fold_of_group, shares, n_folds)
            _exchange(group, fold_of_group, shares, n_folds)
        if (before == fold_of_group).all():
            break
    return fold_of_group


def _load(fold_of_group: np.ndarray, shares: np.ndarray, n_folds: int) -> np.ndarray:
    return np.stack([np.bincount(fold_of_group, column, n_folds) for column in shares.T], axis=1)


def _move(group: int, fold_of_group: np.ndarray, shares: np.ndarray, n_folds: int) -> None:
    old, share = fold_of_group[group], shares[group]
    if (fold_of_group == old).sum() == 1:  # no fold is left empty
        return
    load = _load(fold_of_group, shares, n_folds)
    load[old] -= share
    cost = (2 * load * share).sum(1)  # what (load + share)^2 adds to load^2, less the constant share^2
    new = int(np.argmin(cost))
    if cost[new] < cost[old] - 1e-12:
        fold_of_group[group] = new


def _exchange(group: int, fold_of_group: np.ndarray, shares: np.ndarray, n_folds: int) -> None:
    load = _load(fold_of_group, shares, n_folds)
    here, there = load[fold_of_group[group]], load[fold_of_group]
    change = shares - shares[group]  # (G, K), what this fold would gain and each other one lose
    cost = ((here + change) ** 2 - here**2 + (there - change) ** 2 - there**2).sum(1)
    cost[fold_of_group == fold_of_group[group]] = 0
    other = int(np.argmin(cost))
    if cost[other] < -1e-12:
        fold_of_group[[group, other]] = fold_of_group[[other, group]]


def folds_by_video(frames: pd.DataFrame) -> np.ndarray:
    """One fold a video, in order of video_id: the strictest split.

    >>> import pandas as pd
    >>> folds_by_video(pd.DataFrame({"video_id": [2, 0, 0]}))
    array([1, 0, 0])
    """
    return np.unique(frames["video_id"].to_numpy(), return_inverse=True)[1].astype(np.int64)


def folds_by_sequence(frames: pd.DataFrame, truth: Boxes, n_folds: int = 5, seed: int = 0) -> np.ndarray:
    """Whole sequences, dealt so that folds have like numbers of frames, frames with boxes and boxes.

    frames: columns video_id, sequence; truth numbers its rows

    >>> import pandas as pd
    >>> frames = pd.DataFrame({"video_id": 0, "sequence": [7, 7, 8, 8, 9]})
    >>> folds_by_sequence(frames, Boxes([0, 4], [[0, 0, 9, 9]] * 2), n_folds=2)
    array([0, 0, 1, 1, 1])
    """
    return folds_of_groups(_sequence_ids(frames), _weights(truth, len(frames)), n_folds, seed)


def folds_by_subsequence(frames: pd.DataFrame, truth: Boxes, n_folds: int = 5, seed: int = 0) -> np.ndarray:
    """The split that leaks: runs with and without boxes (:func:`subsequence_of_frame`) dealt out singly.

    >>> import pandas as pd
    >>> frames = pd.DataFrame({"video_id": 0, "sequence": [7, 7, 7, 7], "video_frame": range(4)})
    >>> folds_by_subsequence(frames, Boxes([2], [[0, 0, 9, 9]]), n_folds=2)  # frames 1 and 2 are neighbours
    array([0, 0, 1, 1])
    """
    runs = subsequence_of_frame(frames, truth)
    return folds_of_groups(runs, _weights(truth, len(frames)), n_folds, seed)


def subsequence_of_frame(frames: pd.DataFrame, truth: Boxes) -> np.ndarray:
    """(n_frames,) int64: a new number wherever boxes begin or end within a sequence, and at each sequence.

    frames: columns video_id, sequence; rows in order of video and time

    >>> import pandas as pd
    >>> frames = pd.DataFrame({"video_id": 0, "sequence": [7, 7, 7, 8]})
    >>> subsequence_of_frame(frames, Boxes([1, 2], [[0, 0, 9, 9]] * 2))
    array([0, 1, 1, 2])
    """
    filled = np.bincount(truth.frame, minlength=len(frames)) > 0
    sequence = _sequence_ids(frames)
    new = (filled[1:] != filled[:-1]) | (sequence[1:] != sequence[:-1])
    return np.concatenate([[0], np.cumsum(new)])[: len(frames)]


def _sequence_ids(frames: pd.DataFrame) -> np.ndarray:
    """(n_frames,) one number a sequence, in order of (video_id, sequence)."""
    pairs = frames[["video_id", "sequence"]].to_numpy()
    return np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1)


def _weights(truth: Boxes, n_frames: int) -> np.ndarray:
    boxes = np.bincount(truth.frame, minlength=n_frames)
    return np.column_stack([np.ones(n_frames), boxes > 0, boxes])


def fold_table(frames: pd.DataFrame, truth: Boxes, fold_of_frame: np.ndarray) -> pd.DataFrame:
    """One row a fold: videos, sequences, frames, with_boxes and boxes, to see how even the deal is.

    >>> import pandas as pd
    >>> frames = pd.DataFrame({"video_id": [0, 0, 1], "sequence": [7, 8, 9]})
    >>> fold_table(frames, Boxes([1], [[0, 0, 9, 9]]), np.array([0, 0, 1]))["frames"].to_dict()
    {0: 2, 1: 1}
    """
    boxes = np.bincount(truth.frame, minlength=len(frames))
    table = frames.assign(fold=fold_of_frame, ids=_sequence_ids(frames), boxes=boxes, with_boxes=boxes > 0)
    return table.groupby("fold").agg(
        videos=("video_id", "nunique"),
        sequences=("ids", "nunique"),
        frames=("ids", "size"),
        with_boxes=("with_boxes", "sum"),
        boxes=("boxes", "sum"),
    )
