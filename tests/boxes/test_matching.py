"""Who hits whom: by hand, against the loop one would first write, and against NumPy."""

import math

import numpy as np
import pytest
from box_tables import loop_iou, near, tables
from hypothesis import given, settings
from hypothesis import strategies as st
from references.matching import match as matched_in_numpy

from kaggle_utils.boxes.matching import IOU_THRESHOLDS, match
from kaggle_utils.boxes.table import Boxes

WAYS = [match, matched_in_numpy]  # the package and its referee


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


# The rule


def test_thresholds_are_the_decimals_and_not_sums_of_steps():
    assert [str(t) for t in IOU_THRESHOLDS] == "0.3 0.35 0.4 0.45 0.5 0.55 0.6 0.65 0.7 0.75 0.8".split()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("height, threshold", [(3, 0.3), (4, 0.4), (6, 0.6), (7, 0.7), (8, 0.8)])
def test_a_hit_lies_strictly_above_the_threshold(way, height, threshold):
    truth, prediction = Boxes([0], [[0, 0, 10, 10]]), Boxes([0], [[0, 0, 10, height]])  # IoU is height / 10
    hits = way(truth, prediction).hits[0]
    assert hits.tolist() == [t < threshold for t in IOU_THRESHOLDS]


@pytest.mark.parametrize("way", WAYS)
def test_a_true_box_is_found_once_by_the_surest(way):
    truth = Boxes([0], [[0, 0, 10, 10]])
    predictions = Boxes([0, 0, 0], [[0, 0, 10, 9], [0, 0, 10, 10], [0, 0, 10, 8.5]], [0.5, 0.4, 0.9])
    assert way(truth, predictions).hits.sum(1).tolist() == [0, 0, 11]


@pytest.mark.parametrize("way", WAYS)
def test_each_threshold_is_matched_for_itself(way):
    # The surer one has IoU .5, the other .9: up to .45 the first finds the box, from .5 on the second.
    truth = Boxes([0], [[0, 0, 10, 10]])
    predictions = Boxes([0, 0], [[0, 0, 10, 5], [0, 0, 10, 9]], [0.9, 0.8])
    hits = way(truth, predictions).hits
    assert hits[0].tolist() == [t < 0.5 for t in IOU_THRESHOLDS]
    assert hits[1].tolist() == [t >= 0.5 for t in IOU_THRESHOLDS]


@pytest.mark.parametrize("way", WAYS)
def test_equal_scores_go_in_the_given_order(way):
    truth, box = Boxes([0], [[0, 0, 10, 10]]), [0, 0, 10, 10]
    assert way(truth, Boxes([0, 0], [box, box], [0.5, 0.5])).hits.sum(1).tolist() == [11, 0]


@pytest.mark.parametrize("way", WAYS)
def test_of_two_true_boxes_with_equal_iou_the_earlier_is_taken(way):
    # The surer box lies across both: common 60, union 160, IoU .375 with either. The other is the left one.
    left, right = [0, 0, 10, 10], [10, 0, 20, 10]
    predictions = Boxes([0, 0], [[4, 0, 16, 10], left], [0.9, 0.8])
    for truth, hits_of_left in ((Boxes([0, 0], [left, right]), 9), (Boxes([0, 0], [right, left]), 11)):
        assert way(truth, predictions).hits.sum(1).tolist() == [2, hits_of_left]


@pytest.mark.parametrize("way", WAYS)
def test_only_the_own_frame_and_label_are_looked_at(way):
    box = [[0, 0, 10, 10]]
    truth = Boxes([1], box, label=[2])
    assert way(truth, Boxes([1], box, label=[2])).hits.all()
    assert not way(truth, Boxes([0], box, label=[2])).hits.any()
    assert not way(truth, Boxes([1], box, label=[0])).hits.any()


# Against independent loops


@settings(deadline=None, max_examples=150)
@given(truth=tables(), predictions=tables(), plus_one=st.booleans())
def test_hits_are_those_of_the_natural_loop(truth, predictions, plus_one):
    expected = loop_hits(truth, predictions, plus_one=plus_one)
    for way in WAYS:
        np.testing.assert_array_equal(way(truth, predictions, plus_one=plus_one).hits, expected)


@settings(deadline=None, max_examples=50)
@given(truth=tables(), predictions=tables(), thresholds=st.sets(st.integers(0, 19), min_size=1, max_size=4))
def test_any_thresholds_give_the_answers_of_the_natural_loop(truth, predictions, thresholds):
    thresholds = sorted(t / 20 for t in thresholds)
    expected = loop_hits(truth, predictions, thresholds)
    for way in WAYS:
        np.testing.assert_array_equal(way(truth, predictions, thresholds).hits, expected)


def test_crowded_frames_give_the_answers_of_the_natural_loop():
    rng = np.random.default_rng(1)
    for jitter in (2, 12):
        truth, predictions = near(rng, n_frames=4, true=25, predicted=400, jitter=jitter)
        expected = loop_hits(truth, predictions, IOU_THRESHOLDS[::5])
        for way in WAYS:
            np.testing.assert_array_equal(way(truth, predictions, IOU_THRESHOLDS[::5]).hits, expected)


def test_the_referee_agrees_on_many_frames_and_64_thresholds():
    truth, predictions = near(np.random.default_rng(2), n_frames=2000)
    thresholds = np.arange(64) / 64
    compiled, numpy = (way(truth, predictions, thresholds) for way in WAYS)
    np.testing.assert_array_equal(compiled.hit, numpy.hit)
    np.testing.assert_array_equal(compiled.found, numpy.found)
    assert compiled.unpack(compiled.hit)[:, 63].sum() == compiled.unpack(compiled.found)[:, 63].sum()


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_threads_share_the_frames_without_a_trace(monkeypatch, threads):
    truth, predictions = near(np.random.default_rng(12), n_frames=50)
    alone = match(truth, predictions)
    monkeypatch.setattr("kaggle_utils.compiled.threads._WORTH_THREADS", 1)
    monkeypatch.setattr("kaggle_utils.compiled.threads.config.NUMBA_NUM_THREADS", threads)
    together = match(truth, predictions)
    np.testing.assert_array_equal(together.hit, alone.hit)
    np.testing.assert_array_equal(together.found, alone.found)


# Wrong arguments


@pytest.mark.parametrize("thresholds", [(), (0.5, 0.4), (0.5, 0.5), (-0.1,), (1.0,), (math.nan,), [[0.5]]])
def test_wrong_thresholds_are_named(thresholds):
    with pytest.raises(ValueError, match="IoU thresholds are .*expected 1 to 64 ascending"):
        match(Boxes.empty(), Boxes.empty(), thresholds)
