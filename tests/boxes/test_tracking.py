"""The life of a track, the rules over it, and that no causal rule looks ahead."""

import inspect
import logging
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaggle_utils.boxes.linking import Linker
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.boxes.tracking import CausalTracker, rescore, track

SIDE = 40.0


def starfish(
    frames: list[int], scores: list[float] | None = None, x: float = 100, y: float = 100, step: float = 5
) -> Boxes:
    """One starfish that drifts to the right by ``step`` pixels a frame, seen in the given frames."""
    left = x + step * np.array(frames)
    corners = np.column_stack([left, np.full(len(left), y), left + SIDE, np.full(len(left), y + SIDE)])
    return Boxes(np.array(frames), corners, scores)


def one_clip(n: int) -> np.ndarray:
    return np.zeros(n, dtype=int)


def rows(boxes: Boxes) -> list[tuple]:
    """What a table says, sorted by frame, within a frame in the table's order."""
    table = boxes[np.argsort(boxes.frame, kind="stable")]
    return list(zip(table.frame.tolist(), map(tuple, table.xyxy.tolist()), table.score.tolist(), table.label.tolist()))


# A life: born, confirmed, lost, found again, dead


def test_a_track_is_born_confirmed_lost_found_again_and_dies():
    seen = [0, 1, 2, 3, 6, 7]  # lost in 4 and 5, found again, then gone for good
    tracks = track(starfish(seen), one_clip(20), hit_counter_max=4, initialization_delay=2)
    given = tracks.missed == 0
    assert tracks.track.tolist() == [0] * len(tracks.track)  # one life, one number
    # the counter: 1 at birth, then 1 - 1 + 2 = 2, then 3 > 2: confirmed in frame 2
    assert tracks.confirmed[given].tolist() == [False, False, True, True, True, True]
    # frame 3: 4, lost: 3, 2, found: 2 - 1 + 2 = 3, then 4 and so it is predicted in 4 frames more
    assert tracks.boxes.frame[~given].tolist() == [4, 5, 8, 9, 10, 11]
    assert tracks.missed[~given].tolist() == [1, 2, 1, 2, 3, 4]


def test_the_prediction_goes_on_with_the_drift():
    tracks = track(starfish(list(range(10))), one_clip(12))
    predicted = tracks.boxes[tracks.missed > 0]
    where = starfish([10, 11]).xyxy
    assert np.abs(predicted.xyxy[:2] - where).max() < 3  # it stays within 3 pixels of a way of 5 and 10


def test_an_unconfirmed_track_is_not_predicted():
    tracks = track(starfish([0]), one_clip(4), initialization_delay=1)
    assert len(tracks.boxes) == 1 and tracks.confirmed.tolist() == [False]


def test_two_starfish_keep_two_numbers():
    boxes = Boxes.concat([starfish([0, 1, 2]), starfish([0, 1, 2], y=300)])
    assert track(boxes, one_clip(3)).track.tolist() == [0, 0, 0, 1, 1, 1]


def test_a_cut_ends_all_tracks_and_numbers_go_on():
    tracks = track(starfish([0, 1, 2, 3], step=0), np.array([0, 0, 1, 1]), initialization_delay=0)
    assert tracks.track.tolist() == [0, 0, 1, 1] and (tracks.missed == 0).all()


def test_labels_are_not_mixed():
    boxes = starfish([0, 1, 2], step=0).replace(label=np.array([0, 1, 0]))
    assert track(boxes, one_clip(3), initialization_delay=0).track[:3].tolist() == [0, 1, 0]


def test_low_boxes_pass_without_a_track():
    tracks = track(starfish([0, 1, 2], [0.9, 0.05, 0.9]), one_clip(3), min_score=0.1, initialization_delay=0)
    assert tracks.track.tolist() == [0, -1, 0, 0] and tracks.missed.tolist() == [0, 0, 0, 1]
    assert tracks.lengths().tolist() == [2, 0, 2, 2]


def test_the_threshold_is_one_minus_iou_or_pixels():
    # 40 wide, moved by 20: IoU = 20 / 60 = 1/3, distance 2/3; both corners move by 20
    boxes = Boxes([0, 1], [[0, 0, 40, 40], [20, 0, 60, 40]])
    for distance, apart, together in (("iou", 0.66, 0.67), ("corners", 19.9, 20.1)):
        far = track(boxes, one_clip(2), distance=distance, threshold=apart, initialization_delay=0)
        near = track(boxes, one_clip(2), distance=distance, threshold=together, initialization_delay=0)
        assert len(set(far.track[far.missed == 0])) == 2 and len(set(near.track)) == 1


def test_boxes_without_area_are_linked_not_refused():
    boxes = Boxes([0, 1, 2], [[5, 5, 5, 5], [5, 5, 5, 9], [5, 5, 5, 5]])
    assert len(track(boxes, one_clip(3)).boxes) >= 3


