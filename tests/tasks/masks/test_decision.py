"""Decisions of masks: what was promised is what is given, and it comes back from its file."""

import numpy as np
import pytest

pytest.importorskip("torch")

from clouds_fixtures import Trained, trained  # noqa: E402, F401

from kaggle_utils.competitions import clouds  # noqa: E402
from kaggle_utils.masks.rules import ClassDecision, MaskDecision  # noqa: E402
from kaggle_utils.tasks.decisions import Worth, read_decision, write_decision  # noqa: E402
from kaggle_utils.tasks.masks.candidates import baseline, fitted, look, with_rules  # noqa: E402
from kaggle_utils.tasks.masks.decision import Decision, Merge, decided  # noqa: E402

SETS = ("96x64_identity", "96x64_hflip")


def answers(judged, row: int) -> list[list[np.ndarray]]:
    return [[stores[name].read([row])[0] for name in SETS] for stores in (judged.masks, judged.labels)]


def test_what_the_search_promises_is_what_the_decision_gives(trained: Trained) -> None:
    """The fitted Dice of the search against masks drawn and scored one by one."""
    judged = trained.judged
    measured = look(judged, Merge(SETS, how="sharpened"), (60, 128, 190), ("drawn", "rectangle"))
    candidate = fitted(measured, judged.part, gate=True, best_class=(False, True))
    masks = [decided(candidate.decision, *answers(judged, row)) for row in judged.rows]
    texts = np.array([[clouds.rle_from_mask(mask) for mask in four] for four in masks], dtype=object)
    card = clouds.mask_scorecard(trained.data.texts, texts, clouds.CLASSES, clouds.SUBMISSION_SHAPE, trained.data.shape)
    assert card.score == pytest.approx(candidate.fitted, abs=1e-9)


def test_rules_come_with_cross_fitted_counts_for_every_item(trained: Trained) -> None:
    judged = trained.judged
    first, plain, beside = baseline(judged, (60, 190))
    assert first == SETS[0] and plain.decision.merge == Merge(SETS[:1]) and not plain.decision.labels
    assert plain.fitted >= max(judged.ground.total(counts) for counts in beside.values())
    assert np.array_equal(beside["all empty"][:, 0], 4 - trained.data.labels.sum(1))
    steps = with_rules(judged, plain, (60, 128, 190), ("hull",))
    assert list(steps) == ["gate", "best class kept", "outlines", "outlines and gate"]
    assert all(step.counts.shape == (10, 2) and (step.counts[:, 1] == 4).all() for step in steps.values())
    assert min(steps["gate"].fitted, steps["outlines"].fitted) >= plain.fitted - 1e-9
    assert steps["outlines and gate"].fitted >= max(steps["gate"].fitted, steps["outlines"].fitted) - 1e-9


def test_a_decision_comes_back_from_its_file(tmp_path) -> None:
    rule = MaskDecision((ClassDecision(draw=80, decide=170, min_size=900, gate=0.3),) * 4, top_n=100, best_class=True)
    decision = Decision(Merge(SETS, (1.0, 2.0), "sharpened", 0.7), rule, labels=True)
    worth = Worth("a", np.float64(0.6), 0.5, 0.7, 0.6, 0.6)
    write_decision(tmp_path / "decision.json", decision.plain(), worth, {})
    again, known, _ = read_decision(tmp_path / "decision.json")
    assert Decision.from_plain(again) == decision and known.score == 0.6
