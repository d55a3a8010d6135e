"""A member is trained and asked, goes on where it was killed, and is not trained twice."""

import json
from pathlib import Path

import numpy as np
import pytest
from toy_boxes import TINY, Squares

torch = pytest.importorskip("torch")

from training_fixtures import Session

from kaggle_utils.boxes.matching import IOU_THRESHOLDS
from kaggle_utils.errors import KitError
from kaggle_utils.learning.checkpoints import load_weights
from kaggle_utils.learning.progress import endless
from kaggle_utils.tasks import jobs
from kaggle_utils.tasks.boxes.items import VideoItems
from kaggle_utils.tasks.boxes.out_of_fold import out_of_fold
from kaggle_utils.tasks.runs import Job, read_runs, write_run

FOLDS = np.repeat([0, 1], 6)


@pytest.fixture(scope="module")
def squares(tmp_path_factory) -> VideoItems:
    """Twelve small frames in two videos, a bright square in half of them."""
    return Squares().load(Squares().make_sample(tmp_path_factory.mktemp("squares") / "squares"))


def trained(items, folder, chosen=(0,), folds=FOLDS, devices=("cpu",), seconds_left=endless, **changes) -> list[Job]:
    """The member ``plain`` on the folds chosen."""
    kind = Squares.KIND
    parameters = kind.parameters(changes, TINY | {"epochs": 1, "prediction_sets": ["identity"]})
    wanted = jobs.orders("squares", {"plain": parameters.plain()}, chosen)
    return kind.train(Squares(), items, folds, wanted, folder, cache=folder / "links", run=jobs.side_by_side(devices), seconds_left=seconds_left)


def lines(folder) -> list[dict]:
    return json.loads(Path(folder, "plain", "fold0", "stage0", "progress.json").read_text())["history"]


def stamp(folder, stage=0) -> str:
    return json.loads((folder / "plain" / "fold0" / f"stage{stage}" / "done.json").read_text())["stamp"]


def test_a_fold_leaves_weights_predictions_and_a_run_that_reads_back(squares, tmp_path):
    how = {"paste": 0.5, "augmentations": "clahe", "mosaic": 0.5, "prediction_sets": ("identity", "hflip@0.75")}
    results = trained(squares, tmp_path, (0, 1), epochs=2, **how)
    write_run(tmp_path, results)
    judged = out_of_fold(squares, "name", read_runs([tmp_path]), FOLDS, (96, 96), IOU_THRESHOLDS)
    assert judged.fold.tolist() == FOLDS.tolist() and list(judged.sets) == ["plain_identity", "plain_hflip@0.75"]
    assert not list(tmp_path.rglob("resume.pth")) and not list(tmp_path.rglob("*.partial"))
    assert [job.items for job in results] == [tuple(f"{v}-{n}" for n in range(6)) for v in (0, 1)]
    assert [line["epoch"] for line in results[0].history] == [1, 2] and {"f2", "cut"} <= results[0].history[0].keys()
    tables = [path.name for path in tmp_path.rglob("*.csv")]
    assert len(tables) == 4  # each prediction of each frame once


def test_frames_of_no_fold_are_only_trained_on(squares, tmp_path):
    folds = np.where(np.arange(12) < 8, FOLDS, -1)
    (job,) = trained(squares, tmp_path, folds=folds)
    assert len(job.items) == 6 and len(list((tmp_path / "links").rglob("images/train/*.jpg"))) >= 4


def test_nothing_reaches_for_the_network(squares, tmp_path, monkeypatch):
    import socket

    asked = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: asked.append(a) or [])
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: asked.append(address))
    trained(squares, tmp_path)
    assert asked == []


def test_what_is_done_is_not_done_again(squares, tmp_path):
    trained(squares, tmp_path)
    place = tmp_path / "plain" / "fold0"
    files = [place / "stage0" / "best.pth", place / "best.pth", place / "plain_identity.csv"]
    before = [f.stat().st_mtime_ns for f in files]
    trained(squares, tmp_path)
    assert [f.stat().st_mtime_ns for f in files] == before
    trained(squares, tmp_path, prediction_sets=("identity", "rot180"))  # one more view is asked of the same weights
    assert [f.stat().st_mtime_ns for f in files] == before and (place / "plain_rot180.csv").is_file()


@pytest.mark.parametrize(
    ("change", "said"),
    [({"folds": np.tile([0, 1], 6)}, r"data.judged='\w+', now '\w+'; data.learnt="), ({"lr": 1e-4}, "parameters.lr=.*, now 0.0001:")],
)
def test_other_folds_or_parameters_are_refused_and_nothing_is_lost(squares, tmp_path, change, said):
    trained(squares, tmp_path)
    before = stamp(tmp_path)
    with pytest.raises(ValueError, match=f"fold0 holds a training with {said}.*another name, or remove .*fold0"):
        trained(squares, tmp_path, **change)
    assert stamp(tmp_path) == before and (tmp_path / "plain" / "fold0" / "best.pth").is_file()


def killed(monkeypatch, at: int) -> None:
    """A training ends behind this epoch, counted from 0, as if from the keyboard."""
    from kaggle_utils.detector.trainer import JudgedTrainer

    kept = JudgedTrainer.save_model

    def dies(self):
        kept(self)
        if self.epoch == at:
            raise KeyboardInterrupt

    monkeypatch.setattr(JudgedTrainer, "save_model", dies)


