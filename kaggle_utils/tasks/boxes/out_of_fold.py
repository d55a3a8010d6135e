"""Out-of-fold predictions, all that a decision is made from: what each model says of frames it has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.tasks.boxes.items import VideoItems
from kaggle_utils.tasks.boxes.tables import read_boxes
from kaggle_utils.tasks.runs import Runs


@dataclass(frozen=True)
class OutOfFold:
    """The frames that some trained fold was judged on, numbered from 0, and what was predicted for them.

    sets: name of a prediction set -> boxes; fold: (n_frames,) int64, whose models have not seen the frame
    part: (n_frames,) int64, what decisions are cross-fitted over
    """

    items: VideoItems
    sets: dict[str, Boxes]
    fold: np.ndarray
    part: np.ndarray

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


def out_of_fold(items: VideoItems, key: str, runs: Runs, part_of_item: np.ndarray) -> OutOfFold:
    """The predictions of every set that all folds have; items: those that were trained on; key: the column that names them.

    part_of_item: (n_frames,), what decisions are cross-fitted over
    Raises ValueError when outputs share no prediction set, or name a frame that is not there.
    """
    fold = runs.fold_of_item(items.table[key].tolist())
    judged = fold >= 0
    own = items.take(judged)
    names, fold = own.table[key], fold[judged]
    sets = {name: Boxes.concat(_own(paths, names, fold == k) for k, paths in runs.files(name).items()) for name in runs.sets}
    sets = {name: boxes[np.argsort(boxes.frame, kind="stable")] for name, boxes in sets.items()}
    return OutOfFold(own, sets, fold, np.asarray(part_of_item)[judged])


def _own(paths: tuple, names, rows: np.ndarray) -> Boxes:
    """A fold's table, by the numbers of all judged frames."""
    (path,), rows = paths, np.flatnonzero(rows)
    boxes = read_boxes(path, names.iloc[rows].reset_index(drop=True))
    return boxes.replace(frame=rows[boxes.frame])
