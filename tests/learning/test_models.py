"""Models by name: shapes, normalisation inside, local start weights, checkpoints that build themselves again."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("segmentation_models_pytorch")

from torch import nn  # noqa: E402
from training_fixtures import one_thread  # noqa: E402, F401

from kaggle_utils.learning.batches import Fold  # noqa: E402
from kaggle_utils.learning.checkpoints import load_weights, start_from, write_checkpoint  # noqa: E402
from kaggle_utils.learning.losses import loss  # noqa: E402
from kaggle_utils.learning.models import (  # noqa: E402
    IMAGENET,
    ModelParameters,
    _smps_statistics,
    architectures,
    build,
    load_model,
    with_group_norm,  # noqa: E402
)
from kaggle_utils.learning.parameters import TrainingParameters  # noqa: E402
from kaggle_utils.learning.schedule import block_names, open_blocks  # noqa: E402
from kaggle_utils.learning.trainer import train  # noqa: E402

LITE = "tu-tf_efficientnet_lite0"
IMAGES = torch.arange(3 * 64 * 96, dtype=torch.int64).reshape(1, 3, 64, 96).remainder(256).to(torch.uint8)


def answered(parameters: ModelParameters, images: torch.Tensor = IMAGES):
    with torch.no_grad():
        return build(parameters).eval()(images)


@pytest.mark.parametrize("architecture", ["unet", "linknet", "fpn", "pspnet", "deeplabv3plus", "segformer"])
def test_an_architecture_gives_masks_of_the_pictures_size_and_labels(architecture):
    masks, labels = answered(ModelParameters(architecture, LITE, classes=4, labels=3))
    assert masks.shape == (1, 4, 64, 96) and labels.shape == (1, 3)


@pytest.mark.parametrize("name", ["efficientnet_b0", "mobilenetv3_small_050", "convnext_atto", "resnet18", "test_vit"])
def test_a_classifier_answers_as_the_network_of_timm_with_its_own_head(name):
    """Its last layer's weights in ours: whatever timm does before it (convolutions, norms) is done here."""
    import timm

    options = {"img_size": 64} if "vit" in name else {}
    whole = timm.create_model(name, num_classes=17, in_chans=4, **options).eval()
    ours = build(ModelParameters("classifier", name, classes=17, channels=4, options=options)).eval()
    last = whole.default_cfg["classifier"]
    named = {n: t for n, t in whole.state_dict().items() if not n.startswith(f"{last}.")}
    assert not ours.net.encoder.load_state_dict(named).missing_keys
    ours.net.head[1].load_state_dict(whole.get_submodule(last).state_dict())
    images = IMAGES[..., :64].repeat(2, 2, 1, 1)[:, :4]
    with torch.no_grad():
        assert torch.allclose(ours(images), whole((images / 255 - ours.mean) / ours.std), atol=1e-5)


def test_weights_without_a_last_layer_begin_a_classifier_of_four_channels(tmp_path):
    """As the hub has networks that learnt without labels: DINOv3's ConvNeXt is one, here a smaller of its kind."""
    import timm

    given = timm.create_model("test_convnext", num_classes=0).state_dict()
    write_checkpoint(tmp_path / "w.pth", {"state": given})
    model = build(ModelParameters("classifier", "test_convnext", classes=17, channels=4, start=str(tmp_path / "w.pth")))
    first = "stem.0.weight"
    assert model.net.encoder.state_dict()[first].shape[1] == 4
    assert all(torch.equal(model.net.encoder.state_dict()[name], tensor) for name, tensor in given.items() if name != first)


def test_all_but_a_classifiers_last_layer_can_be_frozen_and_its_last_blocks_thawed():
    model = build(ModelParameters("classifier", "test_resnet", classes=2))
    learning = lambda: {n.rpartition(".")[0] for n, p in model.named_parameters() if p.requires_grad}  # noqa: E731
    open_blocks(model, "net.encoder", "none")
    assert learning() == {"net.head.1"}
    assert open_blocks(model, "net.encoder", 2) == block_names(model, "net.encoder")[-2:]
    assert len(learning()) > 1 and "net.encoder.conv1.0" not in learning()


