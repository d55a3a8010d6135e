"""Clouds' training: what the trainer reads, how an epoch is judged, what a fold leaves on disk."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from kaggle_utils.competitions import clouds  # noqa: E402
from kaggle_utils.competitions.clouds_parameters import CloudsRun  # noqa: E402
from kaggle_utils.competitions.clouds_training import (  # noqa: E402
    CloudExamples,
    DiceMetric,
    cached_masks,
    predictions,
    train_fold,
    unpacked,
)
from kaggle_utils.models import load_model  # noqa: E402
from kaggle_utils.prediction_store import PredictionStore  # noqa: E402
from tests.clouds_fixtures import RUN, Trained, trained  # noqa: E402, F401


def test_masks_come_back_from_their_bits(trained: Trained) -> None:
    bits = cached_masks(trained.data, trained.cache, (48, 32))
    assert bits.shape == (10, 32, 48) and isinstance(bits, np.memmap)
    for row in range(10):
        assert (unpacked(bits[row]).transpose(2, 0, 1) == trained.data.masks(row, (32, 48))).all()


def test_other_masks_are_another_file(trained: Trained) -> None:
    texts = trained.data.texts.copy()
    texts[0] = ""
    emptied = cached_masks(replace(trained.data, texts=texts), trained.cache, (48, 32))
    assert not emptied[0].any() and cached_masks(trained.data, trained.cache, (48, 32))[0].any()


def test_image_and_masks_move_alike() -> None:
    """Where the image is bright there is class 1, before and after any draw."""
    image = np.zeros((1, 32, 48, 3), np.uint8)
    image[0, :10, :20] = 200
    bits = (image[..., 0] > 0).astype(np.uint8) << 1
    examples = CloudExamples(image, bits, "flips")
    moved = 0
    for draw in (None, *range(6)):
        picture, (masks, labels) = examples[0, draw]
        assert picture.shape == (3, 32, 48) and picture.dtype == torch.uint8
        assert torch.equal(picture[0] > 0, masks[1] > 0) and labels.tolist() == [0, 1, 0, 0]
        moved += not torch.equal(picture, examples[0, None][0])
    assert moved > 1


def test_the_metric_by_hand() -> None:
    """Class 0 half hit at .3 and .4 (2*4/(4+8) = .667), nowhere else; three empty pairs; a speck that is too small."""
    bits = np.zeros((1, 4, 8), np.uint8)
    bits[0, 0, :4] = 1
    masks = np.zeros((1, 4, 4, 8), np.float32)
    masks[0, 0, 0], masks[0, 2, 3, 3] = 0.45, 0.9
    found = DiceMetric(bits, fewest=0.05)([(np.array([0]), (masks, np.zeros((1, 4))))])
    assert found["dice"] == pytest.approx((2 / 3 + 3) / 4) and found["level"] == 0.3
    assert DiceMetric(bits, fewest=0.0)([(np.array([0]), (masks, None))])["dice"] == pytest.approx((2 / 3 + 2) / 4)


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


def test_grey_pictures_have_one_channel_from_the_cache_to_the_model() -> None:
    assert CloudsRun.chosen({"grayscale": True}).model.channels == 1
    assert CloudsRun.chosen({"grayscale": False}).changed() == {}
    image, (masks, _) = CloudExamples(np.zeros((1, 8, 16, 1), np.uint8), np.zeros((1, 8, 16), np.uint8), "flips")[0, 1]
    assert image.shape == (1, 8, 16) and masks.shape == (4, 8, 16)


def test_parameters_are_taken_from_a_notebooks_names() -> None:
    run = CloudsRun.chosen({"sizes": [[480, 320], [640, 448]], "encoder": "resnet34", "epochs": None}, {"epochs": 3})
    assert run.clouds.sizes == ((480, 320), (640, 448)) and run.training.epochs == 3 and run.model.encoder == "resnet34"
    assert run.model.labels == 4 and set(run.changed()) == {"sizes", "encoder", "epochs"}
