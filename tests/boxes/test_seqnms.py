"""Seq-NMS: small films by hand, every path enumerated, the plain full recomputation."""

import numpy as np
import pytest
import references.seqnms
from hypothesis import given, settings
from hypothesis import strategies as st

from kaggle_utils.boxes.seqnms import seq_nms
from kaggle_utils.boxes.table import Boxes

WAYS = [seq_nms, references.seqnms.seq_nms]  # the package and the plain algorithm
HERE, BESIDE = [0, 0, 10, 10], [0, 0, 10, 8]  # their IoU is .8


def iou(a, b):
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / union if union > 0 else 0.0


def linked(boxes, clip, i, j, limit):
    """Whether box j goes on from box i."""
    return (
        boxes.frame[j] == boxes.frame[i] + 1
        and clip[boxes.frame[i]] == clip[boxes.frame[j]]
        and boxes.label[i] == boxes.label[j]
        and iou(boxes.xyxy[i], boxes.xyxy[j]) > limit
    )


def every_path(boxes, clip, limit, left):
    """All paths through the boxes left, as lists of rows in time."""
    paths = [[row] for row in left]
    for path in paths:  # grows while it is read
        paths.extend([*path, row] for row in left if linked(boxes, clip, path[-1], row, limit))
    return paths


def best_of_every_path(boxes, clip, limit, left):
    return max(every_path(boxes, clip, limit, left), key=lambda path: sum(boxes.score[row] for row in path))


def best_by_full_recomputation(boxes, clip, limit, left):
    left = sorted(left, key=lambda row: boxes.frame[row])
    total, before = {}, {}
    for row in left:
        options = [other for other in total if linked(boxes, clip, other, row, limit)]
        before[row] = max(options, key=total.get, default=None)
        total[row] = boxes.score[row] + (total[before[row]] if options else 0)
    path = [max(left, key=total.get)]
    while before[path[-1]] is not None:
        path.append(before[path[-1]])
    return path


def plainly(boxes, clip, best_path, link_iou=0.5, nms_iou=0.3, rescore="mean"):
    """Seq-NMS as the paper tells it: {row: new score}."""
    left, answer = list(range(len(boxes))), {}
    while left:
        path = best_path(boxes, clip, link_iou, left)
        score = (np.mean if rescore == "mean" else np.max)(boxes.score[path])
        answer |= dict.fromkeys(path, score)
        gone = {
            row
            for row in left
            for chosen in path
            if boxes.frame[row] == boxes.frame[chosen]
            and boxes.label[row] == boxes.label[chosen]
            and iou(boxes.xyxy[row], boxes.xyxy[chosen]) > nms_iou
        }
        left = [row for row in left if row not in gone and row not in path]
    return answer


def assert_answers(boxes, clip, expected, way, **options):
    rows = sorted(expected)
    answer = way(boxes, clip, **options)
    np.testing.assert_array_equal(answer.frame, boxes.frame[rows])
    np.testing.assert_array_equal(answer.xyxy, boxes.xyxy[rows])
    np.testing.assert_array_equal(answer.label, boxes.label[rows])
    np.testing.assert_allclose(answer.score, [expected[row] for row in rows], atol=1e-12)


def some_film(seed, n_frames=6, objects=2, n_boxes=7, wander=4.0):
    """Objects that drift, boxes scattered about them in random frames (some frames have none)."""
    rng = np.random.default_rng(seed)
    frame, which = rng.integers(0, n_frames, n_boxes), rng.integers(0, objects, n_boxes)
    centre = rng.uniform(50, 110, (objects, 2))[which] + frame[:, None] * 2 + rng.normal(0, wander, (n_boxes, 2))
    size = rng.uniform(25, 40, (n_boxes, 2))
    xyxy = np.hstack([centre - size / 2, centre + size / 2])
    return Boxes(frame, xyxy, rng.uniform(0.01, 1, n_boxes), rng.integers(0, 2, n_boxes) * (seed % 2))


# by hand


