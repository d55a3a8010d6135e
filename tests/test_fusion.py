"""Fusion: worked cases, ensemble_boxes as the referee for every option, its faults, laws, engines."""

import sys

import ensemble_boxes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaggle_utils import fusion
from kaggle_utils.boxes import Boxes

VARIANTS = [
    ("nms", {}),
    ("soft_nms", {"decay": "gaussian"}),
    ("soft_nms", {"decay": "linear", "min_score": 0.1}),
    ("soft_nms", {"decay": "gaussian", "sigma": 0.1, "min_score": 0.05, "decayed": False}),
    ("nmw", {}),
    ("wbf", {"conf_type": "avg"}),
    ("wbf", {"conf_type": "avg", "allows_overflow": True}),
    ("wbf", {"conf_type": "max"}),
    ("wbf", {"conf_type": "box_and_model_avg"}),
    ("wbf", {"conf_type": "absent_model_aware_avg"}),
]
ENGINES = ["compiled", "numpy"]


def some_models(seed, n_models=3, n_frames=4, n_boxes=6, n_labels=2, shift=0.0):
    """Tables of boxes that scatter about a few objects in each frame, all scores different."""
    rng = np.random.default_rng(seed)
    objects = rng.uniform(50, 1000, (n_frames, 3, 2)), rng.uniform(30, 120, (n_frames, 3, 2))
    tables = []
    for _ in range(n_models):
        n = rng.integers(0, n_frames * n_boxes + 1)
        frame, which = rng.integers(0, n_frames, n), rng.integers(0, 3, n)
        centre = objects[0][frame, which] + rng.normal(0, 6, (n, 2)) + shift
        size = objects[1][frame, which] * rng.uniform(0.8, 1.25, (n, 2))
        xyxy = np.hstack([centre - size / 2, centre + size / 2])
        tables.append(Boxes(frame, xyxy, rng.uniform(0.001, 1, n), rng.integers(0, n_labels, n)))
    return tables


@pytest.fixture
def threads_at_once(monkeypatch):
    """Small tables are spread over threads, too."""
    from kaggle_utils.compiled import grouping

    monkeypatch.setattr(grouping, "_WORTH_THREADS", 1)
    monkeypatch.setattr(grouping.config, "NUMBA_NUM_THREADS", 3)


def assert_same(ours, theirs, tolerance=1e-6):
    """Equal rows to the tolerance; coordinates as fractions of 2048 pixels, as the referee sees them."""
    rows = [np.lexsort((b.xyxy[:, 0].round(2), -b.score.round(5), b.label, b.frame)) for b in (ours, theirs)]
    ours, theirs = ours[rows[0]], theirs[rows[1]]
    np.testing.assert_array_equal(ours.frame, theirs.frame)
    np.testing.assert_array_equal(ours.label, theirs.label)
    np.testing.assert_allclose(ours.score, theirs.score, atol=tolerance, rtol=0)
    np.testing.assert_allclose(ours.xyxy / 2048, theirs.xyxy / 2048, atol=tolerance, rtol=0)


# by hand