def test_all_of_smps_architectures_have_their_name():
    import segmentation_models_pytorch as smp

    assert set(architectures()) == {"classifier", *smp.MODEL_ARCHITECTURES_MAPPING}


def test_bytes_and_fractions_are_the_same_picture_normalised_as_the_encoder_knows_it():
    lite, resnet = ModelParameters("fpn", LITE), ModelParameters("fpn", "resnet18")
    assert torch.allclose(answered(lite), answered(lite, IMAGES.float() / 255))
    assert build(lite).mean.flatten().tolist() == [0.5, 0.5, 0.5]
    assert build(resnet).mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])


def test_each_of_smps_encoders_is_normalised_as_the_same_network_of_timm_is():
    """timm has its settings with it, for the same weights or for others that were trained alike."""
    from segmentation_models_pytorch.encoders import encoders

    alone = []
    for name in encoders:
        found, twin = _smps_statistics(name), timms_settings(name)
        if twin is None:
            alone.append(name)
        else:
            assert np.allclose(found, twin), name
    assert alone == ["resnext101_32x48d", *(f"mit_b{size}" for size in range(6))]
    assert all(_smps_statistics(name) == IMAGENET for name in alone)


def timms_settings(name: str) -> tuple | None:
    """Mean and deviation of timm's twin of one of smp's encoders; None where it has none."""
    import timm

    other = {"inceptionv4": "inception_v4", "inceptionresnetv2": "inception_resnet_v2", "xception": "legacy_xception",
             "mobilenet_v2": "mobilenetv2_100", "senet154": "legacy_senet154"}  # fmt: skip
    name = other.get(name, name.removeprefix("timm-")).replace("se_res", "legacy_seres")
    name = name if name.startswith("tf_") else name.replace("efficientnet-", "tf_efficientnet_")
    there = {whole.partition(".")[2] for whole in timm.list_pretrained(f"{name}.*")}
    tags = ("tv_in1k", "mx_in1k", "tf_in1k", "in1k", "aa_in1k", "apple_in1k", "ns_jft_in1k", "ra_in1k",
            "fb_ssl_yfcc100m_ft_in1k", "fb_wsl_ig1b_ft_in1k")  # fmt: skip
    found = next((timm.models.get_pretrained_cfg(f"{name}.{tag}") for tag in tags if tag in there), None)
    return found and (found.mean, found.std)


def test_a_model_takes_what_its_encoder_was_trained_with():
    mean = build(ModelParameters("classifier", "dpn68")).mean.flatten().tolist()
    assert mean == pytest.approx([0.4863, 0.4588, 0.4078], abs=1e-4)
    assert build(ModelParameters("classifier", "legacy_xception", channels=1)).std.flatten().tolist() == [0.5] * 3


def test_a_seed_covers_the_random_weights_and_leaves_the_global_generator():
    torch.manual_seed(7)
    one, other, third = build(ModelParameters(), seed=1), build(ModelParameters(), seed=1), build(ModelParameters(), seed=2)
    drawn = torch.rand(3)
    torch.manual_seed(7)
    assert torch.equal(drawn, torch.rand(3))
    weight = "net.decoder.blocks.0.conv1.0.weight"
    assert torch.equal(one.state_dict()[weight], other.state_dict()[weight])
    assert not torch.equal(one.state_dict()[weight], third.state_dict()[weight])


GREY = IMAGES[:, :1]


@pytest.mark.parametrize("encoder", [LITE, "resnet18"])  # normalised alike in all channels, and by ImageNet's own
@pytest.mark.parametrize("architecture", ["unet", "classifier"])
def test_a_grey_picture_gets_the_answer_of_the_same_picture_in_three_channels(architecture, encoder, tmp_path):
    three = build(ModelParameters(architecture, encoder), seed=3).eval()
    write_checkpoint(tmp_path / "w.pth", {"state": three.state_dict()})
    one = build(ModelParameters(architecture, encoder, channels=1, start=str(tmp_path / "w.pth")), seed=4)
    with torch.no_grad():
        assert torch.allclose(one.eval()(GREY), three(GREY.expand(-1, 3, -1, -1)), atol=1e-5)


