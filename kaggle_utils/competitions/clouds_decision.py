"""Clouds: from the probabilities of several prediction sets to masks, as one decision in a file.

Stage 3 chooses it on out-of-fold predictions and writes decision.json; stage 4 reads it and applies the
same function to the test. Which sets, how they are merged, and the rule that makes masks of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kaggle_utils.competitions.clouds import SUBMISSION_SHAPE
from kaggle_utils.competitions.clouds_runs import Runs
from kaggle_utils.evidence.eight_bits import as_bytes
from kaggle_utils.evidence.merging import merged
from kaggle_utils.files import json_text, plain, replacing
from kaggle_utils.learning.store import ensemble
from kaggle_utils.masks.rules import ClassDecision, MaskDecision, masks_by_rule
from kaggle_utils.tasks.handover import require_same_source

__all__ = [
    "EMPTY",
    "HALF",
    "CloudsDecision",
    "Merge",
    "decided",
    "merged_labels",
    "merged_masks",
    "read_decision",
    "write_decision",
]

HALF = MaskDecision((ClassDecision(),) * 4)  # what is at least one half, whatever its size
EMPTY = MaskDecision((ClassDecision(min_size=math.prod(SUBMISSION_SHAPE) + 1),) * 4)  # no mask, whatever the probabilities


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


@dataclass(frozen=True)
class CloudsDecision:
    """merge: of the sets' probabilities; rule: makes masks of them; labels: whether its gates look at the label head."""

    merge: Merge
    rule: MaskDecision = HALF
    labels: bool = False


def merged_masks(runs: Runs, merge: Merge, progress: str | None = None) -> Iterator[np.ndarray]:
    """(4, 350, 525) uint8 of each judged image in turn, the sets merged; a few images are held at a time."""
    stores = [runs.masks[name] for name in merge.sets]
    for _, masks in ensemble(stores, runs.rows, **merge.settings, chunk=4, progress=progress):
        yield from as_bytes(np.clip(masks, 0, 1))


def merged_labels(runs: Runs, merge: Merge) -> np.ndarray:
    """(M, 4) float32, the label head's probabilities of the judged images, the sets merged."""
    return merged([runs.labels[name].read(runs.rows) for name in merge.sets], **merge.settings)


def decided(decision: CloudsDecision, masks: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> np.ndarray:
    """(4, 350, 525) uint8, 0 or 1: the masks of one image.

    masks, labels: of each of the decision's sets, in order: (4, 350, 525) and (4,) probabilities

    >>> decision = CloudsDecision(Merge(("a", "b")))
    >>> decided(decision, [np.full((4, 2, 2), 0.9), np.full((4, 2, 2), 0.2)], [np.ones(4)] * 2).mean()
    np.float64(1.0)
    """
    settings = decision.merge.settings
    probabilities = as_bytes(np.clip(merged(masks, **settings), 0, 1))
    return masks_by_rule(decision.rule, probabilities, merged(labels, **settings) if decision.labels else None)


def write_decision(path: Path, decision: CloudsDecision, **facts: Any) -> None:
    """decision.json: the decision and what it is worth. facts: plain values such as dice, low, high, name, table."""
    with replacing(path) as part:
        part.write_text(json_text({"decision": asdict(decision), **facts}, indent=1))


def read_decision(path: Path, sample: bool | None = None) -> tuple[CloudsDecision, Mapping[str, Any]]:
    """The inverse of :func:`write_decision`: the decision, and the facts.

    sample: whether the data in use are the built-in sample's; None: whatever the decision was made from
    Raises ValueError for a decision made from other data.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_decision(Path(folder, "decision.json"), CloudsDecision(Merge(("a",))), dice=0.6)
    ...     read_decision(Path(folder, "decision.json")) == (CloudsDecision(Merge(("a",))), {"dice": 0.6})
    True
    """
    facts = json.loads(Path(path).read_text())
    require_same_source(facts, sample, path)
    given = facts.pop("decision")
    merge = given["merge"]
    weights = merge["weights"] and tuple(merge["weights"])
    merge = Merge(**(merge | {"sets": tuple(merge["sets"]), "weights": weights}))
    return CloudsDecision(merge, MaskDecision.from_dict(given["rule"]), given["labels"]), plain(facts)
