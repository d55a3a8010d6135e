"""Out-of-fold predictions, all that a decision is made from: what each model says of frames it has not seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from kaggle_utils.boxes.cuts import f2_of_counts, f2_table
from kaggle_utils.boxes.f2 import f2_curve
from kaggle_utils.boxes.matching import IOU_THRESHOLDS
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.evidence.candidates import Ground
from kaggle_utils.images.decode import decode
from kaggle_utils.tasks.boxes.decision import Decision, answered, uncut
from kaggle_utils.tasks.boxes.items import VideoItems
from kaggle_utils.tasks.boxes.tables import read_boxes
from kaggle_utils.tasks.runs import Runs

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class OutOfFold:
    """The frames that some trained fold was judged on, numbered from 0, and what was predicted for them.

    sets: name of a prediction set -> boxes; fold: (n_frames,) int64, whose models have not seen the frame
    part: (n_frames,) int64, what decisions are cross-fitted over
    size: (width, height) of the frames; thresholds: of IoU, that F2 is the mean over
    """

    items: VideoItems
    sets: dict[str, Boxes]
    fold: np.ndarray
    part: np.ndarray
    size: tuple[int, int]
    thresholds: tuple[float, ...] = IOU_THRESHOLDS

    @property
    def truth(self) -> Boxes:
        """The boxes that are there."""
        return self.items.truth

    @property
    def clips(self) -> np.ndarray:
        """(n_frames,) the run of frames that each belongs to."""
        return self.items.table["clip"].to_numpy()

    @property
    def groups(self) -> np.ndarray:
        """(n_frames,) what is resampled together."""
        return self.items.table["group"].to_numpy()

    def __str__(self) -> str:
        return "\n".join([str(self.items), *(f"{name}: {boxes}" for name, boxes in self.sets.items())])

    @property
    def first(self) -> tuple[str, Boxes]:
        """The prediction set that was asked first."""
        return next(iter(self.sets.items()))

    @property
    def busiest(self) -> np.ndarray:
        """Numbers of the frames of the clip with the most true boxes, ascending."""
        return np.flatnonzero(self.clips == np.argmax(np.bincount(self.clips[self.truth.frame], minlength=1)))

    def fullest(self, n: int) -> np.ndarray:
        """The frame with the most true boxes of each of n groups, ascending."""
        boxes = np.bincount(self.truth.frame, minlength=len(self.groups))
        order = np.argsort(-boxes, kind="stable")[: np.count_nonzero(boxes)]
        first = np.unique(self.groups[order], return_index=True)[1]
        return np.sort(order[np.sort(first)[:n]])

    def pictures(self, frames: np.ndarray) -> Iterator[np.ndarray]:
        """Some frames' pixels in turn, (height, width, 3) uint8."""
        return decode(self.items.table["path"].to_numpy()[frames].tolist(), size=self.size)

    def uncut(self, decision: Decision) -> Boxes:
        """Every box that a decision gives, before its cut."""
        return uncut(decision, self.sets, self.clips, self.size)

    def answer(self, decision: Decision) -> Boxes:
        """What a decision answers."""
        return answered(decision, self.sets, self.clips, self.size)

    @cached_property
    def unit(self) -> np.ndarray:
        """(n_frames,) int64, the number of the unit that each is counted in: a group, as far as it lies in one part."""
        return self._units[1]

    @cached_property
    def ground(self) -> Ground:
        """What candidates are judged on: units, as counts of :func:`kaggle_utils.boxes.cuts.f2_of_counts`."""
        first = self._units[0]
        return Ground(self.part[first], self.groups[first], f2_of_counts, "f2")

    @cached_property
    def _units(self) -> tuple[np.ndarray, np.ndarray]:
        """(a frame of each unit, the unit of each frame)."""
        groups, group = np.unique(self.groups, return_inverse=True)
        return np.unique(self.part * len(groups) + group, return_index=True, return_inverse=True)[1:]


def out_of_fold(
    items: VideoItems, key: str, runs: Runs, part_of_item: np.ndarray, size: tuple[int, int], thresholds: tuple[float, ...]
) -> OutOfFold:
    """The predictions of every set that all folds have; items: those that were trained on; key: the column that names them.

    part_of_item: (n_frames,), what decisions are cross-fitted over; size, thresholds: see :class:`OutOfFold`
    Raises ValueError when outputs share no prediction set, or name a frame that is not there.
    """
    fold = runs.fold_of_item(items.table[key].tolist())
    judged = fold >= 0
    own = items.take(judged)
    names, fold = own.table[key], fold[judged]
    sets = {name: Boxes.concat(_own(paths, names, fold == k) for k, paths in runs.files(name).items()) for name in runs.sets}
    sets = {name: boxes[np.argsort(boxes.frame, kind="stable")] for name, boxes in sets.items()}
    return OutOfFold(own, sets, fold, np.asarray(part_of_item)[judged], size, thresholds)


def _own(paths: tuple, names, rows: np.ndarray) -> Boxes:
    """A fold's table, by the numbers of all judged frames."""
    (path,), rows = paths, np.flatnonzero(rows)
    boxes = read_boxes(path, names.iloc[rows].reset_index(drop=True))
    return boxes.replace(frame=rows[boxes.frame])


def member_scores(judged: Mapping[str, OutOfFold]) -> pd.DataFrame:
    """A row a member: F2 of its first set with its interval over groups, and the best cut, fitted on these very frames."""
    import pandas as pd

    rows = {}
    for name, one in judged.items():
        title, boxes = one.first
        cut, _ = f2_curve(one.truth, boxes, thresholds=one.thresholds).best
        table = f2_table(one.truth, {title: (boxes, cut)}, one.groups, title, thresholds=one.thresholds)
        rows[name] = {**table.iloc[0][["f2", "low", "high"]], "cut": cut, "set": title}
    return pd.DataFrame(rows).T.rename_axis("member").infer_objects()
