"""The attention area: a box near a sure box of a neighbouring frame is surer than it looks alone.

The first and second of the reef competition gained .01 each with it. A box seen in frame N marks an
area; a box of the next three frames that overlaps it gains confidence * IoU. Unlike tracking it needs
no matching, and looking back alone it can run in a submission, frame by frame: :class:`CausalAttention`
answers what :func:`attend` with ``ahead=0`` answers for the whole table. On stored predictions the
rule may look ahead, too.
"""

from __future__ import annotations

from collections import deque
from functools import partial

import numpy as np

from kaggle_utils.boxes.table import Boxes


def attend(
    boxes: Boxes,
    clip_of_frame: np.ndarray,
    *,
    behind: int = 3,
    ahead: int = 0,
    gain: float = 1.0,
    min_iou: float = 0.0,
    min_score: float = 0.1,
    by: str = "own",
) -> Boxes:
    """The same boxes in the same order, each surer by what the frames around it show in its place.

    clip_of_frame: (n_frames,) ids, as :func:`kaggle_utils.boxes.clips.clip_of_frame` gives them
    behind, ahead: how many frames of the clip before and after a box's own are looked at
    gain: from each of these frames a box gains gain * confidence * IoU with the box of its label that
        gives most, at first confidences; the sum is cut at 1
    min_iou: boxes overlapping by this or less give nothing; min_score: nor do less sure boxes
    by: whose confidence: ``own``: the box's that gains; ``neighbour``: the box's that gives
    Raises ValueError for settings out of range and for a box beyond the last frame.

    >>> boxes = Boxes([0, 1, 2], [[0, 0, 10, 10], [5, 0, 15, 10], [0, 0, 10, 10]], [0.6, 0.3, 0.2])
    >>> attend(boxes, np.zeros(3, int)).score.round(3)  # .3 + .3 / 3;  .2 + .2 / 3 + .2
    array([0.6  , 0.4  , 0.467])
    """
    if behind < 0 or ahead < 0:
        raise ValueError(f"behind is {behind} and ahead {ahead}, expected 0 frames or more")
    if gain < 0:
        raise ValueError(f"gain is {gain}, expected 0 or more")
    if by not in ("own", "neighbour"):
        raise ValueError(f"by is {by!r}, expected 'own' or 'neighbour'")
    from kaggle_utils.compiled.attention import most_given
    from kaggle_utils.compiled.matching import rows_by_frame
    from kaggle_utils.compiled.threads import side_by_side

    clip = np.unique(clip_of_frame, return_inverse=True)[1]
    if len(boxes) and boxes.frame.max() >= len(clip):
        raise ValueError(f"a row lies in frame {boxes.frame.max()}, expected frames below {len(clip)} (clip_of_frame)")
    start, rows = rows_by_frame(boxes.frame, len(clip))
    table = (start, rows, clip, boxes.xyxy, boxes.score, boxes.label)
    score, settings = boxes.score.copy(), (float(gain), float(min_iou), float(min_score), by == "own")
    for step in [*range(-1, -behind - 1, -1), *range(1, ahead + 1)]:
        most = np.zeros(len(boxes))
        side_by_side(partial(most_given, *table, step, *settings, most), start)
        score += most
    return boxes.replace(score=np.minimum(score, 1.0))


class CausalAttention:
    """The attention area as frames arrive: :meth:`update` takes one frame's boxes and returns them surer.

    The settings are those of :func:`attend`, all but ``ahead``, and so are the answers. Call :meth:`reset` at a
    cut between videos, before the new frame.

    >>> attention = CausalAttention(behind=2)
    >>> attention.update(Boxes([0], [[0, 0, 10, 10]], [0.6])).score
    array([0.6])
    >>> attention.update(Boxes.empty())
    Boxes(0 boxes)
    >>> attention.update(Boxes([2], [[0, 0, 10, 10]], [0.3])).score
    array([0.6])
    """

    def __init__(self, *, behind: int = 3, **settings: float | str) -> None:
        self._attend = partial(attend, behind=behind, ahead=0, **settings)
        self._attend(Boxes.empty(), np.zeros(1, np.int64))  # refuses settings out of range
        self._past: deque[Boxes] = deque(maxlen=behind)

    def reset(self) -> None:
        """Forgets what was seen: the next frame begins a new clip."""
        self._past.clear()

    def update(self, boxes: Boxes) -> Boxes:
        """The next frame's boxes, none or more, in their order. Raises ValueError for boxes of several frames."""
        if len(np.unique(boxes.frame)) > 1:
            raise ValueError(f"the boxes are of frames {np.unique(boxes.frame).tolist()}, expected one frame")
        window = [*self._past, boxes]
        numbered = [table.replace(frame=np.full(len(table), n)) for n, table in enumerate(window)]
        surer = self._attend(Boxes.concat(numbered), np.zeros(len(window), dtype=np.int64))
        self._past.append(boxes)
        return boxes.replace(score=surer.score[len(surer) - len(boxes) :])
