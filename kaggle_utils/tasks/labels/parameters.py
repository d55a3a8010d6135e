"""What the training of a classifier is made of, with defaults and their reasons.

Pictures, loss and predictions are here; the model's parameters (:class:`kaggle_utils.learning.models.ModelParameters`)
and the trainer's (:class:`kaggle_utils.learning.parameters.TrainingParameters`) stand beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kaggle_utils.learning.losses import balance, loss
from kaggle_utils.learning.models import ModelParameters
from kaggle_utils.learning.own import is_own
from kaggle_utils.learning.parameters import TrainingParameters
from kaggle_utils.tasks.parameters import NetworkTraining, fitting


@dataclass(frozen=True)
class LabelParameters:
    """Pictures, loss and predictions."""

    size: tuple[int, int] = (256, 256)  # (width, height) of the input
    bands: tuple[str, ...] = ()  # by name, of files that have several; none: red, green, blue; the model's channels follow
    limits: Mapping[str, Any] = field(default_factory=dict)  # what becomes 0 and 255 in a band; none: by the training's items
    dehazed: bool = False  # haze removed by the dark channel before anything else sees the picture
    loss: str = "bce"  # names of kaggle_utils.learning.losses joined by +
    loss_weights: tuple[float, ...] = ()  # one a part of the loss; none: 1 each
    loss_options: Mapping[str, Any] = field(default_factory=dict)  # pos_weight, smoothing, gamma, alpha, class_weights
    balance: float = 0.0  # power of (negatives / positives) that a label weighs: 1 inverse, .5 its root, 0 all alike
    augmentations: str = "dihedral"  # of learning/augment.py, of batches included; contrast hurts on satellite images
    views: tuple[str, ...] = ("identity", "hflip")  # each predicted and stored by itself
    checkpoints: tuple[str, ...] = ("best",)  # or best and last: the last epoch's weights are another member
    start_from: str = ""  # another member, with whose weights of the same fold this one begins
    learns_from: str = ""  # another member, whose labels of items without truth are learnt like true ones
    pseudo_from: float = 0.0  # probability from which such an item has a label; 0: probabilities are learnt as they are


@dataclass(frozen=True)
class LabelTraining(NetworkTraining):
    """All parameters of a training.

    >>> LabelTraining.chosen({"bands": ("red", "green", "blue", "nir"), "lr": 0.1}, classes=17).changed()
    {'bands': ['red', 'green', 'blue', 'nir'], 'channels': 4, 'lr': 0.1}
    """

    SETTLED = ("labels", "upsampling", "sequence", "labelled", "over_time", "time_layers", "enlarged")

    model: ModelParameters = ModelParameters("classifier", "efficientnet_b0", classes=1)
    training: TrainingParameters = TrainingParameters(batch=64)
    labels: LabelParameters = LabelParameters()

    @property
    def pixels(self) -> dict[str, Any]:
        """What the competition is told besides the size when it reads an item."""
        c = self.labels
        told = {"bands": tuple(c.bands), "limits": c.limits, "dehazed": c.dehazed}
        return {name: value for name, value in told.items() if value}

    @property
    def channels(self) -> int:
        """Of what it then reads."""
        return len(self.labels.bands) or 3

    def loss(self, positives: Sequence[int] = (), rows: int = 0) -> Callable:
        """What is trained on: (logits, labels) -> scalar; positives: (L,) of the rows that are learnt, for ``balance``.

        Raises ValueError for names and options not known.
        """
        c, options = self.labels, dict(self.labels.loss_options)
        weight = "pos_weight" if "bce" in c.loss.split("+") else "class_weights"  # as the loss calls it
        if c.balance and weight in options:
            raise ValueError(f"balance is {c.balance} and loss_options has {weight}, expected one of both")
        if c.balance:
            options[weight] = balance(positives, rows, c.balance) if rows else 1.0
        return loss(c.loss, c.loss_weights or None, **fitting(options, self.model.classes))

    @classmethod
    def default(cls, classes: int) -> LabelTraining:
        """What is trained where nothing is chosen."""
        return cls(ModelParameters("classifier", "efficientnet_b0", classes=classes))

    def require_possible(self, classes: int) -> None:
        """ValueError for what would else fail hours later: names not known, and choices that do not fit each other."""
        super().require_possible(classes)
        self.loss()
        m = self.model
        if m.classes != classes or not (m.architecture == "classifier" or is_own(m.architecture)):
            made = f"architecture {m.architecture}, classes={m.classes}"
            raise ValueError(f"the model is {made}, expected classifier or own.py:name, of {classes} classes")
