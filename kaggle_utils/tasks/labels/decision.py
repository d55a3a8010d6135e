"""From the probabilities of several prediction sets to labels, as one decision in a file.

Stage 3 chooses it on out-of-fold predictions and writes decision.json; stage 4 reads it and applies the same function
to the test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kaggle_utils.files import plain
from kaggle_utils.labels.decision import LabelDecision, labels_by_decision


@dataclass(frozen=True)
class Decision:
    """sets: names of the prediction sets it uses, in order; how: what makes labels of them.

    >>> decision = Decision(("a", "b"), LabelDecision(weights=(1.0, 2.0)))
    >>> Decision.from_plain(decision.plain()) == decision
    True
    """

    sets: tuple[str, ...]
    how: LabelDecision = LabelDecision()

    def plain(self) -> dict[str, Any]:
        """In JSON's own types, for decision.json."""
        return plain(asdict(self))

    @classmethod
    def from_plain(cls, given: Mapping[str, Any]) -> Decision:
        """The inverse of :meth:`plain`."""
        return cls(tuple(given["sets"]), LabelDecision.from_dict(given["how"]))

    def told(self) -> dict[str, Any]:
        """For the diary."""
        return {"rule": str(self.how)}

    def labels(self, answers: np.ndarray) -> np.ndarray:
        """(N, L) bool; answers: (M, N, L) probabilities of its M sets."""
        return labels_by_decision(self.how, answers)
