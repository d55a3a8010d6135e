"""Clouds' training: what a fold leaves on disk, on one device and on several."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from kaggle_utils.competitions import clouds  # noqa: E402
from kaggle_utils.competitions.clouds_parameters import CloudsRun  # noqa: E402
from kaggle_utils.competitions.clouds_training import predictions, train_fold, train_folds  # noqa: E402
from kaggle_utils.models import load_model  # noqa: E402
from kaggle_utils.prediction_store import PredictionStore  # noqa: E402
from tests.clouds_fixtures import RUN, Trained, trained  # noqa: E402, F401


def test_a_fold_is_predicted_by_the_model_that_has_not_seen_it(trained: Trained) -> None:
    for result in trained.results:
        assert result.rows.tolist() == np.flatnonzero(trained.fold_of_image == result.fold).tolist()
        views = {"96x64_identity", "96x64_hflip"}
        assert set(result.stores) == views | {f"{name}_last" for name in views}
        for masks, labels in result.stores.values():
            assert PredictionStore(masks).read(result.rows).shape == (5, 4, *clouds.SUBMISSION_SHAPE)
            assert PredictionStore(labels).read(result.rows).shape == (5, 4)


def test_a_stored_prediction_is_what_the_kept_weights_say(trained: Trained) -> None:
    from kaggle_utils.frame_cache import cached_frames

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


def test_other_parameters_in_the_same_folder_are_refused(trained: Trained) -> None:
    other = CloudsRun.chosen({"epochs": 2, "sizes": ((96, 64),)}, RUN.plain())
    with pytest.raises(ValueError, match="epochs=1, now 2"):
        train_fold(trained.data, trained.fold_of_image, 0, (96, 64), trained.output, other, cache=trained.cache)


def test_parameters_are_taken_from_a_notebooks_names() -> None:
    run = CloudsRun.chosen({"sizes": [[480, 320], [640, 448]], "encoder": "resnet34", "epochs": None}, {"epochs": 3})
    assert run.clouds.sizes == ((480, 320), (640, 448)) and run.training.epochs == 3 and run.model.encoder == "resnet34"
    assert run.model.labels == 4 and set(run.changed()) == {"sizes", "encoder", "epochs"}