@pytest.mark.parametrize("engine", ENGINES)
def test_nms_drops_what_overlaps_a_better_box_that_stays(engine):
    # in a row, 10 wide, moved by 4: neighbours have IoU 6/14 = .43, next but one 2/18 = .11
    chain = Boxes([0, 0, 0], [[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], [0.9, 0.8, 0.7])
    assert fusion.nms([chain], iou=0.4, engine=engine).score.tolist() == [0.9, 0.7]
    assert fusion.nms([chain], iou=0.45, engine=engine).score.tolist() == [0.9, 0.8, 0.7]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_iou_that_equals_the_limit_is_not_above_it(engine):
    pair = Boxes([0, 0], [[0, 0, 10, 10], [0, 0, 10, 3]], [0.9, 0.8])  # IoU 30 / 100
    for method in fusion.METHODS:
        options = {"decay": "linear"} if method == "soft_nms" else {}
        assert len(fusion.fuse([pair], method, iou=0.3, engine=engine, **options)) == 2, method


@pytest.mark.parametrize("engine", ENGINES)
def test_gaussian_soft_nms_lowers_by_the_exponential_of_the_squared_iou(engine):
    pair = Boxes([0, 0], [[0, 0, 10, 10], [0, 0, 10, 6]], [0.9, 0.5])
    np.testing.assert_allclose(
        fusion.soft_nms([pair], sigma=0.5, engine=engine).score, [0.9, 0.5 * np.exp(-(0.6**2) / 0.5)]
    )
    assert fusion.soft_nms([pair], min_score=0.3, engine=engine).score.tolist() == [0.9]  # 0.243 is below


@pytest.mark.parametrize("engine", ENGINES)
def test_soft_nms_takes_next_what_is_then_the_surest(engine):
    # 0.8 falls to 0.8 * (1 - .6) = 0.32, so the lone 0.5 comes before it
    three = Boxes([0] * 3, [[0, 0, 10, 10], [0, 0, 10, 6], [50, 0, 60, 9]], [0.9, 0.8, 0.5])
    np.testing.assert_allclose(fusion.soft_nms([three], decay="linear", engine=engine).score, [0.9, 0.5, 0.32])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "conf_type, score",
    [
        ("avg", (2 * 0.9 + 1 * 0.6) / 4),  # over the sum of all weights
        ("max", 1.8 / 2),  # the highest weight * score over the highest weight
        ("box_and_model_avg", (1.8 + 0.6) / 3 * 3 / 4),  # weighted mean, 3 of 4 parts of the weight there
        ("absent_model_aware_avg", (1.8 + 0.6 + 0) / (2 + 1 + 1)),  # the third model says 0
    ],
)
def test_weighted_boxes_fusion_of_two_out_of_three_models(engine, conf_type, score):
    tables = [Boxes([0], [[0, 0, 10, 10]], [0.9]), Boxes([0], [[0, 0, 10, 14]], [0.6]), Boxes.empty()]
    fused = fusion.wbf(tables, weights=[2, 1, 1], conf_type=conf_type, engine=engine)
    np.testing.assert_allclose(fused.score, [score])
    np.testing.assert_allclose(fused.xyxy, [[0, 0, 10, (1.8 * 10 + 0.6 * 14) / 2.4]])


@pytest.mark.parametrize("engine", ENGINES)
def test_boxes_of_different_frames_or_labels_never_meet(engine):
    same_place = Boxes([0, 1, 1], [[0, 0, 9, 9]] * 3, [0.5, 0.6, 0.7], [0, 0, 1])
    for method in fusion.METHODS:
        fused = fusion.fuse([same_place], method, engine=engine)
        assert (fused.frame.tolist(), fused.label.tolist()) == ([0, 1, 1], [0, 0, 1]), method


# the referee


@pytest.mark.parametrize("method, options", VARIANTS)
@pytest.mark.parametrize("engine", ENGINES)
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
    method, options, engine, seed, n_models, iou, weights, skip_below, shift
):
    tables = some_models(seed, n_models, shift=shift)
    weights = np.random.default_rng(seed).uniform(0.1, 3, n_models) if weights else None
    common = {"iou": iou, "weights": weights, "skip_below": skip_below} | options
    theirs = fusion.fuse(tables, method, engine="ensemble_boxes", **common)
    if not options.get("allows_overflow"):
        theirs = theirs.replace(score=np.minimum(theirs.score, 1.0))  # the fault shown below
    assert_same(fusion.fuse(tables, method, engine=engine, **common), theirs)


@pytest.mark.parametrize("method, options", VARIANTS)
def test_large_sets_and_threads_agree_with_ensemble_boxes(method, options, threads_at_once):
    tables = some_models(7, n_models=4, n_frames=5, n_boxes=120, n_labels=1)
    ours = fusion.fuse(tables, method, engine="compiled", **options)
    assert_same(ours, fusion.fuse(tables, method, engine="ensemble_boxes", **options))


def test_the_referee_is_the_package_itself():
    tables = some_models(3, n_frames=1, n_labels=1)
    lists = [[t.xyxy / 2048 for t in tables], [t.score for t in tables], [t.label for t in tables]]
    boxes, scores, _ = ensemble_boxes.weighted_boxes_fusion(*lists, iou_thr=0.4)
    ours = fusion.wbf(tables, iou=0.4, engine="ensemble_boxes")
    np.testing.assert_allclose(ours.xyxy, boxes * 2048, rtol=1e-12)
    np.testing.assert_array_equal(ours.score, scores)


# its faults: theirs, then ours


def test_no_score_exceeds_one_where_overflow_is_off():
    heavy, light = Boxes([0, 0], [[0, 0, 10, 10]] * 2, [1.0, 1.0]), Boxes.empty()
    _, theirs, _ = ensemble_boxes.weighted_boxes_fusion(
        [[[0, 0, 0.5, 0.5]] * 2, []], [[1.0, 1.0], []], [[0, 0], []], weights=[2, 1]
    )
    assert theirs[0] == pytest.approx(4 / 3)  # (2 + 2) / 2 boxes * 2 models / 3
    for engine in ENGINES:
        assert fusion.wbf([heavy, light], weights=[2, 1], engine=engine).score.tolist() == [1.0]


