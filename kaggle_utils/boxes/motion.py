"""How boxes move from one frame to the next, and where the film is cut.

Rules over time (tracking, Seq-NMS, the attention area) rest on three numbers: how much a thing
overlaps itself in the next frame, how far it moves, and how long the runs are in which it can. Made
for the reef competition, where a starfish keeps an IoU of .20 / .56 / .87 with itself and moves by
2 / 10 / 26 pixels (5th, 50th and 95th percentile over the 11,898 annotated boxes).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaggle_utils.boxes.clips import frame_pairs
from kaggle_utils.boxes.table import Boxes, iou


@dataclass(frozen=True)
class Neighbours:
    """Pairs of a box and the box of the next frame that overlaps it most; one row a pair.

    box, next_box: (M,) int64, rows of the table of boxes
    iou: (M,) float64, above 0
    shift: (M, 2) float64, pixels right and down from centre to centre
    """

    box: np.ndarray
    next_box: np.ndarray
    iou: np.ndarray
    shift: np.ndarray

    @property
    def distance(self) -> np.ndarray:
        """(M,) pixels from centre to centre."""
        return np.hypot(*self.shift.T)


def neighbours(boxes: Boxes, clip_of_frame: np.ndarray) -> Neighbours:
    """Each box with the box of the next frame that overlaps it most; without any overlap, none.

    boxes: one label; mostly the truth
    clip_of_frame: (n_frames,) int, frames of a clip lie in consecutive rows, in time order

    >>> film = Boxes([0, 1, 2], [[0, 0, 10, 10], [5, 0, 15, 10], [5, 0, 15, 10]])
    >>> found = neighbours(film, clip_of_frame=[0, 0, 1])  # the last frame is another clip's
    >>> found.iou.round(3).tolist(), found.distance.tolist()
    ([0.333], [5.0])
    """
    one, other = frame_pairs(boxes.frame, clip_of_frame, step=1)
    overlap = iou(boxes.xyxy[one], boxes.xyxy[other])
    order = np.lexsort((-overlap, one))
    first = order[np.unique(one[order], return_index=True)[1]]
    best = first[overlap[first] > 0]
    centre = (boxes.xyxy[:, :2] + boxes.xyxy[:, 2:]) / 2
    one, other = one[best], other[best]
    return Neighbours(one, other, overlap[best], centre[other] - centre[one])


def sequence_table(frames: pd.DataFrame, truth: Boxes) -> pd.DataFrame:
    """One row a sequence, in order of time: its frames, the gap before it, and its boxes.

    frames: columns video_id, sequence, video_frame; rows in order of video and time
    Returns columns video_id, sequence, first_frame, last_frame, frames, gap_before (frames left out
    since the sequence before, 0 for a video's first), holes (frames left out inside), with_boxes, boxes.

    >>> import pandas as pd
    >>> frames = pd.DataFrame({"video_id": 0, "sequence": [7, 7, 9], "video_frame": [0, 2, 10]})
    >>> sequence_table(frames, Boxes([2], [[0, 0, 9, 9]]))[["sequence", "gap_before", "holes", "boxes"]].to_dict("list")
    {'sequence': [7, 9], 'gap_before': [0, 7], 'holes': [1, 0], 'boxes': [0, 1]}
    """
    boxes = np.bincount(truth.frame, minlength=len(frames))
    table = frames.assign(boxes=boxes, with_boxes=boxes > 0).groupby(["video_id", "sequence"], sort=False)
    table = table.agg(
        first_frame=("video_frame", "min"),
        last_frame=("video_frame", "max"),
        frames=("video_frame", "size"),
        with_boxes=("with_boxes", "sum"),
        boxes=("boxes", "sum"),
    ).reset_index()
    first, last = table["first_frame"], table["last_frame"]
    gap = first - table.groupby("video_id")["last_frame"].shift() - 1
    table.insert(5, "gap_before", gap.fillna(0).astype(int))
    table.insert(6, "holes", last - first + 1 - table["frames"])
    return table
