"""Fusion: worked cases, laws, errors; agreement with ensemble_boxes is in test_referee."""

import numpy as np
import pytest
import references.fusion
from fusion_cases import FUSES, VARIANTS, WAYS, assert_same, some_models, threads_at_once  # noqa: F401
from hypothesis import given, settings
from hypothesis import strategies as st

from kaggle_utils.boxes import fusion
from kaggle_utils.boxes.table import Boxes

# by hand


@pytest.mark.parametrize("way", WAYS)
def test_nms_drops_what_overlaps_a_better_box_that_stays(way):
    # in a row, 10 wide, moved by 4: neighbours have IoU 6/14 = .43, next but one 2/18 = .11
    chain = Boxes([0, 0, 0], [[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], [0.9, 0.8, 0.7])
    assert way.nms([chain], iou=0.4).score.tolist() == [0.9, 0.7]
    assert way.nms([chain], iou=0.45).score.tolist() == [0.9, 0.8, 0.7]


@pytest.mark.parametrize("way", WAYS)
def test_an_iou_that_equals_the_limit_is_not_above_it(way):
    pair = Boxes([0, 0], [[0, 0, 10, 10], [0, 0, 10, 3]], [0.9, 0.8])  # IoU 30 / 100
    for method in fusion.METHODS:
        options = {"decay": "linear"} if method == "soft_nms" else {}
        assert len(way.fuse([pair], method, iou=0.3, **options)) == 2, method


@pytest.mark.parametrize("way", WAYS)
def test_gaussian_soft_nms_lowers_by_the_exponential_of_the_squared_iou(way):
    pair = Boxes([0, 0], [[0, 0, 10, 10], [0, 0, 10, 6]], [0.9, 0.5])
    np.testing.assert_allclose(
        way.soft_nms([pair], sigma=0.5).score, [0.9, 0.5 * np.exp(-(0.6**2) / 0.5)]
    )
    assert way.soft_nms([pair], min_score=0.3).score.tolist() == [0.9]  # 0.243 is below


@pytest.mark.parametrize("way", WAYS)
def test_soft_nms_takes_next_what_is_then_the_surest(way):
    # 0.8 falls to 0.8 * (1 - .6) = 0.32, so the lone 0.5 comes before it
    three = Boxes([0] * 3, [[0, 0, 10, 10], [0, 0, 10, 6], [50, 0, 60, 9]], [0.9, 0.8, 0.5])
    np.testing.assert_allclose(way.soft_nms([three], decay="linear").score, [0.9, 0.5, 0.32])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "conf_type, score",
    [
        ("avg", (2 * 0.9 + 1 * 0.6) / 4),  # over the sum of all weights
        ("max", 1.8 / 2),  # the highest weight * score over the highest weight
        ("box_and_model_avg", (1.8 + 0.6) / 3 * 3 / 4),  # weighted mean, 3 of 4 parts of the weight there
        ("absent_model_aware_avg", (1.8 + 0.6 + 0) / (2 + 1 + 1)),  # the third model says 0
    ],
)
def test_weighted_boxes_fusion_of_two_out_of_three_models(way, conf_type, score):
    tables = [Boxes([0], [[0, 0, 10, 10]], [0.9]), Boxes([0], [[0, 0, 10, 14]], [0.6]), Boxes.empty()]
    fused = way.wbf(tables, weights=[2, 1, 1], conf_type=conf_type)
    np.testing.assert_allclose(fused.score, [score])
    np.testing.assert_allclose(fused.xyxy, [[0, 0, 10, (1.8 * 10 + 0.6 * 14) / 2.4]])


@pytest.mark.parametrize("way", WAYS)
def test_boxes_of_different_frames_or_labels_never_meet(way):
    same_place = Boxes([0, 1, 1], [[0, 0, 9, 9]] * 3, [0.5, 0.6, 0.7], [0, 0, 1])
    for method in fusion.METHODS:
        fused = way.fuse([same_place], method)
        assert (fused.frame.tolist(), fused.label.tolist()) == ([0, 1, 1], [0, 0, 1]), method


# laws


@pytest.mark.parametrize("method, options", VARIANTS)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.lists(
        st.lists(
            st.tuples(*[st.integers(0, n) for n in (2, 6, 6, 4, 4, 4, 1)]), max_size=12
        ),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from([0.0, 0.25, 0.5, 1.0]),
)
def test_the_plain_reading_agrees_on_ties_empty_boxes_and_zero_scores(method, options, rows, iou):
    tables = []
    for table in rows:
        frame, x, y, w, h, score, label = np.array(table, dtype=np.int64).reshape(-1, 7).T
        tables.append(Boxes(frame, np.column_stack([x, y, x + w, y + h]), score / 4, label))
    one, other = (way.fuse(tables, method, iou=iou, **options) for way in WAYS)
    np.testing.assert_array_equal(one.frame, other.frame)
    np.testing.assert_array_equal(one.label, other.label)
    np.testing.assert_allclose(one.score, other.score, atol=1e-12)
    np.testing.assert_allclose(one.xyxy, other.xyxy, atol=1e-12)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method, options", VARIANTS)
