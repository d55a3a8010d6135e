"""Clouds' training: what a fold leaves on disk, on one device and on several."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from clouds_fixtures import RUN, Trained, trained  # noqa: E402, F401
from kaggle_utils.competitions.clouds_parameters import CloudsRun  # noqa: E402
from kaggle_utils.competitions.clouds_training import predictions, train_fold, train_folds  # noqa: E402
from training_fixtures import Session  # noqa: E402

from kaggle_utils.competitions import clouds  # noqa: E402
from kaggle_utils.errors import KitError  # noqa: E402
from kaggle_utils.learning.models import load_model  # noqa: E402
from kaggle_utils.learning.store import PredictionStore  # noqa: E402


def test_a_fold_is_predicted_by_the_model_that_has_not_seen_it(trained: Trained) -> None:
    for result in trained.results:
        assert result.rows.tolist() == np.flatnonzero(trained.fold_of_image == result.fold).tolist()
        views = {"96x64_identity", "96x64_hflip"}
        assert set(result.stores) == views | {f"{name}_last" for name in views}
        for masks, labels in result.stores.values():
            assert PredictionStore(masks).read(result.rows).shape == (5, 4, *clouds.SUBMISSION_SHAPE)
            assert PredictionStore(labels).read(result.rows).shape == (5, 4)


def test_a_stored_prediction_is_what_the_kept_weights_say(trained: Trained) -> None:
    from kaggle_utils.images.cache import cached_frames

    result = trained.results[0]
    images = cached_frames(trained.data.images["path"].tolist(), trained.cache, (96, 64))
    model = load_model(result.weights)
    for view in ("identity", "hflip"):
        rows, (masks, labels) = next(predictions(model, images, result.rows[:2], view, batch=2, device="cpu"))
        stored_masks, stored_labels = (PredictionStore(path).read(rows) for path in result.stores[f"96x64_{view}"])
        assert np.abs(stored_masks - masks).max() < 1 / 500 and np.abs(stored_labels - labels).max() < 1 / 500


def test_two_devices_train_a_fold_each_as_one_does_in_turn(trained: Trained, tmp_path: Path) -> None:
    both = train_folds(
        trained.data, trained.fold_of_image, [0, 1], tmp_path, RUN, cache=trained.cache, devices=["cpu", "cpu"]
    )
    assert [result.fold for result in both] == [0, 1]
    for one, other in zip(trained.results, both, strict=True):
        assert other.dice == pytest.approx(one.dice, abs=1e-4)
        stored, again = (PredictionStore(r.stores["96x64_hflip"][0]).read(r.rows) for r in (one, other))
        assert np.abs(stored - again).max() < 0.02


def test_two_devices_train_one_model_together(trained: Trained, tmp_path: Path) -> None:
    [result] = train_folds(trained.data, trained.fold_of_image, [1], tmp_path, RUN, cache=trained.cache, devices=["cpu", "cpu"])
    alone = trained.results[1]
    assert result.history[0]["loss"] == pytest.approx(alone.history[0]["loss"], rel=0.2)  # its batch norm sees half a batch
    assert result.stores.keys() == alone.stores.keys() and load_model(result.weights)


def test_a_finished_fold_is_not_trained_again(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    from kaggle_utils.competitions import clouds_training

    monkeypatch.setattr(clouds_training, "predictions", lambda *a: pytest.fail("predicted again"))
    before = trained.results[1].weights.stat().st_mtime_ns
    again = train_fold(trained.data, trained.fold_of_image, 1, (96, 64), trained.output, RUN, cache=trained.cache)
    assert again.dice == trained.results[1].dice and again.weights.stat().st_mtime_ns == before


def test_a_session_that_ends_keeps_what_is_trained_and_the_next_goes_on(trained: Trained, tmp_path: Path) -> None:
    """Fold 0 comes to its first epoch of two, fold 1 to none; then both to the end, with predictions of the new weights."""
    run = CloudsRun.chosen({"epochs": 2, "lr": 0.05, "checkpoints": ("last",)}, RUN.plain())
    given = (trained.data, trained.fold_of_image, [0, 1], tmp_path, run)
    with pytest.warns(UserWarning, match="no time was left to train 96x64 fold 1"):
        [first] = train_folds(*given, cache=trained.cache, seconds_left=Session(4))
    before = PredictionStore(first.stores["96x64_identity_last"][0]).read(first.rows)
    assert first.stopped.startswith("the deadline") and len(first.history) == 1
    more_workers = replace(run, training=replace(run.training, reserve=60.0))  # changes nothing in the result
    results = train_folds(*given[:-1], more_workers, cache=trained.cache)
    assert [(r.fold, len(r.history)) for r in results] == [(0, 2), (1, 2)] and results[0].minutes > first.minutes
    after = PredictionStore(results[0].stores["96x64_identity_last"][0]).read(first.rows)
    assert np.abs(after - before).max() > 0.01


def test_a_session_without_time_for_an_epoch_says_so(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(KitError, match="no time was left to train 96x64 fold 0, 96x64 fold 1"):
        train_folds(trained.data, trained.fold_of_image, [0, 1], tmp_path, RUN, cache=trained.cache, seconds_left=lambda: 0.0)


def test_a_disk_that_is_too_small_is_named_before_the_training(trained: Trained, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=10**6))
    with pytest.raises(KitError, match=r"4 prediction sets of 10 pictures take 0.0 GB, .* has 0.0 GB left"):
        train_folds(trained.data, trained.fold_of_image, [0, 1], tmp_path, RUN, cache=trained.cache)


def test_other_masks_or_losses_in_the_same_folder_are_refused(trained: Trained) -> None:
    other = replace(RUN, clouds=replace(RUN.clouds, loss="dice"))
    with pytest.raises(ValueError, match="facts.clouds.loss=.*, now 'dice':"):
        train_fold(trained.data, trained.fold_of_image, 0, (96, 64), trained.output, other, cache=trained.cache)


def test_other_parameters_in_the_same_folder_are_refused(trained: Trained) -> None:
    other = CloudsRun.chosen({"epochs": 2, "sizes": ((96, 64),)}, RUN.plain())
    with pytest.raises(ValueError, match="epochs=1, now 2"):
        train_fold(trained.data, trained.fold_of_image, 0, (96, 64), trained.output, other, cache=trained.cache)


def test_parameters_are_taken_from_a_notebooks_names() -> None:
    run = CloudsRun.chosen({"sizes": [[480, 320], [640, 448]], "encoder": "resnet34", "epochs": None}, {"epochs": 3})
    assert run.clouds.sizes == ((480, 320), (640, 448)) and run.training.epochs == 3 and run.model.encoder == "resnet34"
    assert run.model.labels == 4 and set(run.changed()) == {"sizes", "encoder", "epochs"}