@pytest.mark.parametrize("way", WAYS)
def test_a_weak_box_between_strong_ones_is_lifted(way):
    film = Boxes([0, 1, 2], [HERE] * 3, [0.9, 0.1, 0.8])
    np.testing.assert_allclose(way(film, np.zeros(3, int)).score, [0.6] * 3)  # 1.8 / 3
    assert way(film, np.zeros(3, int), rescore="max").score.tolist() == [0.9] * 3


@pytest.mark.parametrize("way", WAYS)
def test_the_best_path_is_not_the_surest_box_first(way):
    # in frame 0 the surer box .9 overlaps .5 (IoU .33) and has no successor; .5 + .6 = 1.1 beats .9
    film = Boxes([0, 0, 1], [[10, 0, 30, 10], [0, 0, 20, 10], [0, 0, 20, 10]], [0.9, 0.5, 0.6])
    answer = way(film, np.zeros(2, int))
    assert (answer.frame.tolist(), answer.xyxy[:, 0].tolist()) == ([0, 1], [0, 0])
    np.testing.assert_allclose(answer.score, [0.55, 0.55])


@pytest.mark.parametrize("way", WAYS)
def test_what_a_path_took_away_no_longer_feeds_another(way):
    # two branches share the first frame's box: .9 -> .8, then .7 stands alone
    film = Boxes([0, 1, 1], [[0, 0, 30, 10], [0, 0, 20, 10], [12, 0, 30, 10]], [0.9, 0.8, 0.7])
    answer = way(film, np.zeros(2, int), nms_iou=0.5)
    np.testing.assert_allclose(answer.score, [0.85, 0.85, 0.7])


@pytest.mark.parametrize("way", WAYS)
def test_paths_end_at_a_cut_at_an_empty_frame_and_at_another_label(way):
    pair = Boxes([0, 1], [HERE] * 2, [0.9, 0.1])
    assert way(pair, np.array([0, 1])).score.tolist() == [0.9, 0.1]
    gap = pair.replace(frame=[0, 2])
    assert way(gap, np.zeros(3, int)).score.tolist() == [0.9, 0.1]
    mixed = pair.replace(label=[0, 1])
    assert way(mixed, np.zeros(2, int)).score.tolist() == [0.9, 0.1]


@pytest.mark.parametrize("way", WAYS)
def test_within_one_frame_it_is_nms(way):
    crowd = Boxes([3, 3, 3], [BESIDE, HERE, [50, 50, 60, 60]], [0.5, 0.7, 0.2])
    answer = way(crowd, np.zeros(9, int))
    assert answer.score.tolist() == [0.7, 0.2]
    apart = crowd.replace(label=[1, 0, 0])
    assert len(way(apart, np.zeros(9, int))) == 3


@pytest.mark.parametrize("way", WAYS)
def test_no_boxes_no_frames_no_answer(way):
    assert len(way(Boxes.empty(), np.zeros(0, int))) == 0
    assert len(way(Boxes.empty(), np.zeros(5, int), rescore="max")) == 0


# references


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    n_boxes=st.integers(1, 9),
    n_frames=st.integers(1, 5),
    link_iou=st.sampled_from([0.1, 0.45, 0.7]),
    nms_iou=st.sampled_from([0.0, 0.3, 0.9]),
    rescore=st.sampled_from(["mean", "max"]),
    cut=st.integers(0, 5),
)
def test_no_path_of_all_is_better_than_the_one_chosen(
    way, seed, n_boxes, n_frames, link_iou, nms_iou, rescore, cut
):
    film = some_film(seed, n_frames, n_boxes=n_boxes)
    clip = (np.arange(n_frames) >= cut).astype(int)
    options = {"link_iou": link_iou, "nms_iou": nms_iou, "rescore": rescore}
    expected = plainly(film, clip, best_of_every_path, **options)
    assert_answers(film, clip, expected, way, **options)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("nms_iou", [0.2, 0.95])  # with .95 paths run side by side and cut each other off