def test_rows_in_any_order_give_the_same_links():
    boxes = Boxes.concat([starfish(list(range(8))), starfish(list(range(8)), y=300)])
    shuffled = np.random.default_rng(0).permutation(16)
    a, b = track(boxes, one_clip(8)), track(boxes[shuffled], one_clip(8))
    same = a.track[:16][shuffled]
    assert len(set(zip(same.tolist(), b.track[:16].tolist()))) == 2  # one to one


# The rules


def test_low_boxes_are_lifted_to_the_maximum_of_the_whole_track_or_so_far():
    tracks = track(starfish([0, 1, 2, 3], [0.3, 0.8, 0.2, 0.9]), one_clip(4))
    assert rescore(tracks).score.tolist() == [0.9, 0.9, 0.9, 0.9]
    # causal: frame 0 is not confirmed yet; then the maximum so far
    assert rescore(tracks, causal=True).score.tolist() == [0.3, 0.8, 0.8, 0.9]


def test_a_share_lifts_part_of_the_way():
    tracks = track(starfish([0, 1], [0.4, 0.8]), one_clip(2))
    # 0.4 + 0.25 * (0.8 - 0.4) = 0.5
    assert rescore(tracks, lift=0.25).score == pytest.approx([0.5, 0.8])
    assert rescore(tracks, lift=0).score.tolist() == [0.4, 0.8]


def test_predicted_boxes_fade_and_end():
    tracks = track(starfish([0, 1, 2], [0.4, 0.8, 0.6]), one_clip(9))
    # three predicted frames (the counter is 3), each half as sure: 0.8, 0.4, 0.2, 0.1
    assert rescore(tracks, decay=0.5, longest=9).score[3:] == pytest.approx([0.4, 0.2, 0.1])
    assert rescore(tracks, decay=0.5, longest=9, lift=0).score[3:] == pytest.approx([0.3, 0.15, 0.075])
    assert rescore(tracks, decay=0.5, longest=1).frame.tolist() == [0, 1, 2, 3]
    assert len(rescore(tracks, longest=0)) == 3


def test_tails_can_be_left_out_but_not_gaps():
    tracks = track(starfish([0, 1, 2, 4]), one_clip(9))
    assert sorted(rescore(tracks, tails=False).frame.tolist()) == [0, 1, 2, 3, 4]


def test_short_tracks_are_dropped_and_unlinked_boxes_stay():
    boxes = Boxes.concat([starfish([0, 1, 2]), starfish([1], y=300), starfish([2], [0.05], y=500)])
    tracks = track(boxes, one_clip(3))
    assert rescore(tracks, min_length=2).xyxy[:, 1].tolist() == [100, 100, 100, 500]
    assert rescore(tracks, min_length=4).xyxy[:, 1].tolist() == [500]


def test_without_rules_the_boxes_come_back_as_they_were():
    boxes = starfish([0, 1, 4], [0.5, 0.3, 0.05])
    assert rows(rescore(track(boxes, one_clip(6)), lift=0, longest=0)) == rows(boxes)


def test_no_boxes_give_no_boxes():
    tracks = track(Boxes.empty(), one_clip(3))
    assert len(rescore(tracks)) == len(rescore(tracks, causal=True, min_length=1)) == 0
    assert tracks.lengths().tolist() == []


# Causality


@st.composite
def videos(draw) -> tuple[Boxes, np.ndarray]:
    """Up to 3 drifting starfish with gaps and random scores, random false boxes, one to three clips."""
    n = draw(st.integers(1, 14))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    parts = [Boxes.empty()]
    for _ in range(draw(st.integers(0, 3))):
        seen = np.flatnonzero(rng.random(n) < 0.75).tolist()
        x, y, step = rng.uniform(0, 300), rng.uniform(0, 300), rng.uniform(-12, 12)
        parts.append(starfish(seen, rng.random(len(seen)), x, y, step).replace(label=rng.integers(0, 2, len(seen))))
    corner = rng.uniform(0, 300, (4, 2))
    parts.append(Boxes(rng.integers(0, n, 4), np.hstack([corner, corner + rng.uniform(0, 60, (4, 2))]), rng.random(4)))
    return Boxes.concat(parts)[rng.permutation(sum(map(len, parts)))], np.sort(rng.integers(0, 3, n))


SETTINGS = [
    ({}, {}),
    ({"min_score": 0.4, "initialization_delay": 2, "hit_counter_max": 4}, {"lift": 0.3, "decay": 0.9, "longest": 4}),
    ({"distance": "corners", "threshold": 25.0, "initialization_delay": 0}, {"longest": 0}),
]


def streamed(boxes: Boxes, clip: np.ndarray, tracker: CausalTracker) -> list[tuple]:
    parts = []
    for frame in range(len(clip)):
        if frame and clip[frame] != clip[frame - 1]:
            tracker.reset()
        parts.append(tracker.update(boxes[boxes.frame == frame], frame))
    return rows(Boxes.concat(parts))


