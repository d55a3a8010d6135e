"""The check before a score is believed: do the sides of a split share anything?"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaggle_utils.folds.leakage import leakage, leakage_of_folds


def film(numbers, sequence=7, video=0):
    return pd.DataFrame({"video_id": video, "sequence": sequence, "video_frame": numbers})


def test_neighbours_are_counted_within_the_reach_only():
    frames = film([0, 1, 2, 10])
    assert leakage(frames, [0], [2]).neighbours == 0
    assert leakage(frames, [0], [2], reach=2).neighbours == 1
    assert leakage(frames, [0], [2], reach=2).examples == ("0-0 | 0-2",)


def test_a_sequence_on_both_sides_leaks_however_far_apart_the_frames_are():
    report = leakage(film([0, 900]), [0], [1])
    assert report.neighbours == 0 and report.sequences == ("video 0 sequence 7",) and not report.clean


def test_two_sequences_of_a_video_are_clean_and_the_video_is_told():
    report = leakage(film([0, 900], sequence=[7, 8]), [0], [1])
    assert report.clean and report.videos == ("video 0",)
    assert str(report).startswith("clean: 0 of 2 sequences and 1 of 1 videos")


def test_a_frame_on_both_sides_is_told_first():
    report = leakage(film([0, 900]), [True, False], [True, True])
    assert report.both == 1 and str(report).startswith("leaks: 1 frames lie on both sides")


def test_frames_of_two_videos_are_never_neighbours():
    assert leakage(film([5, 5, 6], video=[0, 1, 1], sequence=[7, 8, 8]), [0], [1, 2], reach=5).clean


def test_a_mask_of_another_length_is_refused():
    with pytest.raises(ValueError, match="a side has 1 entries, expected one for each of 2 frames"):
        leakage(film([0, 1]), [True], [False, True])


def test_an_empty_side_shares_nothing():
    assert leakage(film([0, 1]), [], [0, 1]).clean


def test_a_negative_fold_is_on_no_side():
    reports = leakage_of_folds(film([0, 1, 2], sequence=[7, 8, 9]), np.array([0, -1, 1]))
    assert list(reports) == [0, 1] and all(report.clean for report in reports.values())


@settings(max_examples=80, deadline=None)
@given(
    st.sets(st.tuples(st.integers(0, 2), st.integers(0, 12)), max_size=14),
    st.randoms(use_true_random=False),
    st.integers(1, 4),
)
def test_neighbours_are_those_of_the_double_loop(names, random, reach):
    rows = sorted(names, key=lambda _: random.random())
    frames = pd.DataFrame(rows, columns=["video_id", "video_frame"]).assign(sequence=0)
    side = np.array([random.choice([0, 1, 2]) for _ in rows], dtype=int)
    expected = sum(
        side[i] == 0 and side[j] == 1 and v == w and abs(f - g) <= reach
        for i, (v, f) in enumerate(rows)
        for j, (w, g) in enumerate(rows)
    )
    assert leakage(frames, side == 0, side == 1, reach).neighbours == expected
