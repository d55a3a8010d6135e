"""The kind: what a competition of boxes in video hands in, and everything that it gets for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from kaggle_utils.boxes.f2 import f2_curve
from kaggle_utils.boxes.formats import boxes_from_texts
from kaggle_utils.boxes.matching import IOU_THRESHOLDS
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.learning.progress import endless
from kaggle_utils.tasks.competition import FoldSize

if TYPE_CHECKING:
    import pandas as pd

    from kaggle_utils.tasks.boxes.items import VideoItems
    from kaggle_utils.tasks.boxes.out_of_fold import OutOfFold
    from kaggle_utils.tasks.boxes.parameters import BoxParameters
    from kaggle_utils.tasks.boxes.prediction import Predictor
    from kaggle_utils.tasks.competition import Competition
    from kaggle_utils.tasks.jobs import Order
    from kaggle_utils.tasks.runs import Job, Runs

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

    def metric(self, truth: Boxes, predictions: Boxes) -> dict[str, float]:
        """What the best epoch is chosen by: ``f2`` at the ``cut`` that gives the most; 0 and NaN where nothing is predicted.

        >>> pair = Boxes([0, 1], [[0, 0, 9, 9]] * 2, [0.7, 0.2])
        >>> BoxesInVideo((16, 9)).metric(Boxes([0], [[0, 0, 9, 9]]), pair)
        {'f2': 1.0, 'cut': 0.7}
        """
        cut, value = f2_curve(truth, predictions, thresholds=self.thresholds).best if len(predictions) else (math.nan, 0.0)
        return {"f2": value, "cut": cut}

    def parameters(self, names: Mapping[str, Any], preset: Mapping[str, Any] | None = None) -> BoxParameters:
        """A training's parameters from a notebook's variables; ValueError for what does not fit together."""
        from kaggle_utils.tasks.boxes.parameters import BoxParameters

        return BoxParameters.chosen(names, preset)

    def members(self, names: Mapping[str, Any], preset: Mapping[str, Any] | None = None) -> dict[str, BoxParameters]:
        """Each member's training, see :func:`kaggle_utils.tasks.members.members_of`; alone it is named after its model.

        >>> list(BoxesInVideo((1280, 720)).members({"model": "yolov5s+p2"}))
        ['yolov5sp2']
        """
        from kaggle_utils.tasks.boxes.parameters import member_name
        from kaggle_utils.tasks.members import members_of

        return members_of(names, preset, self.parameters, lambda alone: member_name(alone.model))

    def train(
        self, competition: Competition, items: VideoItems, fold_of_item: np.ndarray, wanted: Sequence[Order], output: Path, *,
        cache: Path, unlabelled: VideoItems | None = None, run: Callable[[Sequence[Order], Callable], list] | None = None,
        seconds_left: Callable[[], float] = endless, progress: bool = False,
    ) -> list[Job]:  # fmt: skip
        """Each order trained, and its prediction sets written, see :meth:`kaggle_utils.tasks.competition.Kind.train`.

        cache: where links to the frames go, which nobody needs later; bars are always shown
        """
        from kaggle_utils.tasks.boxes.training import train_member
        from kaggle_utils.tasks.jobs import run_orders

        facts = {"key": competition.KEY, "classes": competition.CLASSES, "metric": self.metric}
        places = {"folder": output, "scratch": cache, "unlabelled": unlabelled, "seconds_left": seconds_left}
        return run_orders(wanted, train_member, run, items=items, fold_of_item=fold_of_item, **facts, **places)

    def fold_size(self, items: VideoItems, fold_of_item: np.ndarray, fold: int, parameters: BoxParameters) -> FoldSize:
        """How many frames an epoch of this fold trains on, of the empty ones a share, and how many it leaves out."""
        from kaggle_utils.detector.files import thin_out_empties

        others = np.flatnonzero(fold_of_item != fold)
        train = thin_out_empties(others, items.truth, parameters.empties, parameters.seed)
        return FoldSize(len(train), len(fold_of_item) - len(others))

    def out_of_fold(
        self, competition: Competition, items: VideoItems, runs: Runs, folds: pd.DataFrame, cache: Path | None = None,
        progress: str | None = None,
    ) -> OutOfFold:  # fmt: skip
        """What a decision is made of, see :func:`kaggle_utils.tasks.boxes.out_of_fold.out_of_fold`; nothing is cached."""
        from kaggle_utils.tasks.boxes.out_of_fold import out_of_fold

        return out_of_fold(items, competition.KEY, runs, folds["part"].to_numpy(), self.size, self.thresholds)

    def predictor(
        self, competition: Competition, runs: Runs, decision: Mapping[str, Any], device: str = "cpu", models: str = "first"
    ) -> Predictor:
        """looks of some frames -> their boxes, by the rules that stage 3 measured.

        decision: as decision.json has it; models: the "first" fold's; or "all" folds', or those of "full", not measured
        """
        from kaggle_utils.tasks.boxes.decision import Decision
        from kaggle_utils.tasks.boxes.prediction import Predictor

        return Predictor(runs, Decision.from_plain(decision), self.size, models, device)

    def same(self, one: str, other: str) -> bool:
        """Whether two answers are the same but for rounding.

        >>> kind = BoxesInVideo((1280, 720))
        >>> kind.same("0.9 10 20 30 40", "0.9001 10 20 30 40.1"), kind.same("", "0.9 1 2 3 4")
        (True, False)
        """
        a, b = boxes_from_texts([one]), boxes_from_texts([other])
        close = len(a) == len(b) and np.allclose(a.xyxy, b.xyxy, rtol=0, atol=_SAME_PIXELS)
        return bool(close and np.allclose(a.score, b.score, rtol=0, atol=_SAME_SCORE))