def test_a_killed_training_goes_on_behind_its_last_epoch(squares, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        killed(patch, at=1)
        with pytest.raises(KeyboardInterrupt):
            trained(squares, tmp_path, epochs=3)
    trained(squares, tmp_path, epochs=3)
    assert [line["epoch"] for line in lines(tmp_path)] == [1, 2, 3]


def test_a_killed_training_of_other_parameters_is_not_gone_on_with(squares, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        killed(patch, at=0)
        with pytest.raises(KeyboardInterrupt):
            trained(squares, tmp_path, epochs=2)
    with pytest.raises(ValueError, match="holds a training with parameters.seed=0, now 5"):
        trained(squares, tmp_path, epochs=2, seed=5)
    assert [line["epoch"] for line in lines(tmp_path)] == [1]


def test_a_chain_with_a_changed_stage_or_one_less_is_another_training(squares, tmp_path):
    chain = ({"imgsz": 96, "epochs": 1}, {"imgsz": 128, "epochs": 1})
    trained(squares, tmp_path, chain=chain)
    with pytest.raises(ValueError, match="holds a training with parameters.imgsz=128, now 160"):
        trained(squares, tmp_path, chain=(chain[0], {"imgsz": 160, "epochs": 1}))
    with pytest.raises(ValueError, match="holds a training with chain='a stage1', now None"):
        trained(squares, tmp_path, chain=chain[:1])


def test_hours_end_a_stage_and_do_not_stretch_it(squares, tmp_path):
    trained(squares, tmp_path, epochs=3, hours=1e-6)
    assert len(lines(tmp_path)) == 1


def test_a_chain_starts_each_stage_from_the_one_before_and_keeps_the_last(squares, tmp_path):
    trained(squares, tmp_path, chain=({"imgsz": 96, "epochs": 1}, {"imgsz": 128, "epochs": 1, "freeze": 2}))
    place = tmp_path / "plain" / "fold0"
    assert not (place / "stage0" / "best.pth").exists() and (place / "stage1" / "best.pth").is_file()
    assert load_weights(place / "best.pth")["imgsz"] == 128
    assert json.loads((place / "stage1" / "done.json").read_text())["parameters"]["start"].endswith("stage0/best.pth")


def test_folds_side_by_side_give_what_folds_in_turn_give(squares, tmp_path):
    result = {}
    for name, devices in (("turn", ["cpu"]), ("side", ["cpu", "cpu"])):
        found = trained(squares, tmp_path / name, (0, 1), devices=devices)
        result[name] = [(job.fold, job.items, job.weights["best"].parent.name) for job in found]
    assert [one[0] for one in result["side"]] == [0, 1] and result["side"] == result["turn"]


def test_a_fold_without_frames_is_refused(squares, tmp_path):
    with pytest.raises(ValueError, match="plain fold 7 has 0 frames"):
        trained(squares, tmp_path, (7,))


def test_a_batch_that_devices_cannot_share_is_refused(squares, tmp_path):
    with pytest.raises(ValueError, match="batch is 3, expected a multiple of 2"):
        trained(squares, tmp_path, batch=3, devices=["cpu", "cpu"])


@pytest.mark.parametrize("wrong", ["identity@1920", "sideways", "hflip@", "hflip@x", "hflip@0"])
def test_a_view_that_is_none_is_refused_before_anything_is_trained(wrong):
    with pytest.raises(ValueError, match="prediction set is .*@ a factor"):
        Squares.KIND.parameters({"prediction_sets": ("identity", wrong)}, {})


def test_without_time_for_an_epoch_there_is_nothing(squares, tmp_path):
    with pytest.raises(KitError, match="no time was left to train plain fold 0"):
        trained(squares, tmp_path, epochs=1, lr=0.02, seconds_left=no_time)
    assert not list((tmp_path / "plain" / "fold0").glob("stage*/best.pth"))


def no_time() -> float:
    return 10.0


def test_what_changes_nothing_in_the_weights_does_not_begin_them_anew(squares, tmp_path):
    trained(squares, tmp_path, epochs=1)
    before = (tmp_path / "plain" / "fold0" / "stage0" / "best.pth").stat().st_mtime_ns
    trained(squares, tmp_path, epochs=1, reserve=60.0, workers=1)
    assert (tmp_path / "plain" / "fold0" / "stage0" / "best.pth").stat().st_mtime_ns == before


def test_a_training_ends_in_time_for_the_session_and_the_next_one_goes_on(squares, tmp_path):
    (job,) = trained(squares, tmp_path, epochs=4, seconds_left=Session(calls=4, at_last=300.0))
    place = tmp_path / "plain" / "fold0" / "stage0"
    assert job.stopped.startswith("the deadline") and (place / "resume.pth").is_file() and not (place / "done.json").exists()
    assert 1 <= job.history[-1]["epoch"] < 4 and all(path.is_file() for _, paths in job.sets.values() for path in paths)
    (job,) = trained(squares, tmp_path, epochs=4)
    assert [line["epoch"] for line in job.history] == [1, 2, 3, 4] and (place / "done.json").is_file()
