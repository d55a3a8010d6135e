"""Weights of a fusion: found with the cut, and judged by what has not seen the frame."""

import numpy as np
import pandas as pd
import pytest

from kaggle_utils.boxes.cuts import cross_fitted_f2, f2_counts_of_groups
from kaggle_utils.boxes.f2 import f2_curve
from kaggle_utils.boxes.fusion import METHODS, fuse
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.evidence.candidates import built_on
from kaggle_utils.evidence.crossfit import CrossFit
from kaggle_utils.tasks.boxes.candidates import candidate
from kaggle_utils.tasks.boxes.items import VideoItems
from kaggle_utils.tasks.boxes.out_of_fold import OutOfFold
from kaggle_utils.tasks.boxes.weights import decision_of, judged_weights, searched_weights

FRAMES, SIZE = 60, (1280, 720)
FUSION = {"method": "wbf", "iou": 0.5}


def judged(seed: int = 0, other_truth_in: int | None = None) -> OutOfFold:
    """Three sets: two that see most stars, each somewhat apart, and one that sees none; three parts of twenty frames."""
    rng = np.random.default_rng(seed)
    frame = np.repeat(np.arange(FRAMES), 2)
    corner = rng.uniform(50, 500, (len(frame), 2)) + np.tile([[0, 0], [600, 100]], (FRAMES, 1))
    truth = Boxes(frame, np.hstack([corner, corner + 60]))
    sets = {}
    for name, right in (("a_identity", 0.7), ("b_identity", 0.7), ("c_identity", 0.0)):
        apart = np.where(rng.random(len(frame)) < right, 4.0, 400.0)[:, None] * rng.normal(0, 1, (len(frame), 2))
        spot = np.clip(corner + apart, 0, 640)
        sure = np.clip(rng.normal(0.5 + 0.2 * right, 0.15, len(frame)), 0.06, 1)
        sets[name] = Boxes(frame, np.hstack([spot, spot + 60]), sure)
    part = np.arange(FRAMES) // 20
    if other_truth_in is not None:
        moved = (part[frame] == other_truth_in)[:, None] * 300.0
        truth = truth.replace(xyxy=truth.xyxy + moved)
    table = pd.DataFrame({"clip": part, "group": part})
    return OutOfFold(VideoItems(table, truth), sets, part, part, SIZE)


@pytest.mark.parametrize("method", METHODS)
def test_the_set_that_sees_nothing_is_left_out_and_no_method_loses(method: str) -> None:
    given = judged()
    found = searched_weights(given, {"method": method, "iou": 0.5}, rounds=4)
    assert found.decision[2] == 0 and all(weights[2] == 0 for weights in found.decisions.values())
    plain = f2_curve(given.truth, fuse(list(given.sets.values()), method)).best[1]
    assert found.fitted >= plain


def test_the_search_knows_what_the_fusion_is_worth_at_its_best_cut() -> None:
    """There are fewer boxes than cuts, so no cut is left out."""
    given = judged()
    found = searched_weights(given, FUSION, floor=0.0, rounds=3)
    decision = decision_of(list(given.sets), FUSION, found.decision)
    boxes = fuse([given.sets[name] for name in decision.sets], **decision.fusion)
    assert found.fitted == pytest.approx(f2_curve(given.truth, boxes).best[1], abs=1e-12)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_parts_truth_has_no_say_in_the_weights_found_without_it(part: int) -> None:
    before, after = (searched_weights(judged(other_truth_in=one), FUSION, rounds=3) for one in (None, part))
    assert before.decisions[part] == after.decisions[part]
    found = [judged_weights(judged(other_truth_in=one), before, FUSION) for one in (None, part)]
    others = judged().ground.part != part
    assert np.array_equal(found[0].without[part][others], found[1].without[part][others])
    assert found[0].counts[part][-1] == found[1].counts[part][-1] > 0  # as many boxes are answered, whatever is true there


def test_each_part_is_answered_by_its_own_weights_and_the_others_cut() -> None:
    given = judged()
    weights = CrossFit((1, 1, 0), 0.0, {0: (1, 0, 0), 1: (1, 1, 0), 2: (1, 0, 0)}, 0.0)
    found = judged_weights(given, weights, FUSION)
    assert found.decision.sets == ("a_identity", "b_identity") and found.decision.cut > 0
    for part, own in weights.decisions.items():
        decision = decision_of(list(given.sets), FUSION, own)
        boxes = fuse([given.sets[name] for name in decision.sets], **decision.fusion)
        cut, frames = cross_fitted_f2(given.truth, boxes, given.part).decisions[part], boxes.frame // 20 == part
        own = f2_counts_of_groups(given.truth, boxes[frames & (boxes.score >= cut)], given.part)
        assert np.array_equal(found.counts[part], own[part])
    assert 0 < given.ground.total(found.counts) <= found.fitted


def test_sets_without_a_box_above_the_floor_are_worth_nothing() -> None:
    given = judged()
    assert searched_weights(given, FUSION, floor=2.0, rounds=1).fitted == 0


def test_a_rule_that_changes_nothing_gains_nothing_on_searched_weights() -> None:
    given = judged()
    weights = CrossFit((1, 1, 0), 0.0, {0: (1, 0, 0), 1: (1, 1, 0), 2: (1, 0, 0)}, 0.0)
    base = judged_weights(given, weights, FUSION)
    found = built_on(base, lambda decision: {"nothing": candidate(given, decision)}, given.ground)["nothing"]
    assert np.array_equal(found.counts, base.counts)
    assert all(np.array_equal(found.without[part], base.without[part]) for part in weights.decisions)
