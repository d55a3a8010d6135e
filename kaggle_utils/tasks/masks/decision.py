"""From the probabilities of several prediction sets to masks, as one decision in a file.

Stage 3 chooses it on out-of-fold predictions and writes decision.json; stage 4 reads it and applies the
same function to the test. Which sets, how they are merged, and the rule that makes masks of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kaggle_utils.evidence.eight_bits import as_bytes
from kaggle_utils.evidence.merging import merged
from kaggle_utils.files import plain
from kaggle_utils.masks.rules import ClassDecision, MaskDecision, masks_by_rule


@dataclass(frozen=True)
class Merge:
    """Which prediction sets, and how they are made one; see :func:`kaggle_utils.evidence.merging.merged`."""

    sets: tuple[str, ...]
    weights: tuple[float, ...] | None = None
    how: str = "mean"
    temperature: float = 0.5

    @property
    def settings(self) -> dict[str, Any]:
        """For :func:`kaggle_utils.evidence.merging.merged`."""
        return {"weights": self.weights, "how": self.how, "temperature": self.temperature}

    @property
    def leaves_as_it_is(self) -> bool:
        """Whether there is nothing to merge.

        >>> Merge(("a",)).leaves_as_it_is, Merge(("a",), how="sharpened").leaves_as_it_is
        (True, False)
        """
        return len(self.sets) == 1 and self.how != "sharpened"


@dataclass(frozen=True)
class Decision:
    """merge: of the sets' probabilities; rule: makes masks of them; labels: whether its gates look at the label head.

    >>> decision = Decision(Merge(("a", "b"), (1.0, 2.0)), same_rule(4, gate=0.3), labels=True)
    >>> Decision.from_plain(decision.plain()) == decision
    True
    """

    merge: Merge
    rule: MaskDecision
    labels: bool = False

    @property
    def sets(self) -> tuple[str, ...]:
        """Names of the prediction sets it uses."""
        return self.merge.sets

    def plain(self) -> dict[str, Any]:
        """In JSON's own types, for decision.json."""
        return plain(asdict(self))

    def told(self) -> dict[str, Any]:
        """For the diary."""
        return {"rule": str(self.rule)}

    @classmethod
    def from_plain(cls, given: Mapping[str, Any]) -> Decision:
        """The inverse of :meth:`plain`."""
        merge = given["merge"]
        weights = merge["weights"] and tuple(merge["weights"])
        merge = Merge(**(merge | {"sets": tuple(merge["sets"]), "weights": weights}))
        return cls(merge, MaskDecision.from_dict(given["rule"]), given["labels"])


def same_rule(classes: int, **settings: Any) -> MaskDecision:
    """One rule for all classes; without settings what is at least one half is drawn, whatever its size.

    >>> print(same_rule(2, min_size=900))
    [from .50, if 900 px reach .50; from .50, if 900 px reach .50]
    """
    return MaskDecision((ClassDecision(**settings),) * classes)


def decided(decision: Decision, masks: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> np.ndarray:
    """(K, H, W) uint8, 0 or 1: the masks of one item.

    masks, labels: of each of the decision's sets, in order: (K, H, W) and (K,) probabilities

    >>> decision = Decision(Merge(("a", "b")), same_rule(4))
    >>> decided(decision, [np.full((4, 2, 2), 0.9), np.full((4, 2, 2), 0.2)], [np.ones(4)] * 2).mean()
    np.float64(1.0)
    """
    settings = decision.merge.settings
    probabilities = as_bytes(np.clip(merged(masks, **settings), 0, 1))
    return masks_by_rule(decision.rule, probabilities, merged(labels, **settings) if decision.labels else None)
