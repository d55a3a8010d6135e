"""What the training of a network is made of, whatever its kind: a part of the kind's own, the model's and the trainer's.

A notebook names any of the three parts' parameters once. A member is a training of its own: the defaults, what the
notebook chooses, and what makes it another member.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar

from kaggle_utils.evidence.diary import changed
from kaggle_utils.files import plain
from kaggle_utils.learning.augment import require_fit, split_sets
from kaggle_utils.learning.models import ModelParameters
from kaggle_utils.learning.parameters import TrainingParameters, given
from kaggle_utils.learning.views import in_views


@dataclass(frozen=True)
class NetworkTraining:
    """All parameters of a training; a kind's has its own first, and then those of model and training.

    Its own have size, (width, height) of the input, loss, augmentations, views, checkpoints, start_from, learns_from.
    SETTLED: the model's parameters that the kind decides, so that nobody chooses them
    """

    SETTLED: ClassVar[tuple[str, ...]] = ()

    model: ModelParameters
    training: TrainingParameters

    @classmethod
    def part(cls) -> str:
        """What the kind's own parameters are called."""
        return next(one.name for one in fields(cls) if one.name not in ("model", "training"))

    @property
    def own(self) -> Any:
        """The kind's own parameters."""
        return getattr(self, self.part())

    @property
    def pixels(self) -> dict[str, Any]:
        """What the competition is told besides the size when it reads an item."""
        raise NotImplementedError

    @property
    def channels(self) -> int:
        """Of what it then reads."""
        raise NotImplementedError

    @property
    def time(self) -> dict[str, int]:
        """The model's parameters that follow from the frames that are read, where items have several."""
        return {}

    @classmethod
    def default(cls, classes: int) -> NetworkTraining:
        """What is trained where nothing is chosen."""
        raise NotImplementedError

    @classmethod
    def chosen(cls, names: Mapping[str, Any], preset: Mapping[str, Any] | None = None, classes: int = 1) -> NetworkTraining:
        """Parameters from a notebook's variables: those named here that are set and not None.

        names: for instance a notebook's ``globals()``, or what :meth:`plain` gave
        preset: replaces defaults, not choices; classes: of the competition
        Raises ValueError as :meth:`require_possible` does.
        """
        parts, taken, defaults = {}, set(cls.SETTLED), cls.default(classes)
        for name in (cls.part(), "model", "training"):
            default = getattr(defaults, name)
            known = [one.name for one in fields(default) if one.name not in taken]  # `encoder` is the model's
            taken.update(known)
            parts[name] = type(default)(**(vars(default) | given(names, preset, known)))
        run = cls(**parts)
        width, height = run.own.size
        own = replace(run.own, size=(int(width), int(height)))
        run = replace(run, **{cls.part(): own, "model": replace(run.model, channels=run.channels, **run.time)})
        run.require_possible(classes)
        return run

    def require_possible(self, classes: int) -> None:
        """ValueError for what would else fail hours later: names not known, and choices that do not fit each other."""
        own = self.own
        in_views(own.views)
        if odd := [name for name in own.checkpoints if name not in ("best", "last")]:
            raise ValueError(f"checkpoints has {odd[0]!r}, expected best or last")
        if self.model.start and own.start_from:
            raise ValueError(f"start is {self.model.start!r} and start_from {own.start_from!r}, expected one of both")
        require_fit(split_sets(own.augmentations)[0], own.size, self.model.channels)

    def plain(self) -> dict[str, Any]:
        """All of them by name, in JSON's own types; where two parts share a name, the first one's, as it is chosen."""
        own, model, training = (asdict(part) for part in (self.own, self.model, self.training))
        every = own | model | {name: value for name, value in training.items() if name not in model}
        return plain({name: value for name, value in every.items() if name not in self.SETTLED})

    def changed(self) -> dict[str, Any]:
        """Names and values that differ from the defaults."""
        return changed(self.plain(), self.default(self.model.classes).plain())


def fitting(options: Mapping[str, Any], classes: int) -> Mapping[str, Any]:
    """The options of a loss; ValueError where weights are of other classes."""
    for name in ("pos_weight", "class_weights"):
        weight = options.get(name, 1.0)
        if not isinstance(weight, (int, float)) and len(weight) != classes:
            raise ValueError(f"{name} is {list(weight)}, expected one number or {classes}")
    return options