def test_the_real_encoder_answers_alike_for_a_grey_picture(real_data):
    path = str(real_data / "weights" / "efficientnet_lite0_imagenet_timm.pth")
    grey = answered(ModelParameters("classifier", LITE, channels=1, start=path), GREY)
    colour = answered(ModelParameters("classifier", LITE, start=path), GREY.expand(-1, 3, -1, -1))
    assert torch.allclose(grey, colour, atol=1e-5)


def test_pictures_of_other_channels_are_refused():
    with pytest.raises(ValueError, match="the images have 3 channels, expected 1"):
        answered(ModelParameters("fpn", LITE, channels=1))
    with pytest.raises(ValueError, match="the images have 1 channels, expected 3"):
        answered(ModelParameters("fpn", LITE), GREY)


class TestStartWeights:
    def test_the_real_imagenet_encoder_fills_the_encoder(self, real_data):
        path = real_data / "weights" / "efficientnet_lite0_imagenet_timm.pth"
        model, given = build(ModelParameters("unet", LITE, start=str(path))), load_weights(path)["state"]
        own = model.net.encoder.state_dict()
        assert all(torch.equal(tensor, given[name.removeprefix("model.")]) for name, tensor in own.items()) and len(own) == 288

    @pytest.mark.parametrize("channels", [2, 4])
    def test_other_channels_get_the_kernel_that_timm_would_give_them(self, real_data, channels):
        from timm.models import adapt_input_conv

        path = real_data / "weights" / "efficientnet_lite0_imagenet_timm.pth"
        model = build(ModelParameters("classifier", LITE, channels=channels, start=str(path)))
        expected = adapt_input_conv(channels, load_weights(path)["state"]["conv_stem.weight"])
        assert torch.allclose(model.net.encoder.conv_stem.weight, expected)

    def test_a_model_of_this_kit_starts_another_with_other_classes(self, tmp_path):
        first = build(ModelParameters("unet", "resnet18", classes=4), seed=1)
        write_checkpoint(tmp_path / "w.pth", {"state": first.state_dict()})
        second = build(ModelParameters("unet", "resnet18", classes=1, start=str(tmp_path / "w.pth")), seed=2)
        same = "net.decoder.blocks.0.conv1.0.weight"
        assert torch.equal(first.state_dict()[same], second.state_dict()[same])
        assert second.net.segmentation_head[0].weight.shape[0] == 1

    def test_safetensors_are_read_as_state_dicts_are(self, tmp_path):
        from safetensors.torch import save_file

        first = build(ModelParameters("unet", "resnet18"), seed=1).net.encoder.state_dict()  # names as in smp's files
        save_file(first, tmp_path / "model.safetensors")
        second = build(ModelParameters("unet", "resnet18", start=str(tmp_path / "model.safetensors")), seed=2)
        assert all(torch.equal(tensor, first[name]) for name, tensor in second.net.encoder.state_dict().items())

    def test_weights_of_another_encoder_are_refused_with_a_count(self, tmp_path):
        write_checkpoint(tmp_path / "w.pth", {"state": {"conv1.weight": torch.zeros(64, 3, 7, 7)}})
        with pytest.raises(ValueError, match="fills 1 of the encoder's 100 tensors"):
            build(ModelParameters("unet", "resnet18", start=str(tmp_path / "w.pth")))

    def test_nothing_is_copied_silently(self, tmp_path):
        torch.save({"other": torch.zeros(3)}, tmp_path / "w.pth")
        with pytest.raises(ValueError, match="'other'"):
            start_from(nn.Linear(2, 1), tmp_path / "w.pth")

    def test_a_pickle_is_not_opened(self, tmp_path):
        torch.save({"model": nn.Linear(2, 1)}, tmp_path / "w.pth")
        with pytest.raises(ValueError, match="weights only.*trust"):
            build(ModelParameters(start=str(tmp_path / "w.pth")))


