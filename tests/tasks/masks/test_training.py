"""A segmenter's training: what a fold leaves on disk, on one device and on several."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from clouds_fixtures import RUN, Trained, chosen, trained  # noqa: E402, F401
from training_fixtures import Session  # noqa: E402

from kaggle_utils.competitions import clouds  # noqa: E402
from kaggle_utils.errors import KitError  # noqa: E402
from kaggle_utils.learning.models import load_model  # noqa: E402
from kaggle_utils.learning.store import PredictionStore  # noqa: E402
from kaggle_utils.tasks.masks.cache import cached_pixels  # noqa: E402
from kaggle_utils.tasks.masks.prediction import predictions  # noqa: E402


def stores(job, name) -> tuple[PredictionStore, PredictionStore]:
    """Masks and labels of a prediction set."""
    masks, labels = (PredictionStore(path) for path in job.sets[name][1])
    return masks, labels


def test_a_fold_is_predicted_by_the_model_that_has_not_seen_it(trained: Trained) -> None:
    for job in trained.jobs:
        rows = np.flatnonzero(trained.fold_of_item == job.fold)
        assert job.items == tuple(trained.data.table["image"].iloc[rows])
        views = {"96x64_identity", "96x64_hflip"}
        assert set(job.sets) == views | {f"{name}_last" for name in views}
        for name in job.sets:
            masks, labels = stores(job, name)
            assert masks.read(rows).shape == (5, 4, *clouds.SUBMISSION_SHAPE) and labels.read(rows).shape == (5, 4)
            assert (masks.read(rows) == masks.read_bytes(rows) / np.float32(255)).all()


def test_a_stored_prediction_is_what_the_kept_weights_say(trained: Trained) -> None:
    job, few = trained.jobs[0], np.flatnonzero(trained.fold_of_item == 0)[:2]
    pixels, model = cached_pixels(clouds, trained.data, trained.cache, (96, 64)), load_model(job.weights["best"])
    for view in ("identity", "hflip"):
        found = predictions(model, pixels, few, view, clouds.SUBMISSION_SHAPE, batch=2, device="cpu")
        rows, answers = next(found)
        for store, answer in zip(stores(job, f"96x64_{view}"), answers):
            assert np.abs(store.read(rows) - answer).max() < 1 / 500


def test_two_devices_train_a_fold_each_as_one_does_in_turn(trained: Trained, tmp_path: Path) -> None:
    both = trained.train(RUN, tmp_path, devices=("cpu", "cpu"))
    assert [job.fold for job in both] == [0, 1]
    for one, other in zip(trained.jobs, both, strict=True):
        assert other.score == pytest.approx(one.score, abs=1e-4)
        stored, again = (stores(job, "96x64_hflip")[0] for job in (one, other))
        assert np.abs(stored.read(stored.rows) - again.read(stored.rows)).max() < 0.02


def test_two_devices_train_one_model_together(trained: Trained, tmp_path: Path) -> None:
    [job] = trained.train(RUN, tmp_path, folds=(1,), devices=("cpu", "cpu"))
    alone = trained.jobs[1]
    assert job.history[0]["loss"] == pytest.approx(alone.history[0]["loss"], rel=0.2)  # its batch norm sees half a batch
    assert job.sets.keys() == alone.sets.keys() and load_model(job.weights["best"])


def test_a_finished_fold_is_not_trained_again(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    from kaggle_utils.tasks.masks import training

    monkeypatch.setattr(training, "predictions", lambda *a: pytest.fail("predicted again"))
    before = trained.jobs[1].weights["best"].stat().st_mtime_ns
    [again] = trained.train(RUN, trained.output, folds=(1,))
    assert again.score == trained.jobs[1].score and again.weights["best"].stat().st_mtime_ns == before


def test_a_session_that_ends_keeps_what_is_trained_and_the_next_goes_on(trained: Trained, tmp_path: Path) -> None:
    """Fold 0 comes to its first epoch of two, fold 1 to none; then both to the end, with predictions of the new weights."""
    run = chosen({"epochs": 2, "lr": 0.05, "checkpoints": ("last",)}, RUN.plain())
    with pytest.warns(UserWarning, match="no time was left to train 96x64 fold 1"):
        [first] = trained.train(run, tmp_path, seconds_left=Session(4))
    store, _ = stores(first, "96x64_identity_last")
    before = store.read(store.rows)
    assert first.stopped.startswith("the deadline") and len(first.history) == 1
    more_time = replace(run, training=replace(run.training, reserve=60.0))  # changes nothing in the result
    jobs = trained.train(more_time, tmp_path)
    assert [(job.fold, len(job.history)) for job in jobs] == [(0, 2), (1, 2)] and jobs[0].minutes > first.minutes
    after = stores(jobs[0], "96x64_identity_last")[0].read(store.rows)
    assert np.abs(after - before).max() > 0.01


def test_a_session_without_time_for_an_epoch_says_so(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(KitError, match="no time was left to train 96x64 fold 0, 96x64 fold 1"):
        trained.train(RUN, tmp_path, seconds_left=lambda: 0.0)


def test_a_disk_that_is_too_small_is_named_before_the_training(trained: Trained, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=10**6))
    with pytest.raises(KitError, match=r"4 prediction sets, 40 pictures in all, take 0.0 GB, .* has 0.0 GB left"):
        trained.train(RUN, tmp_path)


def test_other_masks_or_losses_in_the_same_folder_are_refused(trained: Trained) -> None:
    other = replace(RUN, masks=replace(RUN.masks, loss="dice"))
    with pytest.raises(ValueError, match="facts.masks.loss=.*, now 'dice':"):
        trained.train(other, trained.output)


def test_other_parameters_in_the_same_folder_are_refused(trained: Trained) -> None:
    with pytest.raises(ValueError, match="epochs=1, now 2"):
        trained.train(chosen({"epochs": 2}, RUN.plain()), trained.output)
