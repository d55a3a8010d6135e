"""The kind: what a competition of boxes in video hands in, and everything that it gets for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from kaggle_utils.boxes.formats import boxes_from_texts
from kaggle_utils.boxes.matching import IOU_THRESHOLDS

if TYPE_CHECKING:
    from kaggle_utils.tasks.boxes.decision import Decision
    from kaggle_utils.tasks.boxes.items import VideoItems
    from kaggle_utils.tasks.boxes.metric import BestF2
    from kaggle_utils.tasks.boxes.out_of_fold import OutOfFold
    from kaggle_utils.tasks.boxes.parameters import BoxParameters
    from kaggle_utils.tasks.boxes.prediction import Predictor
    from kaggle_utils.tasks.competition import Competition
    from kaggle_utils.tasks.jobs import Order
    from kaggle_utils.tasks.runs import Job, Runs

__all__ = ["BoxesInVideo"]

_SAME_PIXELS, _SAME_SCORE = 0.5, 0.002  # what a GPU may round differently


@dataclass(frozen=True)
class BoxesInVideo:
    """Boxes of objects in frames that come one after another, scored by F2 over IoU thresholds.

    size: (width, height) of every frame in pixels; thresholds: of IoU, over which F2 is a mean
    The detector learns as many classes as the competition names; texts of boxes name none.
    """

    size: tuple[int, int]
    thresholds: tuple[float, ...] = IOU_THRESHOLDS
    METRIC: ClassVar[str] = "F2"

    @property
    def metric(self) -> BestF2:
        """What the best epoch is chosen by."""
        from kaggle_utils.tasks.boxes.metric import BestF2

        return BestF2(self.thresholds)

    def parameters(self, names: Mapping[str, Any], preset: Mapping[str, Any]) -> BoxParameters:
        """A training's parameters from a notebook's variables; ValueError for what does not fit together."""
        from kaggle_utils.tasks.boxes.parameters import BoxParameters

        return BoxParameters.chosen(names, preset)

    def members(
        self, parameters: BoxParameters, members: Mapping[str, Mapping[str, Any]] | None = None
    ) -> dict[str, dict[str, Any]]:
        """name -> all parameters as plain values; members: name -> overrides, None: one, named after its model.

        >>> kind = BoxesInVideo((1280, 720))
        >>> list(kind.members(kind.parameters({"model": "yolov5s+p2"}, {})))
        ['yolov5sp2']
        """
        from kaggle_utils.tasks.boxes.parameters import member_name

        given = {member_name(parameters.model): {}} if members is None else members
        return {name: replace(parameters, **changes).plain() for name, changes in given.items()}

    def train(
        self, competition: Competition, items: VideoItems, fold_of_item: np.ndarray, wanted: Sequence[Order],
        output: Path, run: Callable[[Sequence[Order], Callable], list], scratch: Path | None = None,
    ) -> list[Job]:  # fmt: skip
        """Each order trained, and its prediction sets written; what is done is not done again.

        items: whose files are there; fold_of_item: (N,) int64, -1: only ever trained on; run: see tasks.jobs
        scratch: where links to the frames go, which nobody needs later; None: into output
        """
        from kaggle_utils.tasks.boxes.training import train_member
        from kaggle_utils.tasks.jobs import run_orders

        facts = {"key": competition.KEY, "classes": competition.CLASSES, "metric": self.metric}
        shared = {"items": items, "fold_of_item": fold_of_item, "folder": output, "scratch": scratch}
        return run_orders(wanted, train_member, run, **facts, **shared)

    def out_of_fold(
        self, competition: Competition, items: VideoItems, runs: Runs, part_of_item: np.ndarray | None = None
    ) -> OutOfFold:
        """What a decision is made from, see :func:`kaggle_utils.tasks.boxes.out_of_fold.out_of_fold`."""
        from kaggle_utils.tasks.boxes.out_of_fold import out_of_fold

        return out_of_fold(items, competition.KEY, runs, part_of_item)

    def predictor(
        self, competition: Competition, runs: Runs, decision: Decision, device: str, models: str = "first"
    ) -> Predictor:
        """looks of some frames -> their boxes, by the rules that stage 3 measured; models: "first" fold's, or "all"."""
        from kaggle_utils.tasks.boxes.prediction import Predictor

        return Predictor(runs, decision, self.size, models, device)

    def same(self, one: str, other: str) -> bool:
        """Whether two answers are the same but for rounding.

        >>> kind = BoxesInVideo((1280, 720))
        >>> kind.same("0.9 10 20 30 40", "0.9001 10 20 30 40.1"), kind.same("", "0.9 1 2 3 4")
        (True, False)
        """
        a, b = boxes_from_texts([one]), boxes_from_texts([other])
        close = len(a) == len(b) and np.allclose(a.xyxy, b.xyxy, rtol=0, atol=_SAME_PIXELS)
        return bool(close and np.allclose(a.score, b.score, rtol=0, atol=_SAME_SCORE))