class TestOptions:
    def test_upsampling_is_followed_in_decoder_and_head(self):
        nearest, bilinear = (build(ModelParameters("fpn", "resnet18", upsampling=u)) for u in ("nearest", "bilinear"))
        assert [m.net.segmentation_head[1].mode for m in (nearest, bilinear)] == ["nearest", "bilinear"]
        assert [m.net.decoder.p4.interpolation_mode for m in (nearest, bilinear)] == ["nearest", "bilinear"]
        assert answered(ModelParameters("pspnet", "resnet18", upsampling="nearest")).shape == (1, 4, 64, 96)

    def test_group_norm_does_not_look_at_other_pictures(self):
        batch = torch.rand(2, 3, 64, 64)
        for norm, alone in (("batch", False), ("group everywhere", True)):
            model = build(ModelParameters("unet", LITE, norm=norm)).train()
            with torch.no_grad():
                assert torch.allclose(model(batch)[:1], model(batch[:1]), atol=1e-4) is alone

    def test_a_group_norm_keeps_scale_and_shift(self):
        norm = nn.BatchNorm2d(6)
        nn.init.uniform_(norm.weight)
        nn.init.uniform_(norm.bias)
        group = with_group_norm(nn.Sequential(norm), groups=4)[0]
        assert torch.equal(group.weight, norm.weight) and torch.equal(group.bias, norm.bias) and group.num_groups == 2

    def test_group_norm_can_leave_the_encoder(self):
        model = build(ModelParameters("unet", "resnet18", norm="group"))
        kinds = {name: type(m).__name__ for name, m in model.named_modules() if "Norm" in type(m).__name__}
        assert {k for n, k in kinds.items() if n.startswith("net.encoder.")} == {"BatchNorm2d"}
        assert {k for n, k in kinds.items() if n.startswith("net.decoder.")} == {"GroupNorm"}

    def test_blocks_are_those_that_can_be_frozen(self):
        names = block_names(build(ModelParameters("unet", "resnet18")), "net.encoder")
        assert names[-2:] == ["net.encoder.layer4.0", "net.encoder.layer4.1"] and len(names) == 10

    @pytest.mark.parametrize(("changes", "match"), [
        ({"architecture": "unett"}, "'unett'.*unet"), ({"encoder": "resnet19"}, "'resnet19'"),
        ({"encoder": "tu-nothing"}, "'tu-nothing'"), ({"architecture": "linknet", "upsampling": "nearest"}, "leave it empty"),
        ({"upsampling": "cubic"}, "'cubic'.*bilinear"), ({"norm": "layer"}, "'layer'.*group everywhere"),
    ])  # fmt: skip
    def test_mistakes_are_named(self, changes, match):
        with pytest.raises(ValueError, match=match):
            build(ModelParameters(**changes))


class Squares:
    """Bright squares on noise, and their masks, at 64x64."""

    def __getitem__(self, key):
        rng = np.random.default_rng(key[0])
        image, mask = rng.integers(0, 90, (3, 64, 64), np.uint8), np.zeros((1, 64, 64), np.uint8)
        y, x = rng.integers(0, 40, 2)
        image[:, y : y + 24, x : x + 24] += 150
        mask[:, y : y + 24, x : x + 24] = 1
        return image, mask


def test_a_trained_segmenter_comes_back_from_its_file_and_answers_the_same(tmp_path):
    def dice(predictions):
        pairs = [(a > 0.5, np.stack([Squares()[row, None][1] for row in rows]) > 0) for rows, a in predictions]
        return {"dice": float(np.mean([2 * (p & t).sum() / (p.sum() + t.sum()) for p, t in pairs]))}

    parameters = ModelParameters("fpn", "resnet18", classes=1)
    model, fold = build(parameters), Fold(Squares(), range(16), range(16, 20))
    training = TrainingParameters(epochs=3, batch=4, lr=2e-3, rates={"net.encoder": 0.5}, warmup_epochs=0)
    outcome = train(model, loss("bce+dice"), fold, dice, tmp_path, training, facts={"model": parameters.plain()})
    again = load_model(tmp_path / "best.pth")
    with torch.no_grad():
        assert torch.equal(again(IMAGES[..., :64]), model.eval()(IMAGES[..., :64]))
    assert outcome.best > 0.7


def test_a_checkpoint_without_its_model_is_refused(tmp_path):
    write_checkpoint(tmp_path / "w.pth", {"state": {}})
    with pytest.raises(ValueError, match="'model' among them"):
        load_model(tmp_path / "w.pth")
