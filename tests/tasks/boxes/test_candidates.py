"""Candidates of boxes: cut without the frames they are judged on, counted by sequence."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from kaggle_utils.boxes.cuts import cross_fitted_f2, f2_counts_of_groups, f2_of_counts
from kaggle_utils.boxes.f2 import f2_curve
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.evidence.candidates import Choice
from kaggle_utils.tasks.boxes.candidates import alone, candidate, candidate_of, fused, over_time
from kaggle_utils.tasks.boxes.decision import Decision
from kaggle_utils.tasks.boxes.out_of_fold import OutOfFold

CLIPS = np.repeat(np.arange(6), 6)
FUSION = {"method": "nms", "iou": 0.5}


def noisy(truth: Boxes, seed: int) -> Boxes:
    """Most true boxes, moved a little, among as many false ones."""
    rng = np.random.default_rng(seed)
    seen = truth[rng.random(len(truth)) < 0.8]
    near = seen.replace(xyxy=seen.xyxy + rng.normal(0, 3, (len(seen), 1)), score=rng.uniform(0.2, 0.9, len(seen)))
    corner = rng.uniform(0, 500, (len(truth), 2))
    false = Boxes(rng.integers(0, len(CLIPS), len(truth)), np.hstack([corner, corner + 40]), rng.uniform(0.0, 0.5, len(truth)))
    boxes = Boxes.concat([near, false])
    return boxes[np.argsort(boxes.frame, kind="stable")]


def judged(parts: np.ndarray = CLIPS % 3, emptied: int | None = None) -> OutOfFold:
    """Two sets of a member, one of another, over six sequences; in one part there may be no truth."""
    rng = np.random.default_rng(0)
    frame = np.repeat(np.arange(len(CLIPS)), 2)
    corner = rng.uniform(0, 500, (len(frame), 2))
    truth = Boxes(frame, np.hstack([corner, corner + 50]))
    sets = {name: noisy(truth, seed) for seed, name in enumerate(["a_identity", "a_hflip", "b_identity"])}
    if emptied is not None:
        truth = truth[parts[truth.frame] != emptied]
    items = SimpleNamespace(truth=truth, table=pd.DataFrame({"clip": CLIPS, "group": CLIPS}))
    return OutOfFold(items, sets, parts, parts, (600, 600))


def test_a_candidate_is_cut_where_the_other_parts_have_their_best_cut() -> None:
    seen = judged()
    boxes = seen.sets["a_identity"]
    found, fit = candidate_of(seen, boxes, Decision(("a_identity",))), cross_fitted_f2(seen.truth, boxes, seen.part)
    assert seen.ground.total(found.counts) == pytest.approx(fit.cross_fitted)
    assert (found.fitted, found.decision.cut) == (pytest.approx(fit.fitted), fit.decision)
    cut_of_frame = np.array([fit.decisions[part] for part in seen.part])
    kept = boxes[boxes.score >= cut_of_frame[boxes.frame]]
    assert np.array_equal(found.counts[np.argsort(seen.ground.group)], f2_counts_of_groups(seen.truth, kept, CLIPS))


def test_where_a_part_is_left_out_the_others_are_cut_by_what_has_seen_neither() -> None:
    seen, boxes = judged(), judged().sets["a_hflip"]
    third = seen.part == 2
    cut = f2_curve(seen.truth[third[seen.truth.frame]], boxes[third[boxes.frame]]).best[0]
    expected = f2_counts_of_groups(seen.truth, boxes[boxes.score >= cut], CLIPS)
    found = candidate_of(seen, boxes).without[0]
    units = seen.ground.part == 1
    assert np.array_equal(found[units], expected[seen.ground.group[units]])


def test_a_parts_truth_has_no_say_in_what_is_chosen_without_it() -> None:
    for part in range(3):
        choices = []
        for seen in (judged(), judged(emptied=part)):
            tried = alone(seen, 0.5) | fused(seen, ("nms", "wbf"), 0.5)
            choice = Choice(seen.ground, "a_identity", tried["a_identity"], certain=False)
            choice.step("all", tried)
            choice.step("time", lambda base, seen=seen: over_time(seen, base, {"gain": 0.3}, None))
            choices.append(choice)
        assert choices[0].anew[part] == choices[1].anew[part]
        assert choices[0].worth.value != choices[1].worth.value


def test_members_and_views_are_fused_apart_and_together() -> None:
    titles = ["a, all views", "all members, identity", "all"]
    assert list(fused(judged(), ("nms", "wbf"), 0.5)) == [f"{way} of {title}" for title in titles for way in ("nms", "wbf")]


def test_rules_over_time_are_put_on_the_decision_that_stands() -> None:
    seen = judged()
    base = candidate(seen, Decision(("a_identity", "b_identity"), {"method": "wbf", "iou": 0.5}))
    found = over_time(seen, base, {"gain": 0.3}, {"longest": 1})
    assert list(found) == ["attention", "tracking", "attention, then tracking"]
    assert found["tracking"].decision.sets == base.decision.sets and found["tracking"].decision.attention is None
    assert list(over_time(seen, base, None, {"longest": 1})) == ["tracking"] and over_time(seen, base, None, None) == {}


def test_a_group_that_lies_in_two_parts_is_counted_in_both_and_resampled_once() -> None:
    seen = judged(parts=np.arange(len(CLIPS)) % 2)
    assert len(seen.ground.part) == 12 and len(np.unique(seen.ground.group)) == 6
    counts = candidate_of(seen, seen.sets["a_identity"]).counts
    assert f2_of_counts(counts.sum(0, keepdims=True))[0] == seen.ground.total(counts)
    assert len(seen.ground.by_group(counts)) == 6
