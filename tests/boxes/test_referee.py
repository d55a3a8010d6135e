"""ensemble_boxes as the referee for every option, and its faults: theirs, then ours."""

import ensemble_boxes
import numpy as np
import pytest
from fusion_cases import FUSES, VARIANTS, WAYS, assert_same, some_models, threads_at_once  # noqa: F401
from hypothesis import given, settings
from hypothesis import strategies as st

from kaggle_utils.boxes import fusion
from kaggle_utils.boxes.table import Boxes


@pytest.mark.parametrize("method, options", VARIANTS)
@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    n_models=st.integers(1, 4),
    iou=st.sampled_from([0.0, 0.137, 0.3491, 0.5503, 0.8]),
    weights=st.booleans(),
    skip_below=st.sampled_from([0.0, 0.25]),
    shift=st.sampled_from([0.0, -700.0]),
)
def test_every_option_agrees_with_ensemble_boxes(
    method, options, way, seed, n_models, iou, weights, skip_below, shift
):
    tables = some_models(seed, n_models, shift=shift)
    weights = np.random.default_rng(seed).uniform(0.1, 3, n_models) if weights else None
    common = {"iou": iou, "weights": weights, "skip_below": skip_below} | options
    theirs = fusion.fuse(tables, method, engine="ensemble_boxes", **common)
    if not options.get("allows_overflow"):
        theirs = theirs.replace(score=np.minimum(theirs.score, 1.0))  # the fault shown below
    assert_same(way.fuse(tables, method, **common), theirs)


@pytest.mark.parametrize("method, options", VARIANTS)
def test_large_sets_and_threads_agree_with_ensemble_boxes(method, options, threads_at_once):
    tables = some_models(7, n_models=4, n_frames=5, n_boxes=120, n_labels=1)
    ours = fusion.fuse(tables, method, **options)
    assert_same(ours, fusion.fuse(tables, method, engine="ensemble_boxes", **options))


def test_the_referee_is_the_package_itself():
    tables = some_models(3, n_frames=1, n_labels=1)
    lists = [[t.xyxy / 2048 for t in tables], [t.score for t in tables], [t.label for t in tables]]
    boxes, scores, _ = ensemble_boxes.weighted_boxes_fusion(*lists, iou_thr=0.4)
    ours = fusion.fuse(tables, "wbf", iou=0.4, engine="ensemble_boxes")
    np.testing.assert_allclose(ours.xyxy, boxes * 2048, rtol=1e-12)
    np.testing.assert_array_equal(ours.score, scores)


# its faults: theirs, then ours


def test_no_score_exceeds_one_where_overflow_is_off():
    heavy, light = Boxes([0, 0], [[0, 0, 10, 10]] * 2, [1.0, 1.0]), Boxes.empty()
    _, theirs, _ = ensemble_boxes.weighted_boxes_fusion(
        [[[0, 0, 0.5, 0.5]] * 2, []], [[1.0, 1.0], []], [[0, 0], []], weights=[2, 1]
    )
    assert theirs[0] == pytest.approx(4 / 3)  # (2 + 2) / 2 boxes * 2 models / 3
    for way in WAYS:
        assert way.wbf([heavy, light], weights=[2, 1]).score.tolist() == [1.0]


@pytest.mark.parametrize("way", WAYS)
def test_boxes_whose_scores_are_all_zero_count_alike(way):
    pair = [Boxes([0], [[0, 0, 10, 10]], [0.0]), Boxes([0], [[0, 0, 10, 14]], [0.0])]
    with np.errstate(invalid="ignore"):
        theirs = ensemble_boxes.weighted_boxes_fusion([[[0, 0, 0.5, 0.5]]] * 2, [[0.0]] * 2, [[0]] * 2)[0]
    assert np.isnan(theirs).all()
    fused = way.wbf(pair)
    assert fused.xyxy.tolist() == [[0, 0, 10, 12]] and fused.score.tolist() == [0.0]
    overlap = 10 / 14  # NMW: the first box counts 1, the other its IoU with the first
    np.testing.assert_allclose(way.nmw(pair).xyxy[0, 3], (10 + overlap * 14) / (1 + overlap))


