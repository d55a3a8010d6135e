"""Classifiers in folds: what they leave on disk, what they begin with and learn from, and what the submission makes of them."""

import json
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("timm")

from toy_labels import SIDE, Tiles
from training_fixtures import one_thread  # noqa: F401

from kaggle_utils.labels.decision import LabelDecision
from kaggle_utils.labels.metrics import mean_f2
from kaggle_utils.labels.rules import LabelRule
from kaggle_utils.learning.batches import Fold
from kaggle_utils.learning.checkpoints import load_weights
from kaggle_utils.learning.losses import balance, bce
from kaggle_utils.learning.models import load_model
from kaggle_utils.learning.store import PredictionStore
from kaggle_utils.tasks.jobs import Order
from kaggle_utils.tasks.labels.decision import Decision
from kaggle_utils.tasks.labels.parameters import LabelTraining
from kaggle_utils.tasks.labels.training import F2Metric, LabelExamples, LabelLesson, Read
from kaggle_utils.tasks.networks import Given
from kaggle_utils.tasks.runs import ALL_ROWS, read_runs
from kaggle_utils.tasks.submission import held_out
from kaggle_utils.tasks.training import train_members

FOLDS = np.arange(32) // 2 % 2
MEMBERS = {
    "a": {"checkpoints": ("best", "last")},
    "same": {"epochs": 1, "start_from": "a", "lr": 1e-9, "weight_decay": 0.0, "augmentations": "none"},
    "student": {"epochs": 1, "learns_from": "a"},
    "infrared": {"epochs": 1, "bands": ("r", "g", "b", "n"), "balance": 0.5, "opened": {0: "none"}},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    toy, root = Tiles(), tmp_path_factory.mktemp("tiles")
    folder = toy.make_sample(root / "tiles")
    items = toy.load(folder)
    members = {name: one.plain() for name, one in toy.KIND.members({"members": MEMBERS}, toy.SMOKE).items()}
    how = {"cache": root / "cache", "unlabelled": lambda: toy.unlabelled(folder), "full": True}
    train_members(toy, items, FOLDS, members, [0, 1], root / "out", **how)
    return SimpleNamespace(toy=toy, root=root, out=root / "out", items=items, folder=folder, runs=read_runs([root / "out"]))


def pixels(trained, rows) -> np.ndarray:
    return np.stack([trained.toy.read(trained.items, row, None) for row in rows])


def said(path, images: np.ndarray) -> np.ndarray:
    """(N, 4) probabilities of the weights of a file for (N, H, W, C) images as they are."""
    with torch.no_grad():
        return load_model(path)(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).sigmoid().numpy()


def test_a_stored_probability_is_what_the_kept_weights_say_of_an_item_they_have_not_seen(trained) -> None:
    for job in [job for job in trained.runs.jobs if job.member == "a" and job.items]:
        rows = np.flatnonzero(FOLDS == job.fold)
        asked, (path,) = job.sets["a_rot90_last"]
        store = PredictionStore(path)
        assert asked.dtype == "float32" and store.rows.tolist() == rows.tolist() and store.dtype == np.float32
        expected = said(job.weights["last"], np.rot90(pixels(trained, rows), axes=(1, 2)))
        assert np.allclose(store.read(rows), expected, atol=1e-5)


def test_a_member_begins_with_anothers_weights_of_the_same_fold(trained) -> None:
    for place in ("fold0", "fold1", "full"):
        parent, child = (load_weights(trained.out / f"{name}_{place}" / "best.pth")["state"] for name in ("a", "same"))
        assert all(torch.allclose(child[name], tensor, atol=1e-6) for name, tensor in parent.items() if tensor.ndim == 4)


def test_probabilities_of_the_same_folds_model_are_learnt_like_labels(trained) -> None:
    noted = [json.loads((trained.out / f"student_{place}" / "progress.json").read_text()) for place in ("fold0", "full")]
    assert [one["costs"]["trained"][0][0] for one in noted] == [16 + 8, 32 + 8]
    more = trained.toy.unlabelled(trained.folder)
    images = np.stack([trained.toy.read(more, row, None) for row in range(8)])
    answers = [np.load(path) for path in (trained.root / "cache").glob("pseudo_*.npy")]
    weights = trained.runs.weights("a", folds=[0, 1, ALL_ROWS])
    assert len(answers) == 3
    assert all(any(np.allclose(one, said(path, images), atol=1e-5) for one in answers) for path in weights.values())


def test_a_frozen_network_of_four_channels_learns_its_last_layer_alone(trained) -> None:
    from kaggle_utils.learning.models import build

    one = LabelTraining.chosen(trained.runs.parameters("infrared"), classes=4)
    fresh = build(one.model, seed=one.training.seed).state_dict()
    now = load_weights(trained.out / "infrared_fold0" / "best.pth")["state"]
    moved = {name for name, tensor in now.items() if not torch.equal(tensor, fresh[name])}
    assert moved == {"net.head.1.weight", "net.head.1.bias"} and now["net.encoder.conv1.0.weight"].shape[1] == 4


def test_positives_weigh_by_their_frequency_in_the_rows_that_are_learnt(trained) -> None:
    toy, one = trained.toy, LabelTraining.chosen(trained.runs.parameters("infrared"), classes=4)
    given = Given(LabelLesson(), toy, trained.items, FOLDS, Order("tiles", "infrared", 0), one, trained.out, trained.root)
    have = trained.items.labels[FOLDS != 0].sum(0).tolist()
    logits, truth = torch.randn(5, 4), (torch.rand(5, 4) > 0.5).float()
    assert torch.isclose(given.lesson.loss(given)(logits, truth), bce(logits, truth, balance(have, 16, 0.5)))


def test_an_epoch_is_judged_by_the_mean_f2_at_its_best_threshold() -> None:
    truth, answers = np.eye(3, dtype=bool)[[0, 1, 2, 0]], np.random.default_rng(0).random((4, 3)).astype(np.float32)
    found = F2Metric(truth)(iter([(np.array([2, 0]), answers[[2, 0]]), (np.array([3]), answers[[3]])]))
    rows = [2, 0, 3]
    assert found["f2"] == mean_f2(truth[rows], answers[rows] >= found["cut"])
    assert found["f2"] >= max(mean_f2(truth[rows], answers[rows] >= cut) for cut in np.linspace(0, 1, 99))


def test_the_submission_asks_what_the_training_asked(trained) -> None:
    """Answers of the first fold's models to the items it left out, by a decision over two members, one in four channels."""
    toy, sets = trained.toy, ("a_identity", "infrared_rot90")
    one = Decision(sets, LabelDecision(LabelRule((0.5,)), weights=(1.0, 2.0)))
    items = held_out(toy, trained.items, trained.runs)
    looks = [look for _, look in toy.stream(items, trained.folder, trained.root)]
    found = np.stack(list(toy.KIND.predictor(toy, trained.runs, one.plain(), models="first")(looks)))
    folds = pd.DataFrame({"part": FOLDS}, index=trained.items.table["tile"])
    judged = toy.KIND.out_of_fold(toy, trained.items, trained.runs, folds, trained.root)
    mine = judged.of(sets)[:, judged.part == 0]
    clear = np.abs((mine[0] + 2 * mine[1]) / 3 - 0.5) > 1e-4
    assert (found == one.labels(mine))[clear].all() and judged.truth.tolist() == trained.items.labels.tolist()


def test_the_mean_of_all_folds_answers_and_so_do_those_of_all_rows(trained) -> None:
    toy, one = trained.toy, Decision(("a_identity",), LabelDecision(LabelRule((0.4,))))
    test = toy.test(trained.folder)
    looks, images = [partial(toy.read, test, row) for row in range(8)], pixels(SimpleNamespace(toy=toy, items=test), range(8))
    for models, folds in (("all", [0, 1]), ("full", [ALL_ROWS])):
        mean = np.mean([said(path, images) for path in trained.runs.weights("a", folds=folds).values()], axis=0)
        answers = np.stack(list(toy.KIND.predictor(toy, trained.runs, one.plain(), models=models)(looks)))
        assert (answers == (mean >= 0.4))[np.abs(mean - 0.4) > 1e-4].all()


def test_a_picture_of_other_channels_is_named(trained) -> None:
    toy = SimpleNamespace(UNIT="tile", KEY="tile", read=lambda *a, **k: np.zeros((SIDE, SIDE, 3), np.uint8))
    items = Tiles().load(trained.folder)
    with pytest.raises(ValueError, match=r"tile tr00 has shape \(32, 32, 3\), expected \(32, 32, 4\)"):
        Read(toy, items, (SIDE, SIDE), {}, 4)[0]


def test_a_draw_moves_the_picture_and_leaves_its_labels() -> None:
    images, labels = np.random.default_rng(0).integers(0, 255, (1, 4, 4, 4)).astype(np.uint8), np.array([[True, False]])
    examples = LabelExamples(images, labels, "dihedral")
    seen = {examples[0, draw][0].numpy().tobytes() for draw in range(40)}
    assert len(seen) == 8 and all(examples[0, draw][1].tolist() == [1.0, 0.0] for draw in range(3))
    assert (examples[0, None][0].numpy() == images[0].transpose(2, 0, 1)).all() and Fold(examples, [0], []).digest()


@pytest.mark.parametrize(("names", "match"), [
    ({"loss": "bcd"}, "'bcd'.*bce"), ({"balance": 1.0, "loss_options": {"pos_weight": 2.0}}, "expected one of both"),
    ({"classes": 3}, "classes=3, expected classifier or own.py:name, of 17"), ({"architecture": "unet"}, "architecture unet"),
    ({"views": ["vlfip"]}, "'vlfip'"), ({"checkpoints": ["latest"]}, "expected best or last"),
    ({"start": "a.pth", "start_from": "b"}, "expected one of both"), ({"augmentations": "mixpu"}, "'mixpu'"),
])  # fmt: skip
def test_what_would_fail_hours_later_is_refused_at_once(names, match) -> None:
    with pytest.raises(ValueError, match=match):
        LabelTraining.chosen(names, classes=17)


def test_parameters_outlive_json() -> None:
    one = LabelTraining.chosen({"bands": ("red", "nir"), "optimizer": "Adam", "opened": {0: "none", 2: 3}}, classes=17)
    again = LabelTraining.chosen(json.loads(json.dumps(one.plain())), classes=17)
    assert again.plain() == one.plain() and again.model == one.model and again.model.channels == 2


def test_what_reading_bands_needs_of_the_training_items_is_noted_with_the_member(trained) -> None:
    noted = json.loads((trained.out / "run.json").read_text())["jobs"]
    limits = {job["member"]: job["parameters"]["limits"] for job in noted}
    assert limits == {"a": {}, "same": {}, "student": {}, "infrared": {"n": [0.0, 32.0]}}
    assert LabelTraining.chosen(trained.runs.parameters("infrared"), classes=4).pixels["limits"] == {"n": [0.0, 32.0]}
