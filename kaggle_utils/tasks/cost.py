"""What a whole training costs, from what a trainer noted of a few epochs on a few items.

Nothing is guessed: a trainer notes in ``progress.json`` how many epochs it would train and what an item trained on,
judged, predicted and cached took (:mod:`kaggle_utils.learning.progress`). Here that is multiplied by the items that the
folds really have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kaggle_utils.learning.progress import each
from kaggle_utils.tasks.competition import FoldSize


@dataclass(frozen=True)
class ModelCost:
    """One model's training in one folder. Seconds an item: cached once, trained and judged each epoch, predicted a set.

    checkpoints: seconds an epoch; weights: bytes that stay; predicted: set -> (seconds, bytes) an item
    judgings: how many epochs are judged
    """

    title: str
    epochs: int
    judgings: int
    cached: float
    trained: float
    judged: float
    checkpoints: float
    weights: float
    predicted: Mapping[str, tuple[float, float]]

    @classmethod
    def of(cls, title: str, noted: Mapping[str, Any]) -> ModelCost:
        """noted: the content of progress.json.

        >>> costs = {"trained": [[10, 9.0, 0], [10, 2.0, 0]], "judged": [[5, 1.0, 0], [5, 0.5, 0]]}
        >>> model = ModelCost.of("unet", {"epochs": 20, "judgings": 20, "history": [{}, {}], "costs": costs})
        >>> model.trained, model.judged, model.seconds(FoldSize(train=100, valid=50))  # 20 * (100 * .2 + 50 * .1)
        (0.2, 0.1, 500.0)
        """
        costs = noted["costs"]
        written = costs.get("written", [])
        return cls(
            title, noted["epochs"], noted["judgings"],
            each(costs.get("cached", []))[0], each(costs.get("trained", []))[0], each(costs.get("judged", []))[0],
            each(written)[0], max((note[2] for note in written), default=0.0),
            {kind.removeprefix("predicted "): each(notes) for kind, notes in costs.items() if kind.startswith("predicted ")},
        )  # fmt: skip

    def seconds(self, size: FoldSize) -> float:
        """Of one fold, to the last epoch; what is cached is not in it, for folds share it."""
        epochs = self.epochs * (self.trained * size.train + self.checkpoints) + self.judgings * self.judged * size.valid
        return epochs + sum(seconds for seconds, _ in self.predicted.values()) * size.valid

    def output(self, size: FoldSize) -> float:
        """Bytes that one fold leaves."""
        return self.weights + sum(size_ for _, size_ in self.predicted.values()) * size.valid

    def line(self) -> str:
        """What an item costs, in words."""
        sets = ", ".join(f"{name} {_said(seconds)}" for name, (seconds, _) in self.predicted.items())
        parts = [f"cached {_said(self.cached)} once" * bool(self.cached)]
        parts.append(f"trained {_said(self.trained)}, judged {_said(self.judged)} an epoch" * bool(self.epochs))
        return f"{self.title}: " + "; ".join(filter(None, [*parts, f"predicted {sets}" * bool(sets)]))


@dataclass(frozen=True)
class TrainingCost:
    """models: of one fold, every member's and stage's; sizes: fold -> its items; rest: seconds that nothing explains."""

    models: tuple[ModelCost, ...]
    sizes: Mapping[int, FoldSize]
    rest: float = 0.0

    @property
    def once(self) -> float:
        """Hours that a session spends whichever folds it trains."""
        items = max((size.train + size.valid for size in self.sizes.values()), default=0)
        return (self.rest + sum(model.cached for model in self.models) * items) / 3600

    @property
    def folds(self) -> dict[int, float]:
        """fold -> hours of its own."""
        return {fold: sum(model.seconds(size) for model in self.models) / 3600 for fold, size in self.sizes.items()}

    @property
    def total(self) -> float:
        """Hours of one session that trains all folds, one after another."""
        return self.once + sum(self.folds.values())

    @property
    def longest(self) -> float:
        """Hours of the longest session when each fold has its own.

        >>> model = ModelCost("unet", 10, 10, 0.0, 0.72, 0.36, 0.0, 0.0, {})
        >>> cost = TrainingCost((model,), {0: FoldSize(1000, 100), 1: FoldSize(500, 100)}, rest=360)
        >>> round(cost.total, 2), round(cost.longest, 2)  # .1 + 2.1 + 1.1
        (3.3, 2.2)
        """
        return self.once + max(self.folds.values(), default=0.0)

    @property
    def output(self) -> dict[str, float]:
        """{kind: bytes} of all folds."""
        weights = sum(model.weights for model in self.models) * len(self.sizes)
        whole = sum(model.output(size) for model in self.models for size in self.sizes.values())
        return {"prediction sets": whole - weights, "weights": weights}


def read_costs(output: Path) -> list[ModelCost]:
    """Every model of which a record lies below a folder, in order of path."""
    paths = sorted(Path(output).rglob("progress.json"))
    titles = [" ".join(path.parent.relative_to(output).parts) for path in paths]
    return [ModelCost.of(title, json.loads(path.read_text())) for title, path in zip(titles, paths, strict=True)]


def _said(seconds: float) -> str:
    """
    >>> _said(0.0123), _said(1.2)
    ('12 ms', '1.20 s')
    """
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
