"""Parameters: what is chosen reaches the training, and what cannot be is refused before any work."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("segmentation_models_pytorch")

from clouds_fixtures import CHOSEN, Trained, chosen, trained  # noqa: E402, F401
from training_fixtures import one_thread  # noqa: E402, F401

from kaggle_utils.competitions import clouds  # noqa: E402
from kaggle_utils.learning.losses import bce, dice  # noqa: E402
from kaggle_utils.learning.models import load_model  # noqa: E402
from kaggle_utils.learning.store import PredictionStore  # noqa: E402
from kaggle_utils.tasks.masks import training  # noqa: E402
from kaggle_utils.tasks.masks.parameters import MaskTraining  # noqa: E402


def answers() -> tuple[tuple, tuple]:
    """Logits and truth of two pictures' masks and labels."""
    generator = torch.Generator().manual_seed(0)
    masks, labels = torch.randn(2, 4, 6, 9, generator=generator), torch.randn(2, 4, generator=generator)
    true = (torch.rand(2, 4, 6, 9, generator=generator) > 0.7).float()
    return (masks, labels), (true, true.amax((2, 3)))


def test_options_and_weights_reach_the_parts_of_the_loss_that_know_them() -> None:
    (masks, labels), (true, has) = answers()
    weight = (1.0, 2.0, 3.0, 4.0)
    run = clouds.KIND.parameters({
        "loss": "bce+dice", "loss_weights": [0.3, 0.7], "label_options": {"smoothing": 0.1},
        "loss_options": {"pos_weight": weight, "smoothing": 0.05, "smooth": 5.0},
        "label_weight": 2.0,
    })  # fmt: skip
    by_hand = 0.3 * bce(masks, true, weight, 0.05) + 0.7 * dice(masks, true, 5.0) + 2.0 * bce(labels, has, smoothing=0.1)
    assert torch.isclose(run.loss()((masks, labels), (true, has)), by_hand)


def test_a_model_without_a_label_head_learns_from_the_masks_alone() -> None:
    (masks, _), truth = answers()
    run = clouds.KIND.parameters({"labels": 0})
    assert torch.isclose(run.loss()(masks, truth), bce(masks, truth[0]) + dice(masks, truth[0]))


