"""Neighbours in time: who overlaps whom in the next frame, and where the film is cut."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaggle_utils.boxes.motion import neighbours, sequence_table
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.competitions import reef


def test_a_box_is_paired_with_the_one_that_overlaps_it_most():
    film = Boxes([0, 1, 1], [[0, 0, 10, 10], [8, 0, 18, 10], [0, 5, 10, 15]])
    found = neighbours(film, [0, 0])
    assert found.box.tolist() == [0] and found.next_box.tolist() == [2]
    assert found.iou[0] == pytest.approx(50 / (100 + 100 - 50))
    assert found.shift.tolist() == [[0, 5]] and found.distance.tolist() == [5]


def test_a_box_that_overlaps_nothing_has_no_neighbour():
    assert len(neighbours(Boxes([0, 1], [[0, 0, 1, 1], [50, 50, 51, 51]]), [0, 0]).box) == 0


def test_nothing_is_paired_over_a_cut_or_over_an_empty_frame():
    same = [[0, 0, 9, 9]] * 2
    assert len(neighbours(Boxes([0, 1], same), [0, 1]).box) == 0
    assert len(neighbours(Boxes([0, 2], same), [0, 0, 0]).box) == 0
    assert len(neighbours(Boxes.empty(), [0, 0, 0]).box) == 0
    assert len(neighbours(Boxes.empty(), []).box) == 0


def by_hand(boxes, clip):
    """The natural loop: the frame after, every box in it, the first of the greatest overlaps."""
    found = {}
    for i in range(len(boxes)):
        best = 0.0
        for j in range(len(boxes)):
            f = boxes.frame[i]
            if boxes.frame[j] != f + 1 or clip[f] != clip[f + 1]:
                continue
            a, b = boxes.xyxy[i], boxes.xyxy[j]
            w = max(0, min(a[2], b[2]) - max(a[0], b[0]))
            h = max(0, min(a[3], b[3]) - max(a[1], b[1]))
            union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h
            if union > 0 and w * h / union > best:
                best = w * h / union
                found[i] = (j, best)
    return found


box = st.tuples(st.integers(0, 5), st.integers(0, 12), st.integers(0, 12), st.integers(0, 9), st.integers(0, 9))


@settings(max_examples=100, deadline=None)
@given(st.lists(box, max_size=12), st.lists(st.booleans(), min_size=6, max_size=6))
def test_the_pairs_are_those_of_the_natural_loop(rows, cuts):
    f, x, y, w, h = np.array(rows, dtype=np.int64).reshape(-1, 5).T
    boxes, clip = Boxes(f, np.stack([x, y, x + w, y + h], 1)), np.cumsum(cuts)
    found = neighbours(boxes, clip)
    expected = by_hand(boxes, clip)
    assert dict(zip(found.box.tolist(), zip(found.next_box.tolist(), found.iou.tolist()))) == expected


def test_gaps_start_anew_with_each_video():
    frames = pd.DataFrame(
        {"video_id": [0, 0, 0, 1, 1], "sequence": [5, 5, 6, 8, 9], "video_frame": [3, 4, 9, 2, 3]}
    )
    table = sequence_table(frames, Boxes([1, 1, 4], [[0, 0, 9, 9]] * 3))
    assert table["gap_before"].tolist() == [0, 4, 0, 0]
    assert table["boxes"].tolist() == [2, 0, 0, 1] and table["with_boxes"].tolist() == [1, 0, 0, 1]


def test_the_real_starfish_move_as_the_competition_s_facts_say(real_data):
    frames = reef.read_frames(real_data / "tables" / "reef_train.csv")
    truth = reef.boxes_from_annotations(frames["annotations"].tolist())
    found = neighbours(truth, frames["sequence"].to_numpy())
    assert np.percentile(found.iou, [5, 50, 95]).round(2).tolist() == [0.20, 0.56, 0.87]
    assert np.percentile(found.distance, [5, 50, 95]).round().tolist() == [2, 10, 26]
    table = sequence_table(frames, truth)
    assert len(table) == 20 and (table["holes"] == 0).all() and table["boxes"].sum() == 11_898
