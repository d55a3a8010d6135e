"""Segmenters and classifiers by architecture and encoder name, built without a download.

Segmenters are segmentation_models_pytorch's, ``tu-`` encoders timm's; a classifier is any network of timm with its own
head, but for the last layer. Inputs are normalised inside the model, by what its encoder was trained with, so training
and submission cannot differ in it. Grey pictures of one channel are spread over the encoder's three there, and get the
answer that their three-channel copies would get; of more than three the first layer's kernels are adapted. Start weights
are local files. Used by clouds and contrails (masks, with or without a label head) and amazon (labels: architecture
``classifier``).
"""

from __future__ import annotations

import difflib
import inspect
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from kaggle_utils.files import plain
from kaggle_utils.learning.checkpoints import load_weights
from kaggle_utils.learning.devices import laid_out
from kaggle_utils.learning.own import OWN, beside, digest, is_own, own

Statistics = tuple[tuple[float, ...], tuple[float, ...]]  # mean and deviation of a channel each, of images from 0 to 1
IMAGENET: Statistics = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_HALVES: Statistics = ((0.5,) * 3, (0.5,) * 3)
_DPN: Statistics = ((124 / 255, 117 / 255, 104 / 255), (1 / (0.0167 * 255),) * 3)
# smp's own encoders that were not trained with ImageNet's. smp itself asks a server for these numbers. Of an encoder
# with several sets of weights they are those of the first; for advprop take timm's, as tu-tf_efficientnet_b0.ap_in1k
_OTHERS = {"dpn": _DPN, "inception": _HALVES, "xception": _HALVES, "timm-tf_efficientnet_lite": _HALVES}


@dataclass(frozen=True)
class ModelParameters:
    """What a model is made of."""

    architecture: str = "unet"  # one of architectures(), or own.py:name, made of these parameters
    encoder: str = "tu-tf_efficientnet_lite0"  # a name of smp, or "tu-" and a name of timm; a classifier's is timm's
    classes: int = 4  # masks, or labels of a classifier
    channels: int = 3  # of the images; 1: grey, on an encoder of three
    labels: int = 0  # outputs of a label head beside the masks; 0: none
    dropout: float = 0.2  # before the label head, or a classifier's last layer
    upsampling: str = ""  # nearest or bilinear; empty: the architecture's own
    norm: str = "batch"  # group: the decoder's norms by groups of channels; group everywhere: the encoder's too
    start: str = ""  # weights to start from: a local file; empty: random
    options: Mapping[str, Any] = field(default_factory=dict)  # further arguments of the smp architecture, or timm's

    @property
    def inputs(self) -> int:
        """Channels of the encoder."""
        return 3 if self.channels == 1 else self.channels

    def plain(self) -> dict[str, Any]:
        """In JSON's own types, to lie beside the weights as the fact ``model``."""
        return plain(asdict(self))