@pytest.mark.parametrize(("names", "match"), [
    ({"loss_options": {"pos_wieght": 2.0}}, r"\['pos_wieght'\] are known to no part of 'bce\+dice', which knows pos_weight"),
    ({"label_options": {"gamma": 2.0}}, r"\['gamma'\] are known to no part of 'bce', which knows pos_weight, smoothing"),
    ({"loss_options": {"pos_weight": [1.0, 2.0]}}, r"pos_weight is \[1.0, 2.0\], expected one number or 4"),
    ({"loss_weights": [1.0]}, r"weights are \[1.0\], expected 2 for 'bce\+dice'"),
    ({"loss": "bce+diec"}, "'diec'.*bce, dice"),
    ({"augmentations": "flips+mixpu"}, "'mixpu'.*mixup, cutmix"),
    ({"augmentations": "flips+mixup", "loss": "bce+lovasz"}, "the loss 'bce[+]lovasz' wants masks of 0 and 1, no mixup"),
    ({"augmentations": "dihedral"}, "needs square pictures, these are 480x320"),
    ({"augmentations": "grayscale", "grayscale": True}, "needs pictures of 3 channels"),
    ({"architecture": "fpn", "size": [525, 350]}, "size is 525x350, fpn expects multiples of 32 pixels"),
    ({"architecture": "pspnet", "size": [500, 320]}, "size is 500x320, pspnet expects multiples of 8 pixels"),
    ({"labels": 3}, "labels=3, expected masks of 4 classes, and 4 labels or 0"),
    ({"architecture": "classifier"}, "architecture classifier.*expected masks"),
    ({"views": ["hflip", "vlfip"]}, "'vlfip'.*hflip"),
    ({"checkpoints": ["latest"]}, "checkpoints has 'latest', expected best or last"),
])  # fmt: skip
def test_what_would_fail_hours_later_is_refused_at_once(names: dict, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        clouds.KIND.parameters(names)


def test_the_encoder_that_is_chosen_is_the_models_and_can_be_frozen() -> None:
    """The trainer has a parameter of that name, too: where the encoder lies."""
    run = clouds.KIND.parameters({"encoder": "resnet34", "opened": {"0": "none"}})
    assert (run.model.encoder, run.training.encoder) == ("resnet34", "net.encoder")
    assert MaskTraining().plain()["encoder"] == MaskTraining().model.encoder
    assert clouds.KIND.parameters(run.plain()) == clouds.KIND.parameters(json.loads(json.dumps(run.plain())))
    assert clouds.KIND.parameters(run.plain()).plain() == run.plain()


def test_a_size_is_an_override_like_any_other_and_what_a_notebook_chooses_goes_before_the_preset() -> None:
    wanted = {"small": {}, "large": {"size": [640, 448]}}
    members = clouds.KIND.members({"members": wanted, "encoder": "resnet34", "epochs": None}, {"epochs": 3})
    assert {name: run.masks.size for name, run in members.items()} == {"small": (480, 320), "large": (640, 448)}
    run = members["large"]
    assert run.training.epochs == 3 and run.model.encoder == "resnet34" and run.model.labels == 4
    assert set(run.changed()) == {"size", "encoder", "epochs"}
    assert list(clouds.KIND.members({}, clouds.SAMPLE)) == ["192x128", "256x160"] and list(clouds.KIND.members({})) == ["unet"]


def test_every_parameter_is_in_the_notebooks_cell() -> None:
    from kaggle_utils.platform.parameters import defaults

    notebook = Path(__file__).parents[3] / "notebooks" / "clouds" / "2_train.ipynb"
    settled = {"classes", "channels", "trial"}  # by the competition, by grayscale, by a rehearsal
    settled |= {"start_from", "learns_from", "pseudo_from"}  # by members
    settled |= {"frames", "frame_channels", "reading", "target", "sequence", "labelled", "over_time", "time_layers"}  # of records
    assert set(MaskTraining().plain()) - settled <= set(defaults(json.loads(notebook.read_text())))


def test_what_fits_is_taken() -> None:
    clouds.KIND.members({"augmentations": "dihedral+cutmix", "size": [320, 320], "loss": "lovasz"})
    clouds.KIND.members({"architecture": "unet", "size": [525, 350]})  # fits its layers to any size


def test_a_model_that_cannot_be_made_is_told_before_pictures_are_decoded(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_resized", lambda *a: pytest.fail("decoded"))
    with pytest.raises(ValueError, match="'resnet19'"):
        trained.train(chosen({"encoder": "resnet19"}), tmp_path)


def test_without_a_label_head_the_labels_are_the_masks_maxima(trained: Trained, tmp_path: Path) -> None:
    [job] = trained.train(chosen({"labels": 0}), tmp_path, folds=(0,))
    rows = np.flatnonzero(trained.fold_of_item == 0)
    masks, labels = (PredictionStore(path).read(rows) for path in job.sets["96x64_identity"][1])
    assert labels.shape == (5, 4) and np.abs(labels - masks.max((2, 3))).max() <= 1 / 255
    assert load_model(job.weights["best"])(torch.zeros(1, 3, 64, 96)).shape == (1, 4, 64, 96)


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_a_mixing_among_the_augmentations_is_trained_with(
    name: str, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Always mixed, the loss of the only epoch is another than without; nothing else differs."""
    from kaggle_utils.learning import augment

    monkeypatch.setitem(augment.BATCH_SETS, name, augment.BATCH_SETS[name] | {"p": 1.0})
    run = chosen(CHOSEN | {"augmentations": f"flips+{name}", "views": ("identity",), "checkpoints": ("best",)})
    [job] = trained.train(run, tmp_path, folds=(0,))
    assert abs(job.history[0]["loss"] - trained.jobs[0].history[0]["loss"]) > 1e-4
    assert np.isfinite(job.history[0]["loss"])


def test_a_crop_is_trained_on_and_whole_pictures_are_predicted(trained: Trained, tmp_path: Path) -> None:
    run = chosen(CHOSEN | {"augmentations": "crop", "views": ("identity",), "checkpoints": ("best",)})
    [job] = trained.train(run, tmp_path, folds=(0,))
    rows = np.flatnonzero(trained.fold_of_item == 0)
    assert PredictionStore(job.sets["96x64_identity"][1][0]).read(rows).shape == (5, 4, 350, 525)
