"""F2 over boxes against two independent loops, by hand, and by its laws."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaggle_utils.boxes import Boxes, boxes_from_annotations
from kaggle_utils.matching import match
from kaggle_utils.metrics import (
    IOU_THRESHOLDS,
    F2Counts,
    f2,
    f2_by_group,
    f2_by_iou,
    f2_by_size,
    f2_counts,
    f2_counts_by_group,
    f2_curve,
    f2_from_counts,
    f2_hits,
    iou,
)


def loop_iou(a, b, plus_one=False):
    extra = 1.0 if plus_one else 0.0
    width = min(a[2], b[2]) - max(a[0], b[0]) + extra
    height = min(a[3], b[3]) - max(a[1], b[1]) + extra
    if width <= 0 or height <= 0:
        return 0.0
    area_a = (a[2] - a[0] + extra) * (a[3] - a[1] + extra)
    area_b = (b[2] - b[0] + extra) * (b[3] - b[1] + extra)
    return width * height / (area_a + area_b - width * height)


def loop_hits(truth, predictions, thresholds=IOU_THRESHOLDS, plus_one=False):
    """The rule as one would first write it: thresholds, frames, predictions, true boxes."""
    hits = np.zeros((len(predictions), len(thresholds)), bool)
    for t, threshold in enumerate(thresholds):
        for frame in set(predictions.frame.tolist()):
            left = [g for g in range(len(truth)) if truth.frame[g] == frame]
            rows = [p for p in range(len(predictions)) if predictions.frame[p] == frame]
            for p in sorted(rows, key=lambda p: -predictions.score[p]):
                best, best_iou = None, -1.0
                for g in left:
                    overlap = loop_iou(truth.xyxy[g], predictions.xyxy[p], plus_one)
                    if truth.label[g] == predictions.label[p] and overlap > best_iou:
                        best, best_iou = g, overlap
                if best_iou > threshold:
                    hits[p, t] = True
                    left.remove(best)
    return hits


def copied_f2(truth_by_frame, predictions_by_frame):
    """What public notebooks share, retold: it counts a frame lacking either side once, not 11 times."""
    tp = fp = fn = 0
    for true, predicted in zip(truth_by_frame, predictions_by_frame, strict=True):
        if not len(true) and not len(predicted):
            continue
        if not len(true) or not len(predicted):
            fp, fn = fp + len(predicted), fn + len(true)
            continue
        for threshold in IOU_THRESHOLDS:
            left, hits = list(true), 0
            for box in predicted:  # by descending confidence
                overlaps = [loop_iou(box, other) for other in left]
                if overlaps and max(overlaps) > threshold:
                    left.pop(int(np.argmax(overlaps)))
                    hits += 1
            tp, fp, fn = tp + hits, fp + len(predicted) - hits, fn + len(left)
    return 5 * tp / (5 * tp + 4 * fn + fp)


def per_frame(boxes, n_frames):
    rows = boxes[boxes.order()]
    return [rows.xyxy[rows.frame == frame] for frame in range(n_frames)]


@st.composite
def tables(draw, n_frames=3, most=5, n_labels=2):
    """A few boxes on a coarse grid: ties in score and IoU, empty boxes and empty frames are common."""
    n = draw(st.integers(0, most * n_frames))
    numbers = draw(st.lists(st.tuples(*[st.integers(0, 6)] * 4), min_size=n, max_size=n))
    corners = np.array(numbers, float).reshape(-1, 4)
    xyxy = np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:]], axis=1)
    frame = draw(st.lists(st.integers(0, n_frames - 1), min_size=n, max_size=n))
    score = draw(st.lists(st.sampled_from([0.1, 0.2, 0.5, 0.9]), min_size=n, max_size=n))
    label = draw(st.lists(st.integers(0, n_labels - 1), min_size=n, max_size=n))
    return Boxes(frame, xyxy, score, label)


def near(rng, n_frames=40, true=3, predicted=10, jitter=6.0):
    """True boxes in every other frame, predictions scattered around them and elsewhere."""
    frame = np.repeat(np.arange(0, n_frames, 2), true)
    corner = rng.uniform(0, 600, (len(frame), 2))
    truth = Boxes(frame, np.concatenate([corner, corner + rng.uniform(20, 80, (len(frame), 2))], axis=1))
    rows = rng.integers(0, len(truth), n_frames * predicted)
    noisy = truth.xyxy[rows] + rng.normal(0, jitter, (len(rows), 4))
    xyxy = np.concatenate([np.minimum(noisy[:, :2], noisy[:, 2:]), np.maximum(noisy[:, :2], noisy[:, 2:])], axis=1)
    frame = np.where(rng.random(len(rows)) < 0.8, truth.frame[rows], rng.integers(0, n_frames, len(rows)))
    return truth, Boxes(frame, xyxy, rng.random(len(rows)).round(2))


# The rule


def test_thresholds_are_the_decimals_and_not_sums_of_steps():
    assert [str(t) for t in IOU_THRESHOLDS] == "0.3 0.35 0.4 0.45 0.5 0.55 0.6 0.65 0.7 0.75 0.8".split()


def test_iou_by_hand():
    # 10x10 and 10x10 moved by 5: common 50, union 150; with +1: common 6 * 11, union 2 * 121 - 66
    a, b = [[0, 0, 10, 10]], [[5, 0, 15, 10], [20, 0, 30, 10], [3, 3, 3, 3]]
    assert iou(a, b).tolist() == [[50 / 150, 0, 0]]
    assert iou(a, b, plus_one=True).tolist() == [[66 / 176, 0, 1 / 121]]


def test_touching_boxes_overlap_only_with_the_extra_pixel():
    assert iou([[0, 0, 10, 10]], [[10, 0, 20, 10]])[0, 0] == 0
    assert iou([[0, 0, 10, 10]], [[10, 0, 20, 10]], plus_one=True)[0, 0] == 11 / (121 + 121 - 11)


@pytest.mark.parametrize("engine", ["compiled", "numpy"])
@pytest.mark.parametrize("height, threshold", [(3, 0.3), (4, 0.4), (6, 0.6), (7, 0.7), (8, 0.8)])
def test_a_hit_lies_strictly_above_the_threshold(engine, height, threshold):
    truth, prediction = Boxes([0], [[0, 0, 10, 10]]), Boxes([0], [[0, 0, 10, height]])  # IoU is height / 10
    hits = f2_hits(truth, prediction, engine=engine)[0]
    assert hits.tolist() == [t < threshold for t in IOU_THRESHOLDS]


@pytest.mark.parametrize("engine", ["compiled", "numpy"])
def test_a_true_box_is_found_once_by_the_surest(engine):
    truth = Boxes([0], [[0, 0, 10, 10]])
    predictions = Boxes([0, 0, 0], [[0, 0, 10, 9], [0, 0, 10, 10], [0, 0, 10, 8.5]], [0.5, 0.4, 0.9])
    assert f2_hits(truth, predictions, engine=engine).sum(1).tolist() == [0, 0, 11]


@pytest.mark.parametrize("engine", ["compiled", "numpy"])
def test_each_threshold_is_matched_for_itself(engine):
    # The surer one has IoU .5, the other .9: up to .45 the first finds the box, from .5 on the second.
    truth = Boxes([0], [[0, 0, 10, 10]])
    predictions = Boxes([0, 0], [[0, 0, 10, 5], [0, 0, 10, 9]], [0.9, 0.8])
    hits = f2_hits(truth, predictions, engine=engine)
    assert hits[0].tolist() == [t < 0.5 for t in IOU_THRESHOLDS]
    assert hits[1].tolist() == [t >= 0.5 for t in IOU_THRESHOLDS]


@pytest.mark.parametrize("engine", ["compiled", "numpy"])
def test_equal_scores_go_in_the_given_order(engine):
    truth, box = Boxes([0], [[0, 0, 10, 10]]), [0, 0, 10, 10]
    assert f2_hits(truth, Boxes([0, 0], [box, box], [0.5, 0.5]), engine=engine).sum(1).tolist() == [11, 0]


@pytest.mark.parametrize("engine", ["compiled", "numpy"])
def test_only_the_own_frame_and_label_are_looked_at(engine):
    box = [[0, 0, 10, 10]]
    truth = Boxes([1], box, label=[2])
    assert f2_hits(truth, Boxes([1], box, label=[2]), engine=engine).all()
    assert not f2_hits(truth, Boxes([0], box, label=[2]), engine=engine).any()
    assert not f2_hits(truth, Boxes([1], box, label=[0]), engine=engine).any()


# Against independent loops


@settings(deadline=None, max_examples=150)
@given(truth=tables(), predictions=tables(), plus_one=st.booleans())
def test_hits_are_those_of_the_natural_loop(truth, predictions, plus_one):
    expected = loop_hits(truth, predictions, plus_one=plus_one)
    for engine in ("compiled", "numpy"):
        np.testing.assert_array_equal(f2_hits(truth, predictions, plus_one=plus_one, engine=engine), expected)


@settings(deadline=None, max_examples=50)
@given(truth=tables(), predictions=tables(), thresholds=st.sets(st.integers(0, 19), min_size=1, max_size=4))
def test_any_thresholds_give_the_answers_of_the_natural_loop(truth, predictions, thresholds):
    thresholds = sorted(t / 20 for t in thresholds)
    expected = loop_hits(truth, predictions, thresholds)
    for engine in ("compiled", "numpy"):
        np.testing.assert_array_equal(f2_hits(truth, predictions, thresholds, engine=engine), expected)


def test_crowded_frames_give_the_answers_of_the_natural_loop():
    rng = np.random.default_rng(1)
    for jitter in (2, 12):
        truth, predictions = near(rng, n_frames=4, true=25, predicted=400, jitter=jitter)
        expected = loop_hits(truth, predictions, IOU_THRESHOLDS[::5])
        for engine in ("compiled", "numpy"):
            np.testing.assert_array_equal(f2_hits(truth, predictions, IOU_THRESHOLDS[::5], engine=engine), expected)


def test_engines_agree_on_many_frames_and_64_thresholds():
    truth, predictions = near(np.random.default_rng(2), n_frames=2000)
    thresholds = np.arange(64) / 64
    compiled, numpy = (match(truth, predictions, thresholds, engine=e) for e in ("compiled", "numpy"))
    np.testing.assert_array_equal(compiled.hit, numpy.hit)
    np.testing.assert_array_equal(compiled.found, numpy.found)
    assert compiled.unpack(compiled.hit)[:, 63].sum() == compiled.unpack(compiled.found)[:, 63].sum()


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_threads_share_the_frames_without_a_trace(monkeypatch, threads):
    truth, predictions = near(np.random.default_rng(12), n_frames=50)
    alone = match(truth, predictions)
    monkeypatch.setattr("kaggle_utils.matching._threads", lambda n_predictions: threads)
    together = match(truth, predictions)
    np.testing.assert_array_equal(together.hit, alone.hit)
    np.testing.assert_array_equal(together.found, alone.found)


# Counts and score


def test_score_by_hand():
    # Two true boxes in frame 0, one hit with IoU .55 and one false box in frame 1, which has no truth.
    truth = Boxes([0, 0], [[0, 0, 10, 10], [100, 0, 110, 10]])
    predictions = Boxes([0, 1], [[0, 0, 10, 5.5], [0, 0, 10, 10]], [0.9, 0.8])
    counts = f2_counts(truth, predictions)
    assert counts.tp.tolist() == [1] * 5 + [0] * 6  # thresholds .30 to .50
    # at those five TP 1, FN 1, FP 1: 5 / (5 + 4 + 1); at the other six nothing is found
    assert f2(counts) == pytest.approx((5 * 5 / 10 + 6 * 0) / 11)


def test_the_score_is_the_mean_over_the_thresholds():
    truth, predictions = near(np.random.default_rng(3))
    counts = f2_counts(truth, predictions)
    tp, fn, fp = counts.tp, counts.truths - counts.tp, counts.predictions - counts.tp
    assert f2(counts) == pytest.approx(np.mean(5 * tp / (5 * tp + 4 * fn + fp)), abs=1e-15)
    assert f2(counts) == pytest.approx(np.mean(list(f2_by_iou(truth, predictions).values())), abs=1e-15)


def test_counts_of_parts_add_up():
    truth, predictions = near(np.random.default_rng(4))
    early = f2_counts(truth[truth.frame < 20], predictions[predictions.frame < 20])
    late = f2_counts(truth[truth.frame >= 20], predictions[predictions.frame >= 20])
    both, whole = early + late, f2_counts(truth, predictions)
    assert (both.tp.tolist(), both.truths, both.predictions) == (whole.tp.tolist(), whole.truths, whole.predictions)


def test_frames_with_neither_change_nothing_and_nothing_at_all_is_nan():
    truth, predictions = near(np.random.default_rng(5))
    later = (b.replace(frame=b.frame * 10) for b in (truth, predictions))
    assert f2(f2_counts(*later)) == f2(f2_counts(truth, predictions))
    assert math.isnan(f2(f2_counts(Boxes.empty(), Boxes.empty())))


def test_missing_everything_and_inventing_everything_are_zero():
    truth, _ = near(np.random.default_rng(6))
    assert f2(f2_counts(truth, Boxes.empty())) == 0 == f2(f2_counts(Boxes.empty(), truth))
    assert f2(f2_counts(truth, truth)) == 1


def test_the_copied_implementation_forgives_false_boxes_on_empty_frames_and_ours_does_not():
    # 10 frames with one true box, found exactly; 10 empty frames with one false box each.
    box = [[0.0, 0, 10, 10]]
    truth = Boxes(np.arange(10), box * 10)
    predictions = Boxes(np.arange(20), box * 20)
    copied = copied_f2(per_frame(truth, 20), per_frame(predictions, 20))
    assert copied == pytest.approx(5 * 110 / (5 * 110 + 10))  # ten false positives beside 110 hits: .982
    assert f2(f2_counts(truth, predictions)) == 5 * 110 / (5 * 110 + 110)  # eleven times ten: .833
    # a false box weighs 1/11 there: eleven of them on an empty frame count as one does
    crowd = Boxes([*range(10), *[10] * 11], box * 21)
    one_each = 5 * 110 / (5 * 110 + 11)
    assert copied_f2(per_frame(truth, 11), per_frame(crowd, 11)) == pytest.approx(one_each)
    assert f2(f2_counts(truth, crowd)) == pytest.approx(5 * 10 / (5 * 10 + 11))


def test_the_copied_implementation_agrees_where_every_frame_has_both():
    truth, predictions = near(np.random.default_rng(7))
    both = np.isin(np.arange(40), truth.frame) & np.isin(np.arange(40), predictions.frame)
    truth, predictions = (b[both[b.frame]] for b in (truth, predictions))
    copied = copied_f2(per_frame(truth, 40), per_frame(predictions, 40))
    pooled = f2_counts(truth, predictions)
    assert copied == pytest.approx(f2(pooled), abs=1e-15)


def test_on_the_real_table_the_copied_implementation_scores_false_boxes_higher(real_data):
    pandas = pytest.importorskip("pandas")
    truth = boxes_from_annotations(pandas.read_csv(real_data / "tables" / "reef_train.csv").annotations.tolist())
    n_frames, rng = 23501, np.random.default_rng(0)
    frame = np.flatnonzero(rng.random(n_frames) < 0.3)
    corner = rng.uniform(0, 600, (len(frame), 2))
    false = Boxes(frame, np.concatenate([corner, corner + 40], axis=1), np.full(len(frame), 0.2))
    predictions = Boxes.concat([truth, false])
    ours = f2(f2_counts(truth, predictions))
    assert len(truth) == 11898
    assert ours == pytest.approx(5 * 11898 / (4 * 11898 + len(predictions)), abs=2e-3)  # all found, plus false boxes
    assert copied_f2(per_frame(truth, n_frames), per_frame(predictions, n_frames)) > ours + 0.05


# The curve


@settings(deadline=None, max_examples=100)
@given(truth=tables(n_labels=1), predictions=tables(n_labels=1))
def test_the_curve_is_what_counting_anew_at_each_cut_gives(truth, predictions):
    curve = f2_curve(truth, predictions)
    assert curve.cut.tolist() == sorted(set(predictions.score.tolist()), reverse=True)
    for cut in (*curve.cut, 0.0, 0.15, 0.7, 1.0):
        kept = predictions[predictions.score >= cut]
        np.testing.assert_equal(curve.at(cut), f2(f2_counts(truth, kept)) if len(kept) or not len(truth) else 0.0)


def test_precision_and_recall_are_pooled_over_the_thresholds():
    truth, predictions = near(np.random.default_rng(8))
    curve, tp = f2_curve(truth, predictions), f2_counts(truth, predictions).tp.sum()
    assert curve.precision[-1] == tp / (11 * len(predictions))
    assert curve.recall[-1] == tp / (11 * len(truth))
    assert (np.diff(curve.recall) >= 0).all()


def test_the_best_cut_is_the_highest_of_equals():
    truth = Boxes([0, 1], [[0, 0, 9, 9]] * 2)
    # kept one by one: hit 5/9, then a miss 5/10, ..., the second hit after five misses: 10 / (8 + 10)
    predictions = Boxes([0] * 9 + [1], [[0, 0, 9, 9]] + [[50, 0, 59, 9]] * 8 + [[0, 0, 9, 9]], np.linspace(1, 0.1, 10))
    curve = f2_curve(truth, predictions)
    assert curve.f2[0] == curve.f2[-1] == 5 / 9
    assert curve.best == (1.0, 5 / 9)


def test_a_curve_without_predictions_or_truth_is_no_crash():
    box = Boxes([0], [[0, 0, 9, 9]], [0.3])
    assert f2_curve(box, Boxes.empty()).best == (0.0, 0.0)
    assert f2_curve(Boxes.empty(), box).best == (0.3, 0.0)
    assert math.isnan(f2_curve(Boxes.empty(), Boxes.empty()).best[1])
    assert math.isnan(f2_curve(Boxes.empty(), box).recall[0])


# Breakdowns


def test_groups_have_the_counts_of_their_own_frames_and_sum_up_to_the_whole():
    truth, predictions = near(np.random.default_rng(9))
    group = np.array([f"video_{frame % 3}" for frame in range(40)])
    groups, counts = f2_counts_by_group(truth, predictions, group)
    assert groups.tolist() == ["video_0", "video_1", "video_2"]
    for g, name in enumerate(groups):
        t, p = (b[group[b.frame] == name] for b in (truth, predictions))
        alone = f2_counts(t, p)
        assert (counts.tp[g].tolist(), counts.truths[g], counts.predictions[g]) == (alone.tp.tolist(), len(t), len(p))
        assert f2_by_group(truth, predictions, group)[name] == f2(alone)
    total = F2Counts(counts.tp.sum(0), counts.truths.sum(), counts.predictions.sum())
    assert f2(total) == f2(f2_counts(truth, predictions))


def test_a_group_without_boxes_is_nan():
    box = Boxes([0], [[0, 0, 9, 9]])
    values = f2_by_group(box, box, np.array([5, 6]))
    assert values[5] == 1 and math.isnan(values[6])


def test_one_bin_for_all_sizes_is_the_score():
    truth, predictions = near(np.random.default_rng(10))
    whole = f2_by_size(truth, predictions, edges=(0, np.inf))
    assert whole[(0.0, math.inf)] == pytest.approx(f2(f2_counts(truth, predictions)), abs=1e-15)


def test_a_hit_counts_for_the_true_size_and_a_false_box_for_its_own():
    truth = Boxes([0, 0], [[0, 0, 30, 30], [100, 0, 200, 100]])  # sizes 30 and 100
    predictions = Boxes([0, 0], [[0, 0, 34, 34], [300, 0, 400, 100]])  # sizes 34 (IoU .78: a hit up to .75) and 100
    small, large = f2_by_size(truth, predictions, edges=(0, 32, 1000)).values()
    # small: ten thresholds of 1, at .80 a miss (its box is 34, so it is a false one among the large)
    assert small == pytest.approx(10 / 11)
    assert large == 0


# Wrong arguments


@pytest.mark.parametrize("thresholds", [(), (0.5, 0.4), (0.5, 0.5), (-0.1,), (1.0,), (math.nan,), [[0.5]]])
def test_wrong_thresholds_are_named(thresholds):
    with pytest.raises(ValueError, match="IoU thresholds are .*expected 1 to 64 ascending"):
        f2_hits(Boxes.empty(), Boxes.empty(), thresholds)


def test_a_wrong_engine_and_a_frame_without_group_are_named():
    with pytest.raises(ValueError, match="engine is 'rust'"):
        match(Boxes.empty(), Boxes.empty(), engine="rust")
    box = Boxes([2], [[0, 0, 9, 9]])
    with pytest.raises(ValueError, match="lies in frame 2, but the groups of only 2 frames"):
        f2_by_group(box, box, np.array([0, 1]))


def test_without_numba_the_numpy_path_answers(monkeypatch):
    truth, predictions = near(np.random.default_rng(11))
    expected = match(truth, predictions, engine="numpy").hit
    monkeypatch.setitem(__import__("sys").modules, "numba", None)
    np.testing.assert_array_equal(match(truth, predictions).hit, expected)


def test_f2_from_counts_is_f_beta_with_beta_2():
    rng = random.Random(0)
    for _ in range(100):
        tp, fp, fn = rng.randint(1, 9), rng.randint(0, 9), rng.randint(0, 9)
        precision, recall = tp / (tp + fp), tp / (tp + fn)
        expected = (1 + 2**2) * precision * recall / (2**2 * precision + recall)
        assert f2_from_counts(tp, tp + fn, tp + fp) == pytest.approx(expected)