@pytest.mark.parametrize("engine", ENGINES)
def test_boxes_whose_scores_are_all_zero_count_alike(engine):
    pair = [Boxes([0], [[0, 0, 10, 10]], [0.0]), Boxes([0], [[0, 0, 10, 14]], [0.0])]
    with np.errstate(invalid="ignore"):
        theirs = ensemble_boxes.weighted_boxes_fusion([[[0, 0, 0.5, 0.5]]] * 2, [[0.0]] * 2, [[0]] * 2)[0]
    assert np.isnan(theirs).all()
    fused = fusion.wbf(pair, engine=engine)
    assert fused.xyxy.tolist() == [[0, 0, 10, 12]] and fused.score.tolist() == [0.0]
    overlap = 10 / 14  # NMW: the first box counts 1, the other its IoU with the first
    np.testing.assert_allclose(fusion.nmw(pair, engine=engine).xyxy[0, 3], (10 + overlap * 14) / (1 + overlap))


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
    for engine in [*ENGINES, "ensemble_boxes"]:
        label = fusion.wbf([Boxes([0], [[0, 0, 1, 1]], [0.5], [3])], engine=engine).label
        assert label.dtype == np.int64 and label.tolist() == [3], engine


def test_boxes_are_not_rounded_to_single_precision():
    side = 0.1  # not a float32
    theirs = ensemble_boxes.weighted_boxes_fusion([[[0, 0, side, side]]] * 2, [[0.5]] * 2, [[0]] * 2)[0]
    assert theirs[0, 2] == float(np.float32(side)) != side
    for engine in ENGINES:
        fused = fusion.wbf([Boxes([0], [[0, 0, side, side]], [0.5])] * 2, engine=engine)
        assert fused.xyxy[0, 2] == side, engine


def test_soft_nms_returns_the_scores_it_lowered():
    box, scores = [[0, 0, 0.5, 0.5], [0, 0, 0.5, 0.3]], [0.9, 0.5]  # IoU .6
    assert ensemble_boxes.soft_nms([box], [scores], [[0, 0]], method=1)[1].tolist() == [0.9, 0.5]
    pair = Boxes([0, 0], box, scores)
    for engine in [*ENGINES, "ensemble_boxes"]:
        soft = fusion.soft_nms([pair], decay="linear", engine=engine)
        np.testing.assert_allclose(soft.score, [0.9, 0.5 * (1 - 0.6)])
        assert fusion.soft_nms([pair], decay="linear", decayed=False, engine=engine).score.tolist() == scores