@pytest.mark.parametrize(("link", "rule"), SETTINGS)
@settings(max_examples=40, deadline=None)
@given(video=videos())
def test_the_stream_answers_what_the_whole_table_answers(link, rule, video):
    boxes, clip = video
    batch = rescore(track(boxes, clip, **link), causal=True, **rule)
    assert streamed(boxes, clip, CausalTracker(**link, **rule)) == rows(batch)


@settings(max_examples=60, deadline=None)
@given(video=videos(), other=videos(), data=st.data())
def test_another_future_leaves_the_past_as_it_was(video, other, data):
    boxes, clip = video
    now = data.draw(st.integers(0, len(clip) - 1))
    future = other[0][(other[0].frame > now) & (other[0].frame < len(clip))]
    changed = Boxes.concat([boxes[boxes.frame <= now], future])

    def past(boxes: Boxes) -> list[tuple]:
        answer = rescore(track(boxes, clip, initialization_delay=0), causal=True, longest=5)
        return rows(answer[answer.frame <= now])

    assert past(changed) == past(boxes)


def test_offline_rules_do_look_ahead():
    low_first = track(starfish([0, 1, 2], [0.2, 0.3, 0.9]), one_clip(3))
    low_only = track(starfish([0, 1, 2], [0.2, 0.3, 0.3]), one_clip(3))
    assert rescore(low_first).score[0] != rescore(low_only).score[0]


def test_the_stream_counts_frames_without_boxes():
    tracker = CausalTracker()
    for frame in range(3):
        tracker.update(starfish([frame]))
    assert [tracker.update(Boxes.empty()).frame.tolist() for _ in range(3)] == [[3], [4], []]  # longest=2


def test_a_reset_forgets():
    tracker = CausalTracker()
    for frame in range(3):
        tracker.update(starfish([frame], [0.9]))
    tracker.reset()
    assert len(tracker.update(Boxes.empty())) == 0
    assert tracker.update(starfish([4], [0.2])).score.tolist() == [0.2]


def test_the_defaults_of_the_stream_are_those_of_the_table():
    """What the stream does not name it hands on to the linker."""
    stream = {**inspect.signature(CausalTracker).parameters, **inspect.signature(Linker).parameters}
    for function in (track, rescore):
        for name, parameter in inspect.signature(function).parameters.items():
            if name in stream:
                assert stream[name].default == parameter.default, name


# Refusals, quiet, real footage


def test_settings_out_of_range_are_named():
    boxes, clip = starfish([0]), one_clip(1)
    for wrong, said in (
        ({"distance": "euclid"}, "distance is 'euclid', expected one of iou, corners"),
        ({"threshold": 1.5}, "threshold is 1.5 for 'iou'"),
        ({"initialization_delay": 6}, "initialization_delay is 6"),
    ):
        with pytest.raises(ValueError, match=said):
            track(boxes, clip, **wrong)
    for wrong, said in (
        ({"lift": 1.5}, "lift is 1.5"),
        ({"decay": -1}, "decay -1"),
        ({"longest": -1}, "longest is -1"),
        ({"causal": True, "min_length": 2}, "look ahead"),
        ({"causal": True, "tails": False}, "look ahead"),
    ):
        with pytest.raises(ValueError, match=said):
            rescore(track(boxes, clip), **wrong)
    with pytest.raises(ValueError, match="a box lies in frame 5, expected frames below 1"):
        track(starfish([5]), clip)


def test_the_stream_refuses_boxes_of_other_frames():
    with pytest.raises(ValueError, match=r"frames \[0, 1\], expected one frame"):
        CausalTracker().update(starfish([0, 1]))
    with pytest.raises(ValueError, match=r"frames \[3\], expected one frame, 4"):
        CausalTracker().update(starfish([3]), frame=4)


def test_norfair_is_quiet_and_loaded_only_when_it_is_used(capfd, caplog):
    with caplog.at_level(logging.DEBUG):
        track(starfish([0, 1, 2]), one_clip(3))
    assert capfd.readouterr() == ("", "") and not [r for r in caplog.records if "norfair" in r.pathname]
    heavy = ("norfair", "torch", "ultralytics")
    code = f"import sys, kaggle_utils.boxes.tracking; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_real_pedestrians_are_followed(real_data):
    """TUD-Stadtmitte's own detections: tracks are few, long and cover most boxes (10 people walk there)."""
    folder = real_data / "extra" / "mot" / "TUD-Stadtmitte"
    found = next(iter([*folder.rglob("det*.txt")]))
    table = pd.read_csv(found, header=None).to_numpy()[:, :7]
    frame = table[:, 0].astype(int) - 1
    boxes = Boxes(frame, np.hstack([table[:, 2:4], table[:, 2:4] + table[:, 4:6]]), np.clip(table[:, 6], 0, 1))
    tracks = track(boxes, one_clip(frame.max() + 1), min_score=0.0, hit_counter_max=10, initialization_delay=2)
    lengths = np.bincount(tracks.track[tracks.missed == 0])
    assert np.sort(lengths)[::-1][:10].sum() > 0.6 * len(boxes)
