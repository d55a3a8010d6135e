"""Which models a decision may be used with, and the figure a submission leaves behind."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.competitions.reef_decision import Decision
from kaggle_utils.competitions.reef_runs import fingerprints
from kaggle_utils.competitions.reef_submission import Predictor, Served, report
from kaggle_utils.detector.inference import Detector

DECISION = Decision(("identity@64",))


@pytest.fixture
def stage(tmp_path, monkeypatch) -> Path:
    """Two folds' outputs in one folder; nothing is loaded."""
    monkeypatch.setattr(Detector, "load", lambda path, device: SimpleNamespace(imgsz=64, path=path))
    folds = {}
    for fold in (0, 1):
        (tmp_path / f"fold{fold}.pth").write_text(f"weights {fold}")
        folds[str(fold)] = {"weights": f"fold{fold}.pth", "f2": 0.5, "minutes": 1, "image_ids": [f"0-{fold}"]}
    (tmp_path / "run.json").write_text(json.dumps({"sets": ["identity@64"], "folds": folds, "parameters": {}}))
    return tmp_path


def made_for(stage: Path) -> dict[str, str]:
    return {str(fold): sha1 for fold, sha1 in fingerprints([stage]).items()}


@pytest.mark.parametrize(("models", "n"), [("first", 1), ("all", 2)])
def test_a_decision_goes_with_the_models_it_was_measured_with(stage, models, n):
    assert len(Predictor([stage], DECISION, models, made_for=made_for(stage)).detectors) == n
    assert len(Predictor([stage], DECISION, models).detectors) == n


def test_a_model_trained_again_is_refused_where_it_is_used(stage):
    measured = made_for(stage)
    (stage / "fold1.pth").write_text("trained again")
    assert Predictor([stage], DECISION, "first", made_for=measured).judged_on == ["0-0"]
    with pytest.raises(ValueError, match=f"fold 1: the decision was measured with {measured['1'][:12]}, but .*fold1.pth"):
        Predictor([stage], DECISION, "all", made_for=measured)


def test_a_fold_that_the_decision_has_not_seen_is_refused(stage):
    measured = {"1": made_for(stage)["1"]}
    with pytest.raises(ValueError, match="fold 0: the decision was measured without fold 0, with folds 1"):
        Predictor([stage], DECISION, made_for=measured)


def test_a_submission_without_truth_leaves_no_earlier_figure_behind(tmp_path):
    boxes = Boxes([0], [[0, 0, 9, 9]])
    assert report(tmp_path, boxes, Served("validation frames", ["a.jpg"], boxes)) == 1.0
    assert json.loads((tmp_path / "validation.json").read_text()) == {"f2": 1.0, "frames": 1}
    assert report(tmp_path, boxes, Served("the hidden test", ["b.jpg"])) is None
    assert list(tmp_path.iterdir()) == []
