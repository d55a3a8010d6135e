"""Which models a decision may be used with, and how frames become answers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.detector.inference import Detector
from kaggle_utils.tasks.boxes.decision import Decision
from kaggle_utils.tasks.boxes.prediction import Predictor
from kaggle_utils.tasks.runs import Job, PredictionSet, Runs

DECISION = Decision(("plain_identity",))
SIZE = (640, 360)


@pytest.fixture
def runs(tmp_path, monkeypatch) -> Runs:
    """Two folds; their models find a box that grows with the size at which they look."""

    def predict(images, imgsz, view_name):
        return Boxes([0], [[10, 10, 10 + imgsz / 8, 20]], [0.5])

    monkeypatch.setattr(Detector, "load", lambda path, device: SimpleNamespace(imgsz=64, path=path, predict=predict))
    jobs = []
    for fold in (0, 1):
        place = tmp_path / "plain" / f"fold{fold}"
        place.mkdir(parents=True)
        (place / "best.pth").write_text(f"weights {fold}")
        asked = [PredictionSet("plain", view, dtype="text") for view in ("identity", "hflip@1.5")]
        sets = {one.name: (one, ()) for one in asked}
        jobs.append(Job("plain", fold, (f"0-{fold}",), 0.5, 1.0, "", {"best": place / "best.pth"}, sets, {}))
    return Runs(tuple(jobs))


@pytest.mark.parametrize(("models", "n"), [("first", 1), ("all", 2)])
def test_a_decision_goes_with_the_models_it_was_measured_with(runs, models, n):
    predictor = Predictor(runs, DECISION, SIZE, models)
    assert len(predictor.detectors) == len(predictor.folds) == n
    runs.require_weights(runs.fingerprints(DECISION.sets), predictor.folds)


def test_models_are_the_first_or_all(runs):
    with pytest.raises(ValueError, match="models is 'best', expected 'first', 'all' or 'full'"):
        Predictor(runs, DECISION, SIZE, "best")


def test_a_model_trained_again_is_refused_where_it_is_used(runs):
    measured = runs.fingerprints(DECISION.sets)
    known = measured["plain best"]["1"][:12]
    Path(runs.weights("plain")[1]).write_text("trained again")
    runs.require_weights(measured, Predictor(runs, DECISION, SIZE, "first").folds)
    with pytest.raises(ValueError, match=f"plain best fold 1: the decision was measured with {known}, now .*best.pth is"):
        runs.require_weights(measured, Predictor(runs, DECISION, SIZE, "all").folds)
    with pytest.raises(ValueError, match="plain best fold 1"):
        runs.require_weights(measured)


def test_a_fold_that_the_decision_has_not_seen_is_refused(runs):
    measured = {"plain best": {"1": runs.fingerprints()["plain best"]["1"]}}
    with pytest.raises(ValueError, match="plain best fold 0: the decision was measured without it, with folds 1"):
        runs.require_weights(measured, [0])


def frame(seed: int) -> np.ndarray:
    """The same seed is the same clip."""
    small = np.random.default_rng(seed).integers(0, 255, (90, 160, 3), dtype=np.uint8)
    return small.repeat(4, axis=0).repeat(4, axis=1)


def test_a_view_at_a_factor_looks_at_so_many_times_the_input_size(runs):
    predictor = Predictor(runs, Decision(("plain_hflip@1.5",)), SIZE)
    assert predictor.answer(frame(0)).xyxy.tolist() == [[10, 10, 10 + 96 / 8, 20]]


def test_what_is_carried_over_ends_at_a_cut_between_clips(runs):
    decision = Decision(("plain_identity",), attention={"gain": 0.5})
    clips = [0, 0, 0, 1, 1]
    looks = [lambda size, clip=clip: frame(clip) for clip in clips]
    scores = [boxes.score[0] for boxes in Predictor(runs, decision, SIZE)(looks)]
    assert scores[0] == scores[3] == 0.5 and scores[1] > 0.5 and scores[4] == scores[1]
    assert all(boxes.frame.tolist() == [0] for boxes in Predictor(runs, decision, SIZE)(looks))
