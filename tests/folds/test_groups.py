"""Folds keep together what belongs together, and share the rest out evenly."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaggle_utils.boxes.formats import boxes_from_annotations
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.competitions import reef
from kaggle_utils.folds.groups import (
    fold_table,
    folds_by_sequence,
    folds_by_subsequence,
    folds_by_video,
    folds_of_groups,
    subsequence_of_frame,
)
from kaggle_utils.folds.leakage import leakage_of_folds

groups = st.lists(st.integers(0, 7), min_size=8, max_size=60)


@pytest.fixture(scope="module")
def real(real_data):
    frames = reef.read_frames(real_data / "tables" / "reef_train.csv")
    return frames, boxes_from_annotations(frames["annotations"].tolist())


@settings(max_examples=60, deadline=None)
@given(groups, st.integers(2, 4), st.integers(0, 3))
def test_every_group_lies_in_one_fold_and_no_fold_is_empty(ids, n_folds, seed):
    group = np.array([*range(4), *ids])
    fold = folds_of_groups(group, np.ones(len(group)), n_folds, seed)
    assert pd.Series(fold).groupby(group).nunique().max() == 1
    assert set(fold) == set(range(n_folds))


@settings(max_examples=30, deadline=None)
@given(groups, st.integers(0, 3))
def test_the_order_of_the_rows_does_not_matter(ids, seed):
    group = np.array([0, 1, *ids])
    shuffled = np.random.default_rng(0).permutation(len(group))
    fold = folds_of_groups(group, np.ones(len(group)), 2, seed)
    assert (folds_of_groups(group[shuffled], np.ones(len(group)), 2, seed) == fold[shuffled]).all()


def test_weights_that_can_be_shared_evenly_are():
    # 6 + 1 = 5 + 2 = 4 + 3: three folds of weight 7
    assert np.bincount(folds_of_groups(range(6), np.arange(1.0, 7), 3), np.arange(1.0, 7)).tolist() == [7, 7, 7]


def test_what_dealing_the_heaviest_first_gets_wrong_is_put_right():
    # 3, 3, 2, 2, 2 in that order go to 3 + 2 + 2 and 3 + 2; even are 3 + 3 and 2 + 2 + 2
    assert np.bincount(folds_of_groups(range(5), [3, 3, 2, 2, 2], 2), [3, 3, 2, 2, 2]).tolist() == [6, 6]


def test_two_weights_are_balanced_together():
    rows, boxes = [4, 4, 2, 2], [0, 0, 3, 3]  # rows alone would allow {4, 2} or {4, 4} against {2, 2}
    fold = folds_of_groups(range(4), np.column_stack([rows, boxes]), 2)
    assert fold[0] != fold[1] and fold[2] != fold[3]


def test_one_seed_is_one_deal_and_another_seed_another():
    deals = [folds_of_groups(range(20), np.ones(20), 5, seed).tolist() for seed in (0, 0, 1)]
    assert deals[0] == deals[1] != deals[2]


def test_more_folds_than_groups_are_refused():
    with pytest.raises(ValueError, match="n_folds is 3, expected 2 to 2, the number of groups"):
        folds_of_groups([7, 7, 8], np.ones(3), 3)


def test_the_same_sequence_number_in_two_videos_is_two_sequences():
    frames = pd.DataFrame({"video_id": [0, 1], "sequence": [7, 7], "video_frame": [0, 0]})
    assert sorted(folds_by_sequence(frames, Boxes.empty(), n_folds=2)) == [0, 1]


def test_folds_by_video_of_the_real_table_are_its_three_videos(real):
    frames, truth = real
    assert fold_table(frames, truth, folds_by_video(frames))["frames"].tolist() == [6708, 8232, 8561]


def test_real_sequences_stay_whole_and_are_shared_out_as_evenly_as_the_largest_allows(real):
    frames, truth = real
    fold = folds_by_sequence(frames, truth, n_folds=5, seed=0)
    assert pd.Series(fold).groupby(frames["sequence"]).nunique().max() == 1
    table = fold_table(frames, truth, fold)
    # sequence 8503 alone holds 3,195 of 11,898 boxes, 27 %: the largest fold cannot have fewer
    assert 3195 <= table["boxes"].max() < 3300 and table["boxes"].min() > 1400
    assert table["frames"].between(0.8 * 23_501 / 5, 1.2 * 23_501 / 5).all()


def test_runs_of_the_real_table_begin_where_the_published_table_begins_them(real, real_data):
    frames, truth = real
    published = pd.read_csv(real_data / "tables" / "reef_folds_by_sequence_example.csv")["subsequence_id"]
    ours, theirs = np.diff(subsequence_of_frame(frames, truth)) > 0, np.diff(published.to_numpy()) > 0
    assert ours.sum() + 1 == 139 and theirs.sum() + 1 == 137  # it does not see two of the runs
    assert not (theirs & ~ours).any()


def test_only_the_split_by_subsequence_leaks(real, real_data):
    frames, truth = real
    clean = folds_by_sequence(frames, truth)
    assert all(report.clean for report in leakage_of_folds(frames, clean, reach=10).values())
    published = pd.read_csv(real_data / "tables" / "reef_folds_by_sequence_example.csv")["fold"].to_numpy()
    for fold in (folds_by_subsequence(frames, truth), published):
        reports = leakage_of_folds(frames, fold)
        assert not any(report.clean for report in reports.values())
        assert sum(report.neighbours for report in reports.values()) > 100
