"""What the training of a segmenter is made of, with defaults and their reasons.

Three sets of parameters side by side: pictures, loss and predictions (here), the model's
(:class:`kaggle_utils.learning.models.ModelParameters`) and the trainer's
(:class:`kaggle_utils.learning.parameters.TrainingParameters`). A notebook names any of them once. A member is a
training of its own: the defaults, what the notebook chooses, and what makes it another member.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from kaggle_utils.evidence.diary import changed
from kaggle_utils.files import plain
from kaggle_utils.learning.augment import require_fit, split_sets
from kaggle_utils.learning.losses import loss, masks_alone, masks_and_labels
from kaggle_utils.learning.models import ModelParameters, side_multiple
from kaggle_utils.learning.parameters import TrainingParameters, given
from kaggle_utils.learning.views import in_views


@dataclass(frozen=True)
class MaskParameters:
    """Pictures, loss and predictions."""

    size: tuple[int, int] = (480, 320)  # (width, height) of the input
    grayscale: bool = False  # pictures of one channel: a third of the disk; the model's channels follow
    loss: str = "bce+dice"  # of the masks; names of kaggle_utils.learning.losses joined by +
    loss_weights: tuple[float, ...] = ()  # one a part of the loss; none: 1 each
    loss_options: Mapping[str, Any] = field(default_factory=dict)  # pos_weight, smoothing, smooth, gamma, alpha
    label_weight: float = 0.5  # of the label head's cross entropy beside the masks' loss
    label_options: Mapping[str, Any] = field(default_factory=dict)  # its pos_weight and smoothing
    augmentations: str = "brightness_contrast+flips+rotate_rescale"  # of learning/augment.py, of batches included
    views: tuple[str, ...] = ("identity", "hflip")  # each predicted and stored by itself: 4 GB for all of clouds
    checkpoints: tuple[str, ...] = ("best",)  # or best and last: the last epoch's weights are another member
    least_share: float = 0.03  # while training, masks below this share of the picture count as empty
    start_from: str = ""  # another member, with whose weights of the same fold this one begins
    learns_from: str = ""  # another member, whose masks of items without truth are learnt like true ones
    pseudo_from: float = 0.5  # probability from which a pixel belongs to such a mask


@dataclass(frozen=True)
class MaskTraining:
    """All parameters of a training.

    >>> MaskTraining.chosen({"grayscale": True, "lr": 0.1}, classes=4).changed()
    {'grayscale': True, 'channels': 1, 'lr': 0.1}
    """

    masks: MaskParameters = MaskParameters()
    model: ModelParameters = field(default_factory=lambda: ModelParameters(classes=1, labels=1))
    training: TrainingParameters = TrainingParameters()

    @property
    def pixels(self) -> dict[str, Any]:
        """What the competition is told besides the size when it reads an item."""
        return {"grayscale": True} if self.masks.grayscale else {}

    def loss(self) -> Callable:
        """What is trained on: (outputs, (masks, labels)) -> scalar. Raises ValueError for names and options not known."""
        c = self.masks
        masks = loss(c.loss, c.loss_weights or None, **_fitting(c.loss_options, self.model.classes))
        if not self.model.labels:
            return masks_alone(masks)
        return masks_and_labels(masks, loss("bce", **_fitting(c.label_options, self.model.labels)), c.label_weight)

    @classmethod
    def default(cls, classes: int) -> MaskTraining:
        """What is trained where nothing is chosen: a label head beside the masks."""
        return cls(model=ModelParameters(classes=classes, labels=classes))

    @classmethod
    def chosen(cls, names: Mapping[str, Any], preset: Mapping[str, Any] | None = None, classes: int = 1) -> MaskTraining:
        """Parameters from a notebook's variables: those named here that are set and not None.

        names: for instance a notebook's ``globals()``, or what :meth:`plain` gave
        preset: replaces defaults, not choices; classes: of the competition
        Raises ValueError as :meth:`require_possible` does.

        >>> MaskTraining.chosen({"encoder": "resnet34", "lr": None, "other": 1}, {"lr": 0.1}, classes=4).changed()
        {'encoder': 'resnet34', 'lr': 0.1}
        """
        parts, taken, defaults = {}, set(), cls.default(classes)
        for part in fields(cls):
            default = getattr(defaults, part.name)
            known = [one.name for one in fields(default) if one.name not in taken]  # `encoder` is the model's
            taken.update(known)
            parts[part.name] = type(default)(**(vars(default) | given(names, preset, known)))
        run = cls(**parts)
        width, height = run.masks.size
        model = replace(run.model, channels=1 if run.masks.grayscale else 3)
        run = cls(replace(run.masks, size=(int(width), int(height))), model, run.training)
        run.require_possible(classes)
        return run

    def require_possible(self, classes: int) -> None:
        """ValueError for what would else fail hours later: names not known, and choices that do not fit each other."""
        c, m = self.masks, self.model
        self.loss()
        in_views(c.views)
        pictures, batches = split_sets(c.augmentations)
        if "mixup" in batches and "lovasz" in c.loss:
            raise ValueError(f"augmentations is {c.augmentations!r}, but the loss {c.loss!r} wants masks of 0 and 1, no mixup")
        if odd := [name for name in c.checkpoints if name not in ("best", "last")]:
            raise ValueError(f"checkpoints has {odd[0]!r}, expected best or last")
        if m.start and c.start_from:
            raise ValueError(f"start is {m.start!r} and start_from {c.start_from!r}, expected one of both")
        if m.architecture == "classifier" or m.classes != classes or m.labels not in (0, classes):
            made = f"architecture {m.architecture}, classes={m.classes}, labels={m.labels}"
            raise ValueError(f"the model is {made}, expected masks of {classes} classes, and {classes} labels or 0")
        require_fit(pictures, c.size, m.channels)
        multiple = 1 if all(side % 32 == 0 for side in c.size) else side_multiple(m)
        if any(side % multiple for side in c.size):
            told = "x".join(map(str, c.size))
            raise ValueError(f"size is {told}, {m.architecture} expects multiples of {multiple} pixels")

    def plain(self) -> dict[str, Any]:
        """All of them by name, in JSON's own types; where two parts share a name, the first one's, as it is chosen."""
        parts = [asdict(part) for part in (self.masks, self.model, self.training)]
        return plain(parts[0] | parts[1] | {name: value for name, value in parts[2].items() if name not in parts[1]})

    def changed(self) -> dict[str, Any]:
        """Names and values that differ from the defaults."""
        return changed(self.plain(), self.default(self.model.classes).plain())


def _fitting(options: Mapping[str, Any], classes: int) -> Mapping[str, Any]:
    """The options of a loss; ValueError where a weight of positives is of other classes."""
    weight = options.get("pos_weight", 1.0)
    if not isinstance(weight, (int, float)) and len(weight) != classes:
        raise ValueError(f"pos_weight is {list(weight)}, expected one number or {classes}")
    return options
