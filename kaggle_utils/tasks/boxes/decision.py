"""The decision: from a detector's raw boxes to what is submitted.

What stage 3 chooses on out-of-fold predictions and stage 4 applies to hidden frames is one object,
:class:`Decision`, kept in decision.json. Its steps are causal, since a submission may be shown one frame at
a time: fuse the prediction sets, let boxes near earlier boxes gain confidence, follow tracks, cut at a
confidence. :class:`FrameByFrame` takes them as frames arrive; :func:`answered` runs whole tables and gives
exactly the same boxes, so the score measured at home is that of the submission.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from kaggle_utils.boxes.attention import CausalAttention, attend
from kaggle_utils.boxes.fusion import fuse
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.boxes.tracking import CausalTracker, rescore, track
from kaggle_utils.tasks.boxes.tables import inside

_LINK_OPTIONS = ("min_score", "distance", "threshold", "hit_counter_max", "initialization_delay")


@dataclass(frozen=True)
class Decision:
    """How boxes become an answer. Settings are keyword arguments of the functions named.

    sets: names of the prediction sets to fuse (``yolov5s_hflip``), in the order of their tables
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

    def plain(self) -> dict[str, Any]:
        """For decision.json."""
        return asdict(self)

    def told(self) -> dict[str, Any]:
        """For the diary."""
        rules = {"fusion": self.fusion, "attention": self.attention, "tracking": self.tracking}
        return {"cut": round(self.cut, 4), **rules}

    @classmethod
    def from_plain(cls, content: Mapping[str, Any]) -> Decision:
        """From what decision.json holds of it; ValueError for what is none.

        >>> Decision.from_plain({"sets": ["a"], "fusion": {}, "attention": None, "tracking": None, "cut": 0.5}).sets
        ('a',)
        """
        if content.keys() != cls.__dataclass_fields__.keys():
            raise ValueError(f"the decision holds {sorted(content)}, expected {sorted(cls.__dataclass_fields__)}")
        return cls(**{**content, "sets": tuple(content["sets"])})


def uncut(decision: Decision, tables: Mapping[str, Boxes], clip_of_frame: np.ndarray, size: tuple[int, int]) -> Boxes:
    """Every box the decision gives, before the cut: what a curve over cuts is drawn from.

    tables: set name -> boxes of all frames; clip_of_frame: (n_frames,) ids; size: (width, height) of the frames
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
    return inside(boxes, size)


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


def answered(decision: Decision, tables: Mapping[str, Boxes], clip_of_frame: np.ndarray, size: tuple[int, int]) -> Boxes:
    """The answer on whole tables: the boxes of :func:`uncut`, cut."""
    boxes = uncut(decision, tables, clip_of_frame, size)
    return boxes[boxes.score >= decision.cut]


class FrameByFrame:
    """A decision applied as frames arrive, of (width, height) = size; :meth:`reset` at a cut between videos."""

    def __init__(self, decision: Decision, size: tuple[int, int]) -> None:
        self.decision, self.size = decision, size
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
        return inside(boxes[boxes.score >= self.decision.cut], self.size)