class Network(nn.Module):
    """A model with its normalisation: images (B, C, H, W), uint8 or float from 0 to 1 -> logits.

    net: gives masks (B, classes, H, W), labels (B, classes), or the pair (masks, labels)
    mean, std: of images from 0 to 1, one number for each channel that the net takes
    channels: C; where it is 1, each of the net's channels gets the grey picture, normalised as its own (a first
    kernel summed over its channels would answer differently: the means of ImageNet's channels differ)
    Raises ValueError for images of other channels.
    """

    def __init__(self, net: nn.Module, mean: tuple[float, ...], std: tuple[float, ...], channels: int) -> None:
        super().__init__()
        self.net, self.channels = net, channels
        self.register_buffer("mean", torch.tensor(mean).reshape(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(-1, 1, 1))

    def forward(self, images: torch.Tensor) -> Any:
        if images.shape[1] != self.channels:
            raise ValueError(f"the images have {images.shape[1]} channels, expected {self.channels}")
        images = images.float() / 255 if images.dtype == torch.uint8 else images
        return self.net((images - self.mean) / self.std)


class _Classifier(nn.Module):
    """A network of timm, its head's pooling, convolutions and norms included, and a last layer: logits (B, classes).

    Only ``head`` is new; ``encoder`` is what frozen blocks, rates and start weights are about.
    """

    def __init__(self, p: ModelParameters) -> None:
        super().__init__()
        self.encoder = _timms(p)
        width = getattr(self.encoder, "head_hidden_size", self.encoder.num_features)
        self.head = nn.Sequential(nn.Dropout(p.dropout), nn.Linear(width, p.classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(images))


def architectures() -> list[str]:
    """Names that :func:`build` knows.

    >>> {"classifier", "unet", "fpn", "linknet", "pspnet", "deeplabv3plus"} <= set(architectures())
    True
    """
    import segmentation_models_pytorch as smp

    return ["classifier", *smp.MODEL_ARCHITECTURES_MAPPING]


def build(parameters: ModelParameters, seed: int = 0) -> Network:
    """A model with random or start weights; ``seed`` covers what is random.

    Raises ValueError for a name that is not known, an option the architecture does not have, and
    start weights that do not fill the encoder.

    >>> model = build(ModelParameters("fpn", "resnet18", classes=4, labels=2)).eval()
    >>> [tuple(part.shape) for part in model(torch.zeros(1, 3, 64, 96, dtype=torch.uint8))]
    [(1, 4, 64, 96), (1, 2)]
    """
    p = parameters
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = _net(p)
    encoder = p.encoder if hasattr(net, "encoder") else ""
    model = Network(net, *_statistics(encoder, getattr(net, "encoder", None), p.inputs), p.channels)
    if p.start:
        _start(model, Path(p.start))
    if p.norm not in ("batch", "group", "group everywhere"):
        raise ValueError(f"norm is {p.norm!r}, expected batch, group or group everywhere")
    if p.norm != "batch":
        with_group_norm(model, keep=() if p.norm == "group everywhere" else ("net.encoder",))
    return model


def _net(p: ModelParameters) -> nn.Module:
    if is_own(p.architecture):
        return own(p.architecture)(p)
    return _Classifier(p) if p.architecture == "classifier" else _segmenter(p)


def side_multiple(parameters: ModelParameters) -> int:
    """Pixels of which both sides of a picture must be a multiple for this segmenter; raises ValueError as :func:`build` does.

    >>> side_multiple(ModelParameters("fpn", "resnet18")), side_multiple(ModelParameters("unet", "resnet18"))
    (32, 1)
    """
    if is_own(parameters.architecture):
        return 1
    with torch.random.fork_rng(devices=[]):
        net = _segmenter(parameters)
    return net.encoder.output_stride if getattr(net, "requires_divisible_input_shape", True) else 1


def load_model(path: Path, device: str = "cpu") -> Network:
    """The model of a checkpoint whose facts hold its parameters as ``model``; in evaluation mode.

    Raises ValueError for a checkpoint that does not hold them, and for one whose own.py beside it is another.
    """
    path, content = Path(path), load_weights(path)
    if "model" not in content:
        raise ValueError(f"{path} holds {sorted(content)}, expected 'model' among them: facts={{'model': parameters.plain()}}")
    parameters = ModelParameters(**content["model"])
    with beside(path.parent):
        if is_own(parameters.architecture) and digest() != (noted := content.get("origin", {}).get(OWN)):
            raise ValueError(f"{path.parent / OWN} is {digest()}, expected {noted}, with which the weights were trained")
        model = build(replace(parameters, start=""))
    model.load_state_dict(content["state"])
    return laid_out(model, device).eval()


def _timms(p: ModelParameters) -> nn.Module:
    import timm

    name = p.encoder.removeprefix("tu-")
    try:
        return timm.create_model(name, pretrained=False, num_classes=0, in_chans=p.inputs, **p.options)
    except (RuntimeError, TypeError) as error:
        near = ", ".join(difflib.get_close_matches(name, timm.list_models(), 3)) or "a name of timm.list_models()"
        raise ValueError(f"encoder is {p.encoder!r}: {str(error)[:200]}; expected a network of timm, such as {near}") from None


def _segmenter(p: ModelParameters) -> nn.Module:
    import segmentation_models_pytorch as smp

    if p.architecture not in smp.MODEL_ARCHITECTURES_MAPPING:
        raise ValueError(f"architecture is {p.architecture!r}, expected one of {', '.join(architectures())}")
    made = smp.MODEL_ARCHITECTURES_MAPPING[p.architecture]
    arguments = dict(p.options)
    if p.upsampling and "decoder_interpolation" in inspect.signature(made.__init__).parameters:
        arguments["decoder_interpolation"] = p.upsampling
    if p.labels:
        arguments["aux_params"] = {"classes": p.labels, "dropout": p.dropout}
    try:
        net = made(p.encoder, encoder_weights=None, in_channels=p.inputs, classes=p.classes, **arguments)
    except (KeyError, RuntimeError, TypeError) as error:
        raise ValueError(f"{p.architecture} on encoder {p.encoder!r} cannot be made: {str(error)[:200]}") from None
    if p.upsampling:
        _upsample(net, p, "decoder_interpolation" in arguments)
    return net


def _upsample(net: nn.Module, p: ModelParameters, decoder_follows: bool) -> None:
    """Change how the layers between decoder and output enlarge their input."""
    if p.upsampling not in ("nearest", "bilinear"):
        raise ValueError(f"upsampling is {p.upsampling!r}, expected nearest or bilinear, or empty for the architecture's own")
    grown = [layer for layer in net.modules() if isinstance(layer, nn.Upsample)]
    if not grown and not decoder_follows:
        raise ValueError(f"upsampling is {p.upsampling!r}, but {p.architecture} learns to grow; leave it empty")
    for layer in grown:
        layer.mode, layer.align_corners = p.upsampling, (True if p.upsampling == "bilinear" else None)


def _statistics(name: str, encoder: nn.Module, channels: int) -> Statistics:
    """Mean and deviation that an encoder's start weights were trained with; more channels repeat the three."""
    timms = getattr(getattr(encoder, "model", encoder), "pretrained_cfg", None) or {}
    mean, std = (timms["mean"], timms["std"]) if "mean" in timms else _smps_statistics(name)
    return tuple((tuple(values) * channels)[:channels] for values in (mean, std))


def _smps_statistics(name: str) -> Statistics:
    """Mean and deviation of an encoder that is smp's own."""
    return next((found for start, found in _OTHERS.items() if name.startswith(start)), IMAGENET)


def _start(model: Network, path: Path) -> None:
    """Weights of timm, of torchvision or of this kit, whichever names fit, into the model."""
    own, given = model.state_dict(), load_weights(path)["state"]
    tries = [{prefix + n: t for n, t in given.items()} for prefix in ("", "net.", "net.encoder.", "net.encoder.model.")]
    named = max(tries, key=lambda names: len(own.keys() & names.keys()))
    fitted = {n: _as_wide(t, own[n].shape).to(own[n].dtype) for n, t in named.items() if n in own}
    fitting = {n: t for n, t in fitted.items() if t.shape == own[n].shape}
    needed = [n for n in own if re.match(r"net\.encoder\.", n) and not n.endswith("num_batches_tracked")]
    if (missing := [n for n in needed if n not in fitting]) or not fitting:
        raise ValueError(
            f"start: {path} fills {len(needed) - len(missing)} of the encoder's {len(needed)} tensors, expected all; "
            f"missing is {next(iter(missing), None)}, the file begins with {next(iter(given), None)!r}"
        )
    model.load_state_dict(fitting, strict=False)


def _as_wide(kernel: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """A first layer's kernel (O, 3, h, w) for more channels: repeated and scaled down by timm."""
    from timm.models import adapt_input_conv

    first = kernel.ndim == 4 and len(shape) == 4 and kernel.shape[1] == 3 and kernel.shape[0] == shape[0]
    return adapt_input_conv(shape[1], kernel) if first else kernel


def with_group_norm(model: nn.Module, groups: int = 32, keep: tuple[str, ...] = ()) -> nn.Module:
    """Exchange every BatchNorm2d of a model for a GroupNorm with its scale and shift; returns the model, changed.

    Batch norm needs batches, and at high resolution a card holds a few images only. Group norm (Wu and He
    2018) looks at each image alone. The contrails diary tried it.

    groups: at most so many, fewer where they do not divide the channels
    keep: dotted names of parts that stay as they are

    >>> with_group_norm(nn.Sequential(nn.Conv2d(3, 48, 1), nn.BatchNorm2d(48)))[1].num_groups
    16
    """
    found = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)]
    for name, norm in found:
        if not any(name.startswith(part + ".") for part in keep):
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, _grouped(norm, groups))
    return model


def _grouped(norm: nn.BatchNorm2d, groups: int) -> nn.Module:
    new = nn.GroupNorm(math.gcd(groups, norm.num_features), norm.num_features, norm.eps)
    if norm.affine:
        new.load_state_dict({"weight": norm.weight.data, "bias": norm.bias.data})
    new.train(norm.training)
    rest = [part for _, part in norm.named_children()]  # timm's norms carry dropout and activation inside
    return nn.Sequential(new, *rest) if rest else new
