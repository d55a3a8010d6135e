"""Clouds: what a training run is made of, with defaults, their reasons, and presets for the sample.

Three sets of parameters side by side: what is particular to this competition (here), the model's
(:class:`kaggle_utils.models.ModelParameters`) and the trainer's
(:class:`kaggle_utils.training_parameters.TrainingParameters`). A notebook names any of them once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from kaggle_utils.models import ModelParameters
from kaggle_utils.plain_json import plain
from kaggle_utils.training_parameters import TrainingParameters

__all__ = ["CloudsParameters", "CloudsRun", "SAMPLE", "SMOKE"]


@dataclass(frozen=True)
class CloudsParameters:
    """Pictures, loss and predictions."""

    sizes: tuple[tuple[int, int], ...] = ((480, 320),)  # (width, height) of the input; a model a size: the image pyramid
    grayscale: bool = False  # pictures of one channel: a third of the disk; the model's channels follow
    loss: str = "bce+dice"  # of the masks; names of kaggle_utils.losses joined by +
    label_weight: float = 0.5  # of the label head's loss beside the masks'
    augmentations: str = "brightness_contrast+flips+rotate_rescale"  # sets of kaggle_utils.augment
    views: tuple[str, ...] = ("identity", "hflip")  # each predicted and stored by itself: 4 GB for all images
    checkpoints: tuple[str, ...] = ("best",)  # or best and last: the last epoch's weights are another member
    fewest: float = 0.03  # while training, masks below this share of the picture count as empty


@dataclass(frozen=True)
class CloudsRun:
    """All parameters of a run."""

    clouds: CloudsParameters = CloudsParameters()
    model: ModelParameters = field(default_factory=lambda: ModelParameters(classes=4, labels=4))
    training: TrainingParameters = TrainingParameters()

    @classmethod
    def chosen(cls, names: Mapping[str, Any], preset: Mapping[str, Any] | None = None) -> CloudsRun:
        """Parameters from a notebook's variables: those named here that are set and not None.

        names: for instance a notebook's ``globals()``; preset: replaces defaults, not choices

        >>> run = CloudsRun.chosen({"encoder": "resnet34", "lr": None, "other": 1}, {"lr": 0.1})
        >>> run.changed()
        {'encoder': 'resnet34', 'lr': 0.1}
        """
        parts = {}
        for part in fields(cls):
            default = getattr(cls(), part.name)
            known = [one.name for one in fields(default)]
            given = {n: source[n] for source in (preset or {}, names) for n in known if source.get(n) is not None}
            parts[part.name] = type(default)(**(vars(default) | given))
        run = cls(**parts)
        sizes = tuple((int(width), int(height)) for width, height in run.clouds.sizes)
        model = replace(run.model, channels=1 if run.clouds.grayscale else 3)
        return cls(replace(run.clouds, sizes=sizes), model, run.training)

    def plain(self) -> dict[str, Any]:
        """All of them by name, in JSON's own types."""
        return plain(asdict(self.clouds) | asdict(self.model) | asdict(self.training))

    def changed(self) -> dict[str, Any]:
        """Names and values that differ from the defaults."""
        defaults = CloudsRun().plain()
        return {name: value for name, value in self.plain().items() if value != defaults[name]}


# Two CPU cores, a few minutes: networks of half a million weights on small pictures, from random weights.
SAMPLE = {
    "architecture": "fpn",
    "encoder": "tu-test_resnet",
    "options": {"decoder_pyramid_channels": 64, "decoder_segmentation_channels": 32},
    "sizes": ((192, 128), (256, 160)),
    "augmentations": "flips",
    "epochs": 12,
    "batch": 8,
    "lr": 3e-3,
    "ema": 0.95,
}
SMOKE = SAMPLE | {"sizes": ((96, 64),), "epochs": 1, "views": ("identity",)}
