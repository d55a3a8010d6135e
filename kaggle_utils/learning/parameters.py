"""Every switch of the shared trainer, with its default and its reason.

The defaults are for one 16 GB card. What a run used lies beside its weights, and a folder that holds
a training with other parameters is refused rather than continued.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from kaggle_utils.files import plain

if TYPE_CHECKING:
    import torch

_SCHEDULES = ("cosine", "plateau", "constant")
_OPTIMIZERS = ("AdamW", "Adam", "SGD")
INJECTED = "injected"  # a notebook's variable: the names that a command set
MACHINE = {"workers", "reserve", "cache"}  # parameters that change nothing at all in what comes out
UNLEARNT = MACHINE | {"prediction_sets", "views", "checkpoints"}  # nothing in what is learnt


def given(names: Mapping[str, Any], preset: Mapping[str, Any] | None, known: Iterable[str]) -> dict[str, Any]:
    """Of the known names those that a preset sets or a notebook's variables choose; a choice beats the preset.

    names: for instance a notebook's ``globals()``; what is None there is not chosen

    >>> given({"lr": None, "epochs": 3, "pd": 1}, {"lr": 0.1, "epochs": 5}, ["lr", "epochs", "batch"])
    {'lr': 0.1, 'epochs': 3}
    """
    return {name: source[name] for source in (preset or {}, names) for name in known if source.get(name) is not None}


def chosen(names: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Of a notebook's variables those that somebody chose: set to another value than the default, or by a command.

    names: for instance a notebook's ``globals()``; ``injected`` there names what a command set, which is chosen even where
    it is the default; what is None is not

    >>> chosen({"lr": 0.1, "epochs": 20, "batch": 8, "injected": ("epochs",)}, {"lr": 0.2, "epochs": 20, "batch": 8})
    {'lr': 0.1, 'epochs': 20}
    """
    told = names.get(INJECTED, ())
    held = {name: names[name] for name in defaults if names.get(name) is not None}
    return {name: value for name, value in held.items() if name in told or plain(value) != plain(defaults[name])}


def differences(held: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """What two trainings, noted in plain form, differ in, a text each; parameters in UNLEARNT aside.

    >>> differences({"lr": 0.1, "workers": 2, "model": {"size": "s"}}, {"lr": 0.1, "workers": 4, "model": {"size": "m"}})
    ["model.size='s', now 'm'"]
    """
    before, now = _flat(held), _flat(wanted)
    names = [name for name in now | before if name not in UNLEARNT and before.get(name) != now.get(name)]
    return [f"{name}={before.get(name)!r}, now {now.get(name)!r}" for name in names]


def require_same(held: Mapping[str, Any], wanted: Mapping[str, Any], where: Any) -> None:
    """ValueError saying what differs where a training is held that would give another result than the one wanted."""
    if differing := differences(held, wanted):
        what = f"{where} holds a training with {'; '.join(differing)}"
        raise ValueError(f"{what}: give the member another name, or remove {where} if it is not needed")


def _epoch(key: int | str) -> int:
    """A key of ``opened``, which JSON turns into text."""
    try:
        return int(key)
    except ValueError:
        raise ValueError(f"opened has the key {key!r}, expected the number of an epoch, from 0") from None


@dataclass(frozen=True)
class TrainingParameters:
    """What one training of a fold needs to know. Raises ValueError for a value that makes no sense."""

    # the schedule
    epochs: int = 10  # passes over the training rows
    trial: int = 0  # a rehearsal's: end after so many epochs, blocks opened as in the last; 0: no trial
    batch: int = 16  # rows a forward pass
    accumulate: int = 1  # forward passes a step, for batches that do not fit the memory
    optimizer: str = "AdamW"  # or Adam, SGD (momentum .9)
    lr: float = 1e-3  # highest rate
    rates: Mapping[str, float] = field(default_factory=dict)  # part of the model -> factor on lr
    weight_decay: float = 1e-2  # of kernels and matrices only
    schedule: str = "cosine"  # or plateau, constant
    warmup_epochs: float = 0.5  # the cosine's way up
    plateau: tuple[int, float] = (2, 0.5)  # epochs without a better score, after which the rate is multiplied by a factor
    patience: int = 0  # stop after so many epochs without a better score; 0: never
    # the weights
    ema: float = 0.0  # decay of the running mean of weights that is judged and kept; 0: the weights themselves
    encoder: str = "net.encoder"  # the part that ``opened`` is about
    opened: Mapping[int, int | str] = field(default_factory=dict)  # from epoch (0, 1, ...) on: see schedule.open_blocks
    clip: float = 0.0  # longest gradient; 0: any
    # the machine
    mixed: bool = True  # 16-bit arithmetic where the card gains from it
    seed: int = 0  # covers order, augmentation and dropout
    workers: int | None = None  # processes that make batches; None: the cores shared among the cards, none on a CPU
    reserve: float = 300.0  # seconds before the deadline that are not trained into

    def __post_init__(self) -> None:
        for name, known in (("schedule", _SCHEDULES), ("optimizer", _OPTIMIZERS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected one of {', '.join(known)}")
        for name in ("epochs", "batch", "accumulate"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 or more")
        if not 0 < self.plateau[1] < 1:
            raise ValueError(f"plateau lowers the rate by a factor of {self.plateau[1]}, expected one above 0 and below 1")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema is {self.ema}, expected a decay of at least 0 and below 1")
        object.__setattr__(self, "opened", {_epoch(at): which for at, which in self.opened.items()})

    def processes(self, device: torch.device | str) -> int:
        """How many processes make the batches of a training on this device.

        ``workers`` where it is given. Else the machine's cores are shared among its cards, since all of them train
        at the same time; a CPU makes batches without further processes, since the training keeps it busy.

        >>> TrainingParameters().processes("cpu"), TrainingParameters(workers=3).processes("cpu")
        (0, 3)
        """
        import torch

        if self.workers is not None or torch.device(device).type != "cuda":
            return self.workers or 0
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return cores // max(1, torch.cuda.device_count())

    def plain(self) -> dict[str, Any]:
        """In JSON's own types.

        >>> TrainingParameters(opened={0: "none"}).plain()["opened"]
        {'0': 'none'}
        """
        return plain(asdict(self))


def _flat(values: Mapping[str, Any], within: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted names, such as facts.masks.loss, so that what differs can be named."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        inside = isinstance(value, Mapping) and value
        flat |= _flat(value, f"{within}{name}.") if inside else {within + name: value}
    return flat
