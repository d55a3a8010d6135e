"""Frames of videos in order of time, with the boxes that are true in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kaggle_utils.boxes.clips import clip_of_frame
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.tasks.items import FileItems

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class VideoItems(FileItems):
    """Frames with their truth; ``truth.frame`` is the row number in ``table``. Made by :meth:`in_time`.

    table: one row a frame: the competition's KEY, path (text), exists (bool), video_id, video_frame, if there sequence,
        group (what is resampled together: the sequence, else the video) and clip (what a rule in time may look over)
    truth: the annotated boxes, score 1
    """

    truth: Boxes

    @classmethod
    def in_time(cls, table: pd.DataFrame, truth: Boxes | None = None) -> VideoItems:
        """From a table without group and clip; truth: by row number, None where it is not known.

        >>> import pandas as pd
        >>> frames = pd.DataFrame({"video_id": [0, 0, 0], "video_frame": [4, 5, 9], "exists": True})
        >>> VideoItems.in_time(frames).table["clip"].tolist()
        [0, 0, 1]
        """
        group = table["sequence" if "sequence" in table else "video_id"]
        return cls(table.assign(group=group, clip=clip_of_frame(table)), Boxes.empty() if truth is None else truth)

    @property
    def filled(self) -> np.ndarray:
        """(N,) bool: frames with boxes."""
        return np.bincount(self.truth.frame, minlength=len(self)) > 0

    @property
    def report(self) -> pd.DataFrame:
        """One row a video: sequences, rows, with_boxes (frames), boxes, images present and missing."""
        boxes = np.bincount(self.truth.frame, minlength=len(self))
        table = self.table.assign(boxes=boxes, with_boxes=self.filled, missing=~self.table["exists"])
        return table.groupby("video_id").agg(
            sequences=("group", "nunique"),
            rows=("exists", "size"),
            with_boxes=("with_boxes", "sum"),
            boxes=("boxes", "sum"),
            present=("exists", "sum"),
            missing=("missing", "sum"),
        )

    def take(self, rows: np.ndarray) -> VideoItems:
        """The frames chosen by row numbers or a mask, renumbered from 0; where some are left out, a clip ends."""
        rows = np.arange(len(self))[rows]
        new_number = np.full(len(self), -1)
        new_number[rows] = np.arange(len(rows))
        kept = self.truth[new_number[self.truth.frame] >= 0]
        return self.in_time(self.table.iloc[rows].reset_index(drop=True), kept.replace(frame=new_number[kept.frame]))

    def __str__(self) -> str:
        return f"{len(self)} frames, {len(np.unique(self.truth.frame))} with {len(self.truth)} boxes; {self.told('images')}"
