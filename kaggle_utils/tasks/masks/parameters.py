"""What the training of a segmenter is made of, with defaults and their reasons.

Pictures, loss and predictions are here; the model's parameters (:class:`kaggle_utils.learning.models.ModelParameters`)
and the trainer's (:class:`kaggle_utils.learning.parameters.TrainingParameters`) stand beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kaggle_utils.learning.augment import split_sets
from kaggle_utils.learning.losses import loss, masks_alone, masks_and_labels, of_positives
from kaggle_utils.learning.models import ModelParameters, side_multiple
from kaggle_utils.learning.parameters import TrainingParameters
from kaggle_utils.tasks.parameters import NetworkTraining, fitting


@dataclass(frozen=True)
class MaskParameters:
    """Pictures, loss and predictions."""

    size: tuple[int, int] = (480, 320)  # (width, height) of the input
    grayscale: bool = False  # pictures of one channel: a third of the disk; the model's channels follow
    frames: tuple[int, ...] = (0,)  # of an item that has several, counted from the labelled one; the model's channels follow
    frame_channels: int = 3  # of each, as it is read
    reading: Mapping[str, Any] = field(default_factory=dict)  # what else the competition is told when it reads an item
    target: str = ""  # what is learnt where several people drew: mean, or one of them, an annotator; empty: the truth
    loss: str = "bce+dice"  # of the masks; names of kaggle_utils.learning.losses joined by +
    loss_weights: tuple[float, ...] = ()  # one a part of the loss; none: 1 each
    loss_options: Mapping[str, Any] = field(default_factory=dict)  # pos_weight, smoothing, smooth, gamma, alpha
    positives_only: bool = False  # the masks' loss of items that have a mask alone; labels are learnt from all
    label_weight: float = 0.5  # of the label head's cross entropy beside the masks' loss
    label_options: Mapping[str, Any] = field(default_factory=dict)  # its pos_weight and smoothing
    augmentations: str = "brightness_contrast+flips+rotate_rescale"  # of learning/augment.py, of batches included
    views: tuple[str, ...] = ("identity", "hflip")  # each predicted and stored by itself: 4 GB for all of clouds
    checkpoints: tuple[str, ...] = ("best",)  # or best and last: the last epoch's weights are another member
    least_share: float = 0.03  # while training, masks below this share of the picture count as empty
    start_from: str = ""  # another member, with whose weights of the same fold this one begins
    learns_from: str = ""  # another member, whose masks of items without truth are learnt like true ones
    pseudo_from: float = 0.5  # probability from which a pixel belongs to such a mask

    @property
    def pixels(self) -> dict[str, Any]:
        """What the competition is told besides the size when it reads an item."""
        frames = {} if tuple(self.frames) == (0,) else {"frames": tuple(self.frames)}
        return ({"grayscale": True} if self.grayscale else {}) | frames | dict(self.reading)


@dataclass(frozen=True)
class MaskTraining(NetworkTraining):
    """All parameters of a training.

    >>> MaskTraining.chosen({"grayscale": True, "lr": 0.1}, classes=4).changed()
    {'grayscale': True, 'channels': 1, 'lr': 0.1}
    >>> MaskTraining.chosen({"encoder": "resnet34", "lr": None, "other": 1}, {"lr": 0.1}, classes=4).changed()
    {'encoder': 'resnet34', 'lr': 0.1}
    """

    SETTLED = ("sequence", "labelled")

    model: ModelParameters = field(default_factory=lambda: ModelParameters(classes=1, labels=1))
    training: TrainingParameters = TrainingParameters()
    masks: MaskParameters = MaskParameters()

    @property
    def pixels(self) -> dict[str, Any]:
        """What the competition is told besides the size when it reads an item."""
        return self.masks.pixels

    @property
    def channels(self) -> int:
        """Of what it then reads."""
        return 1 if self.masks.grayscale else self.masks.frame_channels * len(self.masks.frames)

    @property
    def time(self) -> dict[str, int]:
        """How many frames, and which of them is the labelled one."""
        frames = self.masks.frames
        return {"sequence": len(frames), "labelled": frames.index(0) if 0 in frames else 0}

    def loss(self) -> Callable:
        """What is trained on: (outputs, (masks, labels)) -> scalar. Raises ValueError for names and options not known."""
        c = self.masks
        masks = loss(c.loss, c.loss_weights or None, **fitting(c.loss_options, self.model.classes))
        if c.positives_only:
            masks = of_positives(masks)
        if not self.model.labels:
            return masks_alone(masks)
        return masks_and_labels(masks, loss("bce", **fitting(c.label_options, self.model.labels)), c.label_weight)

    @classmethod
    def default(cls, classes: int) -> MaskTraining:
        """What is trained where nothing is chosen: a label head beside the masks."""
        return cls(ModelParameters(classes=classes, labels=classes))

    def require_possible(self, classes: int) -> None:
        """ValueError for what would else fail hours later: names not known, and choices that do not fit each other."""
        super().require_possible(classes)
        c, m = self.masks, self.model
        self.loss()
        if m.over_time and 0 not in c.frames:
            raise ValueError(f"frames are {list(c.frames)}, expected the labelled one, 0, among them for {m.over_time}")
        if c.target not in ("", "mean", "annotator") or (c.target and classes > 1):
            raise ValueError(f"target is {c.target!r}, expected mean or annotator, of one class, or empty for the truth")
        if "mixup" in split_sets(c.augmentations)[1] and "lovasz" in c.loss:
            raise ValueError(f"augmentations is {c.augmentations!r}, but the loss {c.loss!r} wants masks of 0 and 1, no mixup")
        if m.architecture == "classifier" or m.classes != classes or m.labels not in (0, classes):
            made = f"architecture {m.architecture}, classes={m.classes}, labels={m.labels}"
            raise ValueError(f"the model is {made}, expected masks of {classes} classes, and {classes} labels or 0")
        multiple = 1 if all(side % 32 == 0 for side in c.size) else side_multiple(m)
        if any(side % multiple for side in c.size):
            told = "x".join(map(str, c.size))
            raise ValueError(f"size is {told}, {m.architecture} expects multiples of {multiple} pixels")
