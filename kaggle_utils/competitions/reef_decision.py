"""The decision of the reef competition: from a detector's raw boxes to what is submitted.

What ``3_decide`` chooses on out-of-fold predictions and ``4_submit`` applies to hidden frames is one
object, :class:`Decision`, kept in decision.json. Its steps are causal, since the time-series API shows
one frame at a time: fuse the prediction sets, let boxes near earlier boxes gain confidence, follow
tracks, cut at a confidence. :class:`Stream` applies them frame by frame; :func:`apply` runs whole
tables and gives exactly the same boxes, so the score measured at home is that of the submission.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from kaggle_utils.boxes.attention import CausalAttention, attend
from kaggle_utils.boxes.fusion import fuse
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.boxes.tracking import CausalTracker, rescore, track
from kaggle_utils.competitions.reef import inside_frame
from kaggle_utils.files import replacing
from kaggle_utils.tasks.handover import require_same_source

__all__ = ["Decision", "Stream", "apply", "scored", "split_settings", "write_decision", "read_decision"]

_LINK_OPTIONS = ("min_score", "distance", "threshold", "hit_counter_max", "initialization_delay")


@dataclass(frozen=True)
class Decision:
    """How boxes become an answer. Settings are keyword arguments of the functions named.

    sets: prediction sets to fuse (``view@imgsz``), in the order of their tables
    fusion: of kaggle_utils.boxes.fusion.fuse (method, iou, weights, ...)
    attention: of kaggle_utils.boxes.attention.attend; None: not used
    tracking: of kaggle_utils.boxes.tracking.CausalTracker; None: not used
    cut: boxes with a score of at least this are submitted
    """

    sets: tuple[str, ...]
    fusion: Mapping[str, Any] = field(default_factory=lambda: {"method": "nms", "iou": 0.5})
    attention: Mapping[str, Any] | None = None
    tracking: Mapping[str, Any] | None = None
    cut: float = 0.0

    def with_cut(self, cut: float) -> Decision:
        """The same decision with another cut."""
        return replace(self, cut=float(cut))


def scored(decision: Decision, tables: Mapping[str, Boxes], clip_of_frame: np.ndarray) -> Boxes:
    """Every box the decision gives, before the cut: what a curve over cuts is drawn from.

    tables: set name -> boxes of all frames; clip_of_frame: (n_frames,) ids
    Raises KeyError naming a set that is missing.
    """
    missing = [name for name in decision.sets if name not in tables]
    if missing:
        raise KeyError(f"prediction sets {missing} are missing, there are {sorted(tables)}")
    boxes = fuse([tables[name] for name in decision.sets], **decision.fusion)
    if decision.attention is not None:
        boxes = attend(boxes, clip_of_frame, **decision.attention)
    if decision.tracking is not None:
        boxes = _tracked(boxes, clip_of_frame, decision.tracking)
    return inside_frame(boxes)


def _tracked(boxes: Boxes, clip_of_frame: np.ndarray, settings: Mapping[str, Any]) -> Boxes:
    links, rules = split_settings(settings)
    return rescore(track(boxes, clip_of_frame, **links), causal=True, **rules)


def split_settings(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings of a tracker as those of :func:`track` and those of :func:`rescore`.

    >>> split_settings({"min_score": 0.2, "lift": 0.5})
    ({'min_score': 0.2}, {'lift': 0.5})
    """
    links = {k: v for k, v in settings.items() if k in _LINK_OPTIONS}
    return links, {k: v for k, v in settings.items() if k not in _LINK_OPTIONS}


def apply(decision: Decision, tables: Mapping[str, Boxes], clip_of_frame: np.ndarray) -> Boxes:
    """The answer on whole tables: :func:`scored`, cut."""
    boxes = scored(decision, tables, clip_of_frame)
    return boxes[boxes.score >= decision.cut]


class Stream:
    """A decision applied as frames arrive; :meth:`reset` at a cut between videos."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        self._attention = CausalAttention(**decision.attention) if decision.attention is not None else None
        self._tracker = CausalTracker(**decision.tracking) if decision.tracking is not None else None
        self._frame = -1

    def reset(self) -> None:
        """Forget the past: the next frame begins another clip."""
        for step in (self._attention, self._tracker):
            if step is not None:
                step.reset()

    def update(self, tables: Sequence[Boxes]) -> Boxes:
        """The next frame's answer.

        tables: this frame's boxes, one table a set in the decision's order; frame numbers are ignored
        Returns boxes as frame 0, 1, 2, ... in order of the calls.
        """
        self._frame += 1
        numbered = [t.replace(frame=np.full(len(t), self._frame)) for t in tables]
        boxes = fuse(numbered, **self.decision.fusion)
        if self._attention is not None:
            boxes = self._attention.update(boxes)
        if self._tracker is not None:
            boxes = self._tracker.update(boxes, frame=self._frame)
        return inside_frame(boxes[boxes.score >= self.decision.cut])


def write_decision(path: Path, decision: Decision, models: Mapping[int, str] | None = None, **worth: Any) -> None:
    """decision.json: the decision, and beside it what it was measured to be worth.

    models: fold -> fingerprint of the weights it was measured with, as kaggle_utils.competitions.reef_runs.fingerprints
    """
    made_for = {} if models is None else {"models": {str(fold): sha1 for fold, sha1 in models.items()}}
    with replacing(path) as partial:
        partial.write_text(json.dumps({"decision": asdict(decision), **worth, **made_for}, indent=2) + "\n")


def read_decision(path: Path, sample: bool | None = None) -> tuple[Decision, dict[str, Any]]:
    """The decision and what was written beside it (``models`` with the fold as text).

    sample: whether the data in use are the built-in sample's; None: whatever the decision was made from
    Raises ValueError for a file that is no decision, or one made from other data.
    """
    content = json.loads(Path(path).read_text())
    if set(content.get("decision", {})) != {"sets", "fusion", "attention", "tracking", "cut"}:
        raise ValueError(f"{path} holds {sorted(content)}, expected a decision as 3_decide writes it")
    require_same_source(content, sample, path)
    decision = content.pop("decision")
    return Decision(**(decision | {"sets": tuple(decision["sets"])})), content
