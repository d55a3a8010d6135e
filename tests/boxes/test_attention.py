"""The attention area: worked by hand, against a plain loop, and frame by frame as on Kaggle."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaggle_utils.boxes.attention import CausalAttention, attend
from kaggle_utils.boxes.table import Boxes

HERE, NEAR, AWAY = [0, 0, 10, 10], [5, 0, 15, 10], [100, 100, 110, 110]  # IoU of HERE and NEAR: 50 / 150


def one_clip(n: int) -> np.ndarray:
    return np.zeros(n, dtype=int)


def test_a_box_gains_its_confidence_times_iou():
    boxes = Boxes([0, 1], [HERE, NEAR], [0.9, 0.3])
    assert attend(boxes, one_clip(2)).score == pytest.approx([0.9, 0.3 + 0.3 / 3])
    assert attend(boxes, one_clip(2), gain=0.5).score[1] == pytest.approx(0.3 + 0.5 * 0.3 / 3)
    assert attend(boxes, one_clip(2), by="neighbour").score[1] == pytest.approx(0.3 + 0.9 / 3)


def test_looking_ahead_works_the_other_way():
    boxes = Boxes([0, 1], [HERE, NEAR], [0.9, 0.3])
    assert attend(boxes, one_clip(2), behind=0, ahead=1, by="neighbour").score == pytest.approx([1.0, 0.3])


def test_each_frame_of_the_window_gives_once_and_no_frame_beyond():
    boxes = Boxes([0, 0, 1, 2], [HERE, HERE, HERE, HERE], [0.5, 0.5, 0.5, 0.2])
    assert attend(boxes, one_clip(3), behind=1).score[3] == pytest.approx(0.2 + 0.2)
    assert attend(boxes, one_clip(3), behind=2).score[3] == pytest.approx(0.2 + 0.2 + 0.2)  # frame 0 gives once
    assert attend(boxes, one_clip(3), behind=9).score[3] == pytest.approx(0.6)


def test_a_gap_of_a_frame_still_counts_as_a_frame():
    boxes = Boxes([0, 2], [HERE, HERE], [0.5, 0.2])
    assert attend(boxes, one_clip(3), behind=1).score[1] == 0.2
    assert attend(boxes, one_clip(3), behind=2).score[1] == 0.4


def test_the_first_scores_count_not_the_raised_ones():
    boxes = Boxes([0, 1, 2], [HERE] * 3, [0.2, 0.2, 0.2])
    assert attend(boxes, one_clip(3), behind=1, by="neighbour").score == pytest.approx([0.2, 0.4, 0.4])


def test_scores_end_at_one():
    boxes = Boxes([0, 1], [HERE, HERE], [0.9, 0.8])
    assert attend(boxes, one_clip(2)).score.tolist() == [0.9, 1.0]


def test_cuts_other_places_other_labels_and_unsure_boxes_give_nothing():
    boxes = Boxes([0, 1], [HERE, HERE], [0.5, 0.4])
    assert attend(boxes, np.array([0, 1])).score[1] == 0.4
    assert attend(boxes.replace(label=[0, 1]), one_clip(2)).score[1] == 0.4
    assert attend(boxes.replace(xyxy=[HERE, AWAY]), one_clip(2)).score[1] == 0.4
    assert attend(boxes, one_clip(2), min_score=0.6).score[1] == 0.4
    assert attend(boxes.replace(xyxy=[HERE, NEAR]), one_clip(2), min_iou=0.34).score[1] == 0.4


def test_no_boxes_give_no_boxes():
    assert len(attend(Boxes.empty(), one_clip(4))) == 0


@st.composite
def videos(draw) -> tuple[Boxes, np.ndarray]:
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n, n_frames = draw(st.integers(0, 40)), draw(st.integers(1, 10))
    corner = rng.uniform(0, 60, (n, 2))
    xyxy = np.hstack([corner, corner + rng.uniform(0, 50, (n, 2))])
    boxes = Boxes(rng.integers(0, n_frames, n), xyxy, rng.random(n), rng.integers(0, 2, n))
    return boxes, np.sort(rng.integers(0, 3, n_frames))


def plain(boxes: Boxes, clip: np.ndarray, behind: int, ahead: int, gain: float, by: str) -> list[float]:
    """The rule as one would say it: a loop over boxes, over frames, over boxes."""
    answers = []
    for i in range(len(boxes)):
        total = boxes.score[i]
        for frame in range(boxes.frame[i] - behind, boxes.frame[i] + ahead + 1):
            offers = [0.0]
            for j in np.flatnonzero(boxes.frame == frame):
                if frame != boxes.frame[i] and clip[frame] == clip[boxes.frame[i]] and boxes.label[i] == boxes.label[j]:
                    if boxes.score[j] >= 0.1:
                        sure = boxes.score[i] if by == "own" else boxes.score[j]
                        offers.append(gain * sure * plain_iou(boxes.xyxy[i], boxes.xyxy[j]))
            total += max(offers)
        answers.append(min(total, 1.0))
    return answers


def plain_iou(a: np.ndarray, b: np.ndarray) -> float:
    common = max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common
    return common / union if union else 0.0


@settings(max_examples=60, deadline=None)
@given(video=videos(), behind=st.integers(0, 4), ahead=st.integers(0, 4), by=st.sampled_from(["own", "neighbour"]))
def test_it_agrees_with_a_plain_loop(video, behind, ahead, by):
    found = attend(*video, behind=behind, ahead=ahead, gain=0.4, by=by)
    assert found.score == pytest.approx(plain(*video, behind, ahead, 0.4, by), abs=1e-12)
    assert np.array_equal(found.xyxy, video[0].xyxy) and np.array_equal(found.frame, video[0].frame)


@pytest.mark.parametrize("how", [{}, {"behind": 0}, {"behind": 2, "gain": 0.3, "min_iou": 0.2, "by": "neighbour"}])
@settings(max_examples=40, deadline=None)
@given(video=videos())
def test_the_stream_answers_what_the_whole_table_answers(how, video):
    boxes, clip = video
    whole, attention = attend(boxes, clip, **how), CausalAttention(**how)
    for frame in range(len(clip)):
        if frame and clip[frame] != clip[frame - 1]:
            attention.reset()
        now = boxes.frame == frame
        assert attention.update(boxes[now]).score.tolist() == whole.score[now].tolist()


@settings(max_examples=40, deadline=None)
@given(video=videos(), other=videos(), data=st.data())
def test_another_future_leaves_the_past_as_it_was(video, other, data):
    boxes, clip = video
    now = data.draw(st.integers(0, len(clip) - 1))
    past = boxes[boxes.frame <= now]
    future = other[0][(other[0].frame > now) & (other[0].frame < len(clip))]
    changed = attend(Boxes.concat([past, future]), clip).score[: len(past)]
    assert changed.tolist() == attend(boxes, clip).score[boxes.frame <= now].tolist()


def test_the_defaults_of_the_stream_are_those_of_the_table():
    """What the stream does not name it hands on to the table's rule."""
    whole, stream = (inspect.signature(one).parameters for one in (attend, CausalAttention))
    assert whole["behind"].default == stream["behind"].default
    assert stream["settings"].kind is inspect.Parameter.VAR_KEYWORD and set(stream) == {"behind", "settings"}
    with pytest.raises(TypeError, match="ahead"):
        CausalAttention(ahead=1)


def test_settings_out_of_range_are_named():
    for wrong, said in (
        ({"behind": -1}, "behind is -1"),
        ({"ahead": -2}, "ahead -2"),
        ({"gain": -0.5}, "gain is -0.5"),
        ({"by": "max"}, "by is 'max', expected 'own' or 'neighbour'"),
    ):
        with pytest.raises(ValueError, match=said):
            attend(Boxes.empty(), one_clip(1), **wrong)
    with pytest.raises(ValueError, match="a row lies in frame 3"):
        attend(Boxes([3], [HERE]), one_clip(2))
    with pytest.raises(ValueError, match=r"frames \[0, 1\], expected one frame"):
        CausalAttention().update(Boxes([0, 1], [HERE, HERE]))
