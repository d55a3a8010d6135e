"""Detectors that begin with another's weights, learn from its boxes, or are trained on all rows."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from toy_boxes import TINY, Squares

torch = pytest.importorskip("torch")
pytest.importorskip("ultralytics")

from kaggle_utils.detector.inference import Detector
from kaggle_utils.files import fingerprint
from kaggle_utils.learning.checkpoints import load_weights
from kaggle_utils.tasks.boxes.decision import Decision
from kaggle_utils.tasks.boxes.tables import read_boxes
from kaggle_utils.tasks.runs import ALL_ROWS, read_runs
from kaggle_utils.tasks.training import train_members

FOLDS = np.repeat([0, 1], 6)
MEMBERS = {
    "a": {"epochs": 2},
    "same": {"epochs": 1, "start_from": "a", "lr": 1e-9},
    "student": {"epochs": 1, "learns_from": "a", "pseudo_from": 0.02},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    toy, root = Squares(), tmp_path_factory.mktemp("squares")
    folder = toy.make_sample(root / "squares")
    items, preset = toy.load(folder), TINY | {"prediction_sets": ("identity",), "empties": 9.0}
    members = {name: one.plain() for name, one in toy.KIND.members({"members": MEMBERS}, preset).items()}

    def train(members=members, **how):
        there = read_runs([root / "out"]) if (root / "out" / "run.json").is_file() else None
        given = {"cache": root / "cache", "unlabelled": lambda: toy.unlabelled(folder), "full": True, "earlier": there} | how
        return train_members(toy, items, FOLDS, members, [0], root / "out", **given)

    train()
    return SimpleNamespace(toy=toy, root=root, out=root / "out", items=items, folder=folder, train=train, members=members)


def kernels(out, member, place):
    state = load_weights(out / member / place / "best.pth")["state"]
    return [tensor.float() for tensor in state.values() if tensor.ndim == 4]


@pytest.mark.parametrize(("place", "other"), [("fold0", "full"), ("full", "fold0")])
def test_a_member_begins_with_the_best_weights_of_another_of_the_same_fold(trained, place, other):
    parent, child, stranger = (kernels(trained.out, *one) for one in (("a", place), ("same", place), ("a", other)))
    assert all(torch.allclose(mine, its, atol=1e-4) for mine, its in zip(child, parent))
    assert not all(torch.allclose(mine, its, atol=1e-4) for mine, its in zip(child, stranger))


@pytest.mark.parametrize(("place", "fold"), [("fold0", 0), ("full", ALL_ROWS)])
def test_boxes_of_the_same_folds_model_are_learnt_like_true_ones(trained, place, fold):
    more = trained.toy.unlabelled(trained.folder)
    found = read_boxes(trained.out / "student" / place / "pseudo" / "a_identity.csv", more.table["name"])
    labels = trained.root / "cache" / "yolo" / "student" / place / "labels" / "train"
    learnt = {path.stem: path.read_text().count("\n") for path in labels.glob("u*.txt")}
    assert len(learnt) and sum(learnt.values()) == (found.score >= 0.02).sum() > 0
    note = json.loads((trained.out / "student" / place / "pseudo" / "a_identity.json").read_text())
    [weights] = read_runs([trained.out]).weights("a", folds=[fold]).values()
    assert note[3] == fingerprint(weights)


def test_a_model_of_all_rows_ends_after_the_median_of_the_best_epochs_and_nothing_measures_it(trained):
    jobs = {job.title: job for job in read_runs([trained.out]).jobs}
    whole, [best] = jobs["a full"], jobs["a fold 0"].best_epochs
    assert best == load_weights(jobs["a fold 0"].weights["best"])["epoch"]
    assert [line["epoch"] for line in whole.history] == list(range(1, best + 1))
    assert np.isnan(whole.score) and not whole.items and not whole.sets and "f2" not in whole.history[0]
    images = trained.root / "cache" / "yolo" / "a" / "full" / "images" / "train"
    assert len(list(images.iterdir())) == 12


def test_the_weights_of_all_rows_answer_where_they_are_asked_for(trained):
    runs, decision = read_runs([trained.out]), Decision(sets=("a_identity",), cut=0.0)
    predictor = trained.toy.KIND.predictor(trained.toy, runs, decision.plain(), models="full")
    assert list(predictor.detectors) == [("a", ALL_ROWS)]
    frame = trained.toy.read(trained.items, 1)
    expected, other = (Detector.load(trained.out / "a" / place / "best.pth").predict([frame]) for place in ("full", "fold0"))
    found = predictor.detectors["a", ALL_ROWS].predict([frame])
    assert len(found) and np.array_equal(found.xyxy, expected.xyxy) and not np.array_equal(found.score, other.score)


def test_nothing_is_trained_twice_and_another_training_is_refused(trained):
    before = {path: path.stat().st_mtime_ns for path in trained.out.rglob("*.pth")}
    trained.train()
    assert {path: path.stat().st_mtime_ns for path in trained.out.rglob("*.pth")} == before
    with pytest.raises(ValueError, match="a/fold0 holds a training with lr=0.005, now 0.5: give the member another name"):
        trained.train({"a": {**trained.members["a"], "lr": 0.5}})