def test_rows_come_by_frame_label_and_descending_score(method, options, way):
    options = {name: value for name, value in options.items() if name != "decayed"}
    fused = way.fuse(some_models(5), method, **options)
    np.testing.assert_array_equal(np.lexsort((-fused.score, fused.label, fused.frame)), np.arange(len(fused)))


@pytest.mark.parametrize("method, options", VARIANTS)
def test_frames_do_not_influence_each_other(method, options, threads_at_once):
    tables = some_models(2, n_models=2, n_frames=900, n_boxes=3)
    together = fusion.fuse(tables, method, **options)
    for frames in (slice(0, 50), slice(850, 900)):
        chosen = np.arange(900)[frames]
        alone = references.fusion.fuse([t[np.isin(t.frame, chosen)] for t in tables], method, **options)
        assert_same(together[np.isin(together.frame, chosen)], alone, 1e-12)


@pytest.mark.parametrize("way", WAYS)
def test_frame_and_label_numbers_may_be_far_apart(way):
    tables = some_models(4)
    far = [t.replace(frame=t.frame * 10**11, label=t.label * 10**6) for t in tables]
    for method in fusion.METHODS:
        near = way.fuse(tables, method)
        expected = near.replace(frame=near.frame * 10**11, label=near.label * 10**6)
        assert_same(way.fuse(far, method), expected, 1e-12)


@pytest.mark.parametrize("way", WAYS)
def test_scores_that_differ_in_the_last_bit_are_still_in_order(way):
    score = np.nextafter(0.5, np.array([0, 1, 0, 1]))  # just below, just above
    crowd = Boxes([0, 0, 9, 9], [[0, 0, 9, 9], [1, 0, 9, 9]] * 2, score)
    ends = Boxes([5, 5], [[0, 0, 9, 9], [50, 50, 60, 60]], [1e-300, 1e300])  # leaves few bits for the rest
    kept = way.nms([crowd, ends])
    assert kept.score[kept.frame != 5].tolist() == [score[1], score[1]]


@pytest.mark.parametrize("fuse", FUSES)
def test_nothing_in_nothing_out(fuse):
    flat = Boxes([0], [[3, 3, 3, 9]])  # without area
    for method in fusion.METHODS:
        assert len(fuse([Boxes.empty()], method)) == 0
        assert len(fuse([flat, Boxes.empty()], method)) == 0


def test_a_table_with_weight_zero_changes_nothing_but_its_own_boxes():
    tables = some_models(6, n_models=2)
    alone = fusion.wbf(tables[:1], conf_type="box_and_model_avg")
    for way in WAYS:
        both = way.wbf(tables, weights=[1, 0], conf_type="box_and_model_avg")
        assert_same(both[both.score > 0], alone, 1e-12)


# errors


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda b: fusion.fuse(b), r"expected a sequence of one Boxes or more: fuse\(\[boxes\]\)"),
        (lambda b: fusion.fuse([]), "tables is .., expected a sequence"),
        (lambda b: fusion.fuse([b], "median"), "method is 'median', expected one of"),
        (lambda b: fusion.fuse([b], engine="fortran"), "engine is 'fortran', expected 'ensemble_boxes' or None"),
        (lambda b: fusion.nms([b, b.replace(score=[-0.1])]), "score of row 0 of table 1 is -0.1, expected 0 or more"),
        (lambda b: fusion.nms([b], iou=1.5), "iou is 1.5, expected 0 to 1"),
        (lambda b: fusion.nms([b], skip_below=np.nan), "skip_below is nan"),
        (lambda b: fusion.wbf([b], weights=[-1]), "weights are .-1., expected finite numbers of 0 or more"),
        (lambda b: fusion.wbf([b], weights=[0]), "not all 0"),
        (lambda b: fusion.soft_nms([b], decay="cubic"), "decay is 'cubic'"),
        (lambda b: fusion.soft_nms([b], sigma=0), "sigma is 0, expected a finite number above 0"),
        (lambda b: fusion.soft_nms([b], min_score=-1), "min_score is -1, expected 0 or more"),
        (lambda b: fusion.fuse([b], conf_type="median", engine="ensemble_boxes"), "conf_type is 'median'"),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(Boxes([0], [[0, 0, 1, 1]]))


def test_an_option_of_another_method_is_refused():
    with pytest.raises(TypeError, match="sigma"):
        fusion.fuse([Boxes.empty()], "wbf", sigma=0.3)
