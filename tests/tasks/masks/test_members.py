"""Segmenters that begin with another's weights, learn from its masks, or are trained on all rows."""

import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("segmentation_models_pytorch")

from toy_masks import Discs
from training_fixtures import one_thread  # noqa: F401

from kaggle_utils.learning.checkpoints import load_weights
from kaggle_utils.learning.models import load_model
from kaggle_utils.tasks.masks.decision import Decision, Merge, decided, same_rule
from kaggle_utils.tasks.masks.prediction import predictions
from kaggle_utils.tasks.runs import ALL_ROWS, read_runs
from kaggle_utils.tasks.training import train_members

FOLDS = np.arange(12) % 2
MEMBERS = {
    "a": {"epochs": 3},
    "same": {"epochs": 1, "start_from": "a", "lr": 1e-9, "weight_decay": 0.0},
    "student": {"epochs": 1, "learns_from": "a", "pseudo_from": 0.4},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    toy, root = Discs(), tmp_path_factory.mktemp("discs")
    folder = toy.make_sample(root / "discs")
    items = toy.load(folder)
    members = {name: one.plain() for name, one in toy.KIND.members({"members": MEMBERS}, toy.SMOKE).items()}

    def train(members=members, **how):
        there = read_runs([root / "out"]) if (root / "out" / "run.json").is_file() else None
        given = {"cache": root / "cache", "unlabelled": lambda: toy.unlabelled(folder), "full": True, "earlier": there} | how
        return train_members(toy, items, FOLDS, members, [0, 1], root / "out", **given)

    train()
    return SimpleNamespace(toy=toy, root=root, out=root / "out", items=items, folder=folder, train=train, members=members)


def weights(out: Path, member: str, place: str) -> dict[str, torch.Tensor]:
    return load_weights(out / f"{member}_{place}" / "best.pth")["state"]


@pytest.mark.parametrize("place", ["fold0", "fold1", "full"])
def test_a_member_begins_with_the_best_weights_of_another_of_the_same_fold(trained, place):
    parent, child, other = (
        weights(trained.out, *which) for which in (("a", place), ("same", place), ("a", {"fold0": "fold1"}.get(place, "fold0")))
    )
    kernels = [name for name, tensor in parent.items() if tensor.ndim == 4]
    assert all(torch.allclose(child[name], parent[name], atol=1e-6) for name in kernels)
    assert not any(torch.allclose(child[name], other[name], atol=1e-6) for name in kernels)


def test_what_fits_is_said_and_two_members_of_two_outputs_are_merged(trained, tmp_path, capsys):
    wider = {"a": trained.members["a"], "w": {**trained.members["same"], "options": {"decoder_pyramid_channels": 16}}}
    there = read_runs([trained.out])
    train_members(trained.toy, trained.items, FOLDS, wider, [0, 1], tmp_path, earlier=there, cache=trained.root / "cache")
    said = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("w fold 0: "))
    fitting, tensors = int(said.split()[3]), int(said.split()[5])
    assert said.endswith("tensors fit those of a") and 0 < fitting < tensors
    runs, folds = read_runs([trained.out, tmp_path]), pd.DataFrame({"part": FOLDS}, index=trained.items.table["square"])
    judged = trained.toy.KIND.out_of_fold(trained.toy, trained.items, runs, folds, trained.root / "cache")
    assert judged.sets == ["a_identity", "same_identity", "student_identity", "w_identity"]
    one, other = (judged.labels[name].read(judged.rows) for name in ("a_identity", "w_identity"))
    assert np.allclose(judged.merged_labels(Merge(("a_identity", "w_identity"))), (one + other) / 2) and not np.allclose(one, other)


def test_masks_of_the_same_folds_model_are_learnt_like_true_ones(trained):
    noted = {place: json.loads((trained.out / f"student_{place}" / "progress.json").read_text()) for place in ("fold0", "full")}
    assert [noted[place]["costs"]["trained"][0][0] for place in ("fold0", "full")] == [6 + 4, 12 + 4]
    answers = [np.load(path) for path in (trained.root / "cache").glob("pseudo_*.npy")]
    assert len(answers) == 3 and all(one.shape == (4, 64, 64) and set(np.unique(one)) <= {0, 1} for one in answers)
    more = trained.toy.unlabelled(trained.folder)
    pixels = np.stack([trained.toy.read(more, row, None) for row in range(4)])
    for path in read_runs([trained.out]).weights("a", folds=[0, 1, ALL_ROWS]).values():
        [(_, (masks, _))] = predictions(load_model(path), pixels, range(4), "identity", (64, 64), batch=4, device="cpu")
        expected = masks[:, 0] >= 0.4
        assert any((expected == answer).mean() > 0.999 for answer in answers)


def test_a_model_of_all_rows_ends_after_the_median_of_the_best_epochs_and_nothing_measures_it(trained):
    runs = read_runs([trained.out])
    jobs = {job.title: job for job in runs.jobs}
    best = [jobs[f"a fold {k}"].best_epochs[0] for k in (0, 1)]
    whole = jobs["a full"]
    assert len(whole.history) == max(1, round(np.median(best))) and whole.best_epochs == (len(whole.history),)
    assert np.isnan(whole.score) and not whole.items and "dice" not in whole.history[0] and runs.folds == [0, 1]


def test_the_weights_of_all_rows_answer_where_they_are_asked_for(trained):
    runs, test = read_runs([trained.out]), trained.toy.test(trained.folder)
    one = Decision(Merge(("a_identity",)), same_rule(1))
    looks = [partial(trained.toy.read, test, row) for row in range(4)]
    answers = list(trained.toy.KIND.predictor(trained.toy, runs, one.plain(), models="full")(looks))
    pixels = np.stack([trained.toy.read(test, row, None) for row in range(4)])
    model = load_model(trained.out / "a_full" / "best.pth")
    [(_, (masks, _))] = predictions(model, pixels, range(4), "identity", (64, 64), batch=4, device="cpu")
    expected = [decided(one, [mask], [np.zeros(1)]) for mask in masks]
    assert all((answer == other).mean() > 0.999 for answer, other in zip(answers, expected))


def test_nothing_is_trained_twice_and_another_training_is_refused(trained):
    before = {path: path.stat().st_mtime_ns for path in trained.out.rglob("*.pth")}
    assert [job.title for job in trained.train()] == [
        f"{name} {place}" for name in MEMBERS for place in ("fold 0", "fold 1", "full")
    ]
    assert {path: path.stat().st_mtime_ns for path in trained.out.rglob("*.pth")} == before
    with pytest.raises(ValueError, match="a_fold0 holds a training with lr=0.01, now 0.5: give the member another name"):
        trained.train({"a": {**trained.members["a"], "lr": 0.5}})


def test_a_schedule_that_a_score_steers_needs_one(trained, tmp_path):
    members = {"p": {**trained.members["a"], "schedule": "plateau", "epochs": 1}}
    with pytest.raises(ValueError, match="schedule is 'plateau', expected another"):
        train_members(trained.toy, trained.items, FOLDS, members, [0], tmp_path, full=True, cache=trained.root / "cache")