@pytest.mark.parametrize("seed", range(4))
def test_reckoning_anew_only_what_changed_changes_nothing(way, nms_iou, seed):
    film = some_film(seed, n_frames=20, objects=3, n_boxes=90)
    clip = np.arange(20) // 12
    expected = plainly(film, clip, best_by_full_recomputation, link_iou=0.4, nms_iou=nms_iou)
    assert_answers(film, clip, expected, way, link_iou=0.4, nms_iou=nms_iou)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(*[st.integers(0, n) for n in (4, 3, 3, 3, 3, 2, 1)]), max_size=14), st.integers(0, 4))
def test_the_plain_algorithm_agrees_on_ties_empty_boxes_and_zero_scores(rows, cut):
    frame, x, y, w, h, score, label = np.array(rows, dtype=np.int64).reshape(-1, 7).T
    film = Boxes(frame, np.column_stack([x, y, x + w, y + h]), score / 2, label)
    clip = (np.arange(5) >= cut).astype(int)
    one, other = (way(film, clip, link_iou=0.25) for way in WAYS)
    np.testing.assert_array_equal(one.xyxy, other.xyxy)
    np.testing.assert_array_equal(one.frame, other.frame)
    np.testing.assert_array_equal(one.score, other.score)


def test_the_plain_algorithm_agrees_on_a_long_film():
    film, clip = some_film(1, n_frames=300, objects=4, n_boxes=2500), np.arange(300) // 100
    one, other = (way(film, clip, nms_iou=0.6) for way in WAYS)
    assert 300 < len(one) < 2500
    np.testing.assert_array_equal(one.xyxy, other.xyxy)
    np.testing.assert_array_equal(one.score, other.score)


# laws


def test_the_order_of_rows_does_not_matter():
    film, clip = some_film(2, n_frames=30, n_boxes=120), np.zeros(30, int)
    shuffled = film[np.random.default_rng(0).permutation(len(film))]
    answers = seq_nms(film, clip), seq_nms(shuffled, clip)
    one, other = (answer[np.lexsort((answer.xyxy[:, 0], answer.frame))] for answer in answers)
    np.testing.assert_array_equal(one.xyxy, other.xyxy)
    np.testing.assert_allclose(one.score, other.score)


def test_clips_do_not_influence_each_other():
    film, clip = some_film(4, n_frames=40, n_boxes=150), np.arange(40) // 20
    together = seq_nms(film, clip)
    for number in (0, 1):
        alone = seq_nms(film[clip[film.frame] == number], clip)
        np.testing.assert_array_equal(together.score[clip[together.frame] == number], alone.score)


def test_what_stays_no_longer_overlaps():
    film, clip = some_film(3, n_frames=30, n_boxes=200), np.zeros(30, int)
    answer = seq_nms(film, clip, nms_iou=0.3)
    for _, boxes in answer.by_frame():
        for i in range(len(boxes)):
            for j in range(i):
                assert boxes.label[i] != boxes.label[j] or iou(boxes.xyxy[i], boxes.xyxy[j]) <= 0.3


# errors


@pytest.mark.parametrize(
    "options, message",
    [
        ({"link_iou": -0.1}, "link_iou is -0.1, expected 0 to 1"),
        ({"nms_iou": 2}, "nms_iou is 2, expected 0 to 1"),
        ({"rescore": "sum"}, "rescore is 'sum', expected 'mean' or 'max'"),
        ({"clip_of_frame": np.zeros(2, int)}, "a box lies in frame 2, expected frames below 2"),
        ({"clip_of_frame": np.array([0, 1, 0])}, "clip 0 is in several places"),
        ({"boxes": Boxes([0, 1], [HERE] * 2, [0.5, -1])}, "score of row 1 is -1.0, expected 0 or more"),
    ],
)
def test_what_does_not_fit_is_named(options, message):
    arguments = {"boxes": Boxes([0, 2], [HERE] * 2), "clip_of_frame": np.zeros(3, int)} | options
    with pytest.raises(ValueError, match=message):
        seq_nms(arguments.pop("boxes"), arguments.pop("clip_of_frame"), **arguments)
