"""The best cut against trying all of them, cross-fitting against doing it by hand, and candidates side by side."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaggle_utils.boxes.cuts import cross_fitted_f2, f2_table
from kaggle_utils.boxes.f2 import f2, f2_counts, f2_curve
from kaggle_utils.boxes.table import Boxes

BOX = [0.0, 0.0, 10.0, 10.0]


def found_or_not(scores_of_hits, scores_of_misses, frame=0):
    """One frame: true boxes side by side, some found exactly, and false boxes far below."""
    hits, misses = len(scores_of_hits), len(scores_of_misses)
    true = np.array([[20.0 * i, 0, 20 * i + 10, 10] for i in range(hits)]).reshape(-1, 4)
    false = np.array([[20.0 * i, 500, 20 * i + 10, 510] for i in range(misses)]).reshape(-1, 4)
    truth = Boxes(np.full(hits, frame), true)
    xyxy = np.concatenate([true, false])
    return truth, Boxes(np.full(len(xyxy), frame), xyxy, [*scores_of_hits, *scores_of_misses])


SCORES = st.lists(st.integers(1, 20).map(lambda s: s / 20), min_size=0, max_size=12)


@settings(deadline=None, max_examples=60)
@given(hits=SCORES, misses=SCORES)
def test_no_other_cut_is_better(hits, misses):
    truth, predictions = found_or_not(hits, misses)
    cut, score = f2_curve(truth, predictions).best
    for other in np.linspace(0, 1, 41):
        kept = predictions[predictions.score >= other]
        assert not f2(f2_counts(truth, kept)) > score
    if len(predictions):
        np.testing.assert_equal(f2(f2_counts(truth, predictions[predictions.score >= cut])), score)


def test_cross_fitted_by_hand():
    # Fold 0: hits at .9 and .8, a false box at .3. Fold 1: hits at .4 and .3, a false box at .2.
    parts = [found_or_not([0.9, 0.8], [0.3], frame=0), found_or_not([0.4, 0.3], [0.2], frame=1)]
    truth, predictions = (Boxes.concat(side) for side in zip(*parts, strict=True))
    result = cross_fitted_f2(truth, predictions, fold_of_frame=np.array([0, 1]))
    assert result.decisions == {0: 0.3, 1: 0.8}  # each fitted on the other fold
    # fold 0 cut at .3: 2 hits of 3 boxes; fold 1 cut at .8: nothing kept: 5 * 2 / (4 * 4 + 3)
    assert result.cross_fitted == pytest.approx(10 / 19)
    # on its own rows the cut at .3 keeps 4 hits and 1 false box: 5 * 4 / (4 * 4 + 5)
    assert (result.decision, result.fitted) == (0.3, pytest.approx(20 / 21))
    assert str(result) == (
        "0.5263 cross-fitted over 2 folds (0.3, 0.8), 0.9524 on the rows it was fitted on (0.3)"
    )


def test_scores_of_pure_chance_look_better_fitted_than_cross_fitted():
    rng = np.random.default_rng(0)
    gains = []
    for _ in range(20):
        parts = [found_or_not(rng.random(4), rng.random(6), frame) for frame in range(6)]
        truth, predictions = (Boxes.concat(side) for side in zip(*parts, strict=True))
        result = cross_fitted_f2(truth, predictions, fold_of_frame=np.arange(6) % 3)
        gains.append(result.fitted - result.cross_fitted)
    assert np.mean(gains) > 0 <= min(gains) + 1e-12


def test_folds_may_have_names_and_any_order():
    parts = [found_or_not([0.9], [0.3], frame=0), found_or_not([0.5], [0.2], frame=1)]
    truth, predictions = (Boxes.concat(side) for side in zip(*parts, strict=True))
    result = cross_fitted_f2(truth, predictions, fold_of_frame=np.array(["video_2", "video_0"]))
    assert result.decisions == {"video_0": 0.9, "video_2": 0.5}


def test_the_iou_convention_reaches_the_metric():
    truth = Boxes([0, 1], [BOX, BOX])
    predictions = Boxes([0, 1], [[0, 0, 10, 5]] * 2, [0.9, 0.9])  # IoU .5, with +1: 66 / 121 = .545
    plain, plus = (cross_fitted_f2(truth, predictions, np.array([0, 1]), plus_one=p) for p in (False, True))
    assert (plain.fitted, plus.fitted) == (pytest.approx(4 / 11), pytest.approx(5 / 11))


def test_one_fold_is_refused():
    truth, predictions = found_or_not([0.9], [])
    with pytest.raises(ValueError, match=r"folds \[3\], expected at least two"):
        cross_fitted_f2(truth, predictions, fold_of_frame=np.array([3]))


def test_frames_without_anything_are_nan_and_no_crash():
    result = cross_fitted_f2(Boxes.empty(), Boxes.empty(), fold_of_frame=np.array([0, 1]))
    assert math.isnan(result.fitted) and math.isnan(result.cross_fitted)


def detections(rng, n_frames=60):
    """One true box a frame, found or not, and as many false ones."""
    truth = Boxes(np.arange(n_frames), [[0, 0, 10, 10]] * n_frames)
    found = truth.replace(score=rng.random(n_frames))
    false = Boxes(np.arange(n_frames), [[50, 50, 60, 60]] * n_frames, rng.random(n_frames) ** 2)
    return truth, Boxes.concat([found, false])


def test_the_table_has_each_candidate_with_its_score_and_its_gain_on_the_baseline():
    truth, predictions = detections(np.random.default_rng(6))
    sequence = np.arange(60) // 5
    candidates = {"low cut": (predictions, 0.1), "high cut": (predictions, 0.6), "perfect": (truth, 0.0)}
    table = f2_table(truth, candidates, sequence, baseline="low cut").set_index("name")
    assert table.index.tolist() == list(candidates)
    for name, (boxes, cut) in candidates.items():
        assert table.f2[name] == pytest.approx(f2(f2_counts(truth, boxes[boxes.score >= cut])))
        assert table.gain[name] == pytest.approx(table.f2[name] - table.f2["low cut"])
        assert table.low[name] <= table.f2[name] <= table.high[name]
    assert table.loc["low cut", ["gain", "gain_low", "gain_high"]].tolist() == [0, 0, 0]
    assert table.loc["perfect", ["f2", "low", "high"]].tolist() == [1, 1, 1]
    assert table.gain_high["high cut"] < 0 < table.gain_low["perfect"]


def test_a_table_without_its_baseline_is_refused():
    truth, predictions = detections(np.random.default_rng(7))
    with pytest.raises(ValueError, match="baseline is 'nms', expected one of"):
        f2_table(truth, {"wbf": (predictions, 0.1)}, np.arange(60), baseline="nms")