def test_lengths_that_differ_are_an_error_not_the_end_of_the_program(capsys):
    with pytest.raises(SystemExit):
        ensemble_boxes.weighted_boxes_fusion([[[0, 0, 1, 1]]], [[0.5, 0.6]], [[0]])
    with pytest.raises(ValueError, match="score has shape .2,., expected .1,."):
        Boxes([0], [[0, 0, 1, 1]], [0.5, 0.6])


def test_an_unknown_conf_type_is_an_error_not_the_end_of_the_program(capsys):
    with pytest.raises(SystemExit):
        ensemble_boxes.weighted_boxes_fusion([[[0, 0, 1, 1]]], [[0.5]], [[0]], conf_type="median")
    with pytest.raises(ValueError, match="conf_type is 'median', expected one of"):
        fusion.wbf([Boxes([0], [[0, 0, 1, 1]])], conf_type="median")


def test_weights_that_do_not_fit_are_an_error_not_ignored(capsys):
    theirs = ensemble_boxes.weighted_boxes_fusion([[[0, 0, 1, 1]]], [[0.5]], [[0]], weights=[1, 7])
    assert theirs[1].tolist() == [0.5]  # printed a warning and took [1]
    with pytest.raises(ValueError, match=r"weights are \[1, 7\], expected one for each of the 1 tables"):
        fusion.wbf([Boxes([0], [[0, 0, 1, 1]])], weights=[1, 7])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pixels_are_not_clipped_away():
    box = [[100.0, 200.0, 140.0, 260.0]]
    assert len(ensemble_boxes.weighted_boxes_fusion([box], [[0.5]], [[0]])[0]) == 0
    for method in fusion.METHODS:
        assert fusion.fuse([Boxes([0], box, [0.5])], method).xyxy.tolist() == box, method


def test_labels_stay_whole_numbers():
    assert ensemble_boxes.weighted_boxes_fusion([[[0, 0, 1, 1]]], [[0.5]], [[3]])[2].dtype == np.float64
    for fuse in FUSES:
        label = fuse([Boxes([0], [[0, 0, 1, 1]], [0.5], [3])], "wbf").label
        assert label.dtype == np.int64 and label.tolist() == [3], fuse


def test_boxes_are_not_rounded_to_single_precision():
    side = 0.1  # not a float32
    theirs = ensemble_boxes.weighted_boxes_fusion([[[0, 0, side, side]]] * 2, [[0.5]] * 2, [[0]] * 2)[0]
    assert theirs[0, 2] == float(np.float32(side)) != side
    for way in WAYS:
        fused = way.wbf([Boxes([0], [[0, 0, side, side]], [0.5])] * 2)
        assert fused.xyxy[0, 2] == side, way


def test_soft_nms_returns_the_scores_it_lowered():
    box, scores = [[0, 0, 0.5, 0.5], [0, 0, 0.5, 0.3]], [0.9, 0.5]  # IoU .6
    assert ensemble_boxes.soft_nms([box], [scores], [[0, 0]], method=1)[1].tolist() == [0.9, 0.5]
    pair = Boxes([0, 0], box, scores)
    for fuse in FUSES:
        soft = fuse([pair], "soft_nms", decay="linear")
        np.testing.assert_allclose(soft.score, [0.9, 0.5 * (1 - 0.6)])
        assert fuse([pair], "soft_nms", decay="linear", decayed=False).score.tolist() == scores


def test_the_tables_given_are_left_as_they_are():
    scores = [[0.6], [0.4]]
    ensemble_boxes.nms([[[0, 0, 1, 1]]] * 2, scores, [[0]] * 2, weights=[1, 1])
    assert [float(s[0]) for s in scores] == [0.3, 0.2]  # it wrote into the caller's list
    tables = some_models(1)
    before = [(t.xyxy.copy(), t.score.copy()) for t in tables]
    for fuse in FUSES:
        for method in fusion.METHODS:
            fuse(tables, method, weights=[3, 2, 1])
    for table, (xyxy, score) in zip(tables, before, strict=True):
        np.testing.assert_array_equal(table.xyxy, xyxy)
        np.testing.assert_array_equal(table.score, score)