def test_the_tables_given_are_left_as_they_are():
    scores = [[0.6], [0.4]]
    ensemble_boxes.nms([[[0, 0, 1, 1]]] * 2, scores, [[0]] * 2, weights=[1, 1])
    assert [float(s[0]) for s in scores] == [0.3, 0.2]  # it wrote into the caller's list
    tables = some_models(1)
    before = [(t.xyxy.copy(), t.score.copy()) for t in tables]
    for engine in [*ENGINES, "ensemble_boxes"]:
        for method in fusion.METHODS:
            fusion.fuse(tables, method, weights=[3, 2, 1], engine=engine)
    for table, (xyxy, score) in zip(tables, before, strict=True):
        np.testing.assert_array_equal(table.xyxy, xyxy)
        np.testing.assert_array_equal(table.score, score)


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
def test_both_engines_agree_on_ties_empty_boxes_and_zero_scores(method, options, rows, iou):
    tables = []
    for table in rows:
        frame, x, y, w, h, score, label = np.array(table, dtype=np.int64).reshape(-1, 7).T
        tables.append(Boxes(frame, np.column_stack([x, y, x + w, y + h]), score / 4, label))
    one, other = (fusion.fuse(tables, method, iou=iou, engine=engine, **options) for engine in ENGINES)
    np.testing.assert_array_equal(one.frame, other.frame)
    np.testing.assert_array_equal(one.label, other.label)
    np.testing.assert_allclose(one.score, other.score, atol=1e-12)
    np.testing.assert_allclose(one.xyxy, other.xyxy, atol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("method, options", VARIANTS)
def test_rows_come_by_frame_label_and_descending_score(method, options, engine):
    options = {name: value for name, value in options.items() if name != "decayed"}
    fused = fusion.fuse(some_models(5), method, engine=engine, **options)
    np.testing.assert_array_equal(np.lexsort((-fused.score, fused.label, fused.frame)), np.arange(len(fused)))


@pytest.mark.parametrize("method, options", VARIANTS)
def test_frames_do_not_influence_each_other(method, options, threads_at_once):
    tables = some_models(2, n_models=2, n_frames=900, n_boxes=3)
    together = fusion.fuse(tables, method, engine="compiled", **options)
    for frames in (slice(0, 50), slice(850, 900)):
        chosen = np.arange(900)[frames]
        alone = fusion.fuse([t[np.isin(t.frame, chosen)] for t in tables], method, engine="numpy", **options)
        assert_same(together[np.isin(together.frame, chosen)], alone, 1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_frame_and_label_numbers_may_be_far_apart(engine):
    tables = some_models(4)
    far = [t.replace(frame=t.frame * 10**11, label=t.label * 10**6) for t in tables]
    for method in fusion.METHODS:
        near = fusion.fuse(tables, method, engine=engine)
        expected = near.replace(frame=near.frame * 10**11, label=near.label * 10**6)
        assert_same(fusion.fuse(far, method, engine=engine), expected, 1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_scores_that_differ_in_the_last_bit_are_still_in_order(engine):
    score = np.nextafter(0.5, np.array([0, 1, 0, 1]))  # just below, just above
    crowd = Boxes([0, 0, 9, 9], [[0, 0, 9, 9], [1, 0, 9, 9]] * 2, score)
    ends = Boxes([5, 5], [[0, 0, 9, 9], [50, 50, 60, 60]], [1e-300, 1e300])  # leaves few bits for the rest
    kept = fusion.nms([crowd, ends], engine=engine)
    assert kept.score[kept.frame != 5].tolist() == [score[1], score[1]]


@pytest.mark.parametrize("engine", [*ENGINES, "ensemble_boxes"])
def test_nothing_in_nothing_out(engine):
    flat = Boxes([0], [[3, 3, 3, 9]])  # without area
    for method in fusion.METHODS:
        assert len(fusion.fuse([Boxes.empty()], method, engine=engine)) == 0
        assert len(fusion.fuse([flat, Boxes.empty()], method, engine=engine)) == 0


def test_a_table_with_weight_zero_changes_nothing_but_its_own_boxes():
    tables = some_models(6, n_models=2)
    alone = fusion.wbf(tables[:1], conf_type="box_and_model_avg")
    for engine in ENGINES:
        both = fusion.wbf(tables, weights=[1, 0], conf_type="box_and_model_avg", engine=engine)
        assert_same(both[both.score > 0], alone, 1e-12)


# errors and engines


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda b: fusion.fuse(b), r"expected a sequence of one Boxes or more: fuse\(\[boxes\]\)"),
        (lambda b: fusion.fuse([]), "tables is .., expected a sequence"),
        (lambda b: fusion.fuse([b], "median"), "method is 'median', expected one of"),
        (lambda b: fusion.fuse([b], engine="fortran"), "engine is 'fortran', expected one of"),
        (lambda b: fusion.nms([b, b.replace(score=[-0.1])]), "score of row 0 of table 1 is -0.1, expected 0 or more"),
        (lambda b: fusion.nms([b], iou=1.5), "iou is 1.5, expected 0 to 1"),
        (lambda b: fusion.nms([b], skip_below=np.nan), "skip_below is nan"),
        (lambda b: fusion.wbf([b], weights=[-1]), "weights are .-1., expected finite numbers of 0 or more"),
        (lambda b: fusion.wbf([b], weights=[0]), "not all 0"),
        (lambda b: fusion.soft_nms([b], decay="cubic"), "decay is 'cubic'"),
        (lambda b: fusion.soft_nms([b], sigma=0), "sigma is 0, expected a finite number above 0"),
        (lambda b: fusion.soft_nms([b], min_score=-1), "min_score is -1, expected 0 or more"),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(Boxes([0], [[0, 0, 1, 1]]))


def test_an_option_of_another_method_is_refused():
    with pytest.raises(TypeError, match="sigma"):
        fusion.fuse([Boxes.empty()], "wbf", sigma=0.3)


def test_without_numba_numpy_takes_over(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("kaggle_utils.compiled.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numba", None)
    tables = some_models(8)
    assert_same(fusion.fuse(tables), fusion.fuse(tables, engine="numpy"), 0)
    with pytest.raises(ModuleNotFoundError, match="numba"):
        fusion.fuse(tables, engine="compiled")
