"""Decisions of masks: what was promised is what is given, and it comes back from its file."""

import numpy as np
import pytest

pytest.importorskip("torch")

from clouds_fixtures import Trained, trained  # noqa: E402, F401

from kaggle_utils.competitions import clouds  # noqa: E402
from kaggle_utils.masks.rules import ClassDecision, MaskDecision  # noqa: E402
from kaggle_utils.tasks.decisions import Worth, read_decision, write_decision  # noqa: E402
from kaggle_utils.tasks.masks.candidates import fitted, look, rules  # noqa: E402
from kaggle_utils.tasks.masks.decision import Decision, Merge, decided  # noqa: E402

SETS = ("96x64_identity", "96x64_hflip")


def answers(judged, row: int) -> list[list[np.ndarray]]:
    return [[stores[name].read([row])[0] for name in SETS] for stores in (judged.masks, judged.labels)]


def test_what_the_search_promises_is_what_the_decision_gives(trained: Trained) -> None:
    """The fitted Dice of the search against masks drawn and scored one by one."""
    judged = trained.judged
    measured = look(judged, Merge(SETS, how="sharpened"), (60, 128, 190), ("drawn", "rectangle"))
    candidate = fitted(measured, judged.part)
    masks = [decided(candidate.decision, *answers(judged, row)) for row in judged.rows]
    texts = np.array([[clouds.rle_from_mask(mask) for mask in four] for four in masks], dtype=object)
    card = clouds.mask_scorecard(trained.data.texts, texts, clouds.CLASSES, clouds.SUBMISSION_SHAPE, trained.data.shape)
    assert card.score == pytest.approx(candidate.fitted, abs=1e-9)


def test_rules_come_with_cross_fitted_counts_for_every_item(trained: Trained) -> None:
    judged = trained.judged
    steps = rules(look(judged, Merge(SETS[:1]), (60, 128, 190)), judged.part)
    assert list(steps) == ["all empty", "one half", "levels and sizes", "gate", "best class kept"]
    assert all(step.counts.shape == (10, 2) and (step.counts[:, 1] == 4).all() for step in steps.values())
    assert steps["levels and sizes"].fitted >= max(steps["one half"].fitted, steps["all empty"].fitted)
    assert not decided(steps["all empty"].decision, [np.ones((4, *clouds.SUBMISSION_SHAPE))], [np.ones(4)]).any()
    assert steps["gate"].fitted >= steps["levels and sizes"].fitted - 1e-9


def test_a_decision_comes_back_from_its_file(tmp_path) -> None:
    rule = MaskDecision((ClassDecision(draw=80, decide=170, min_size=900, gate=0.3),) * 4, top_n=100, best_class=True)
    decision = Decision(Merge(SETS, (1.0, 2.0), "sharpened", 0.7), rule, labels=True)
    worth = Worth("a", np.float64(0.6), 0.5, 0.7, 0.6, 0.6)
    write_decision(tmp_path / "decision.json", decision.plain(), worth, {})
    again, known, _ = read_decision(tmp_path / "decision.json")
    assert Decision.from_plain(again) == decision and known.score == 0.6
