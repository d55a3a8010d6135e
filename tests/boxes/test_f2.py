"""F2 over boxes by hand, beside the copied implementation, and by its laws."""

import math

import numpy as np
import pytest
from box_tables import loop_iou, near, tables
from hypothesis import given, settings

from kaggle_utils.boxes.f2 import (
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
)
from kaggle_utils.boxes.formats import boxes_from_annotations
from kaggle_utils.boxes.table import Boxes


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


# Counts and score


def test_f2_from_counts_is_f_beta_with_beta_2():
    for tp, fp, fn in np.random.default_rng(0).integers([1, 0, 0], 10, (100, 3)):
        precision, recall = tp / (tp + fp), tp / (tp + fn)
        expected = (1 + 2**2) * precision * recall / (2**2 * precision + recall)
        assert f2_from_counts(tp, tp + fn, tp + fp) == pytest.approx(expected)


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


def test_a_frame_without_a_group_is_named():
    box = Boxes([2], [[0, 0, 9, 9]])
    with pytest.raises(ValueError, match="lies in frame 2, but the groups of only 2 frames"):
        f2_by_group(box, box, np.array([0, 1]))
