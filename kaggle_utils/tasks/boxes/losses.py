"""What a decision missed and what it invented, for the eye, and what to try next.

An object is missed where no box reaches the lowest IoU that counts at all, and a box is invented where it reaches no
object: what is merely drawn badly is neither.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from kaggle_utils.boxes.matching import match
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.evidence.candidates import Choice
from kaggle_utils.pictures.frames import close_ups
from kaggle_utils.tasks.boxes.out_of_fold import OutOfFold

APART = 6  # frames: nearer ones show the same object again
_SIZES = ((0, 32, "below 32"), (32, 48, "of 32 to 48"), (48, 64, "of 48 to 64"), (64, np.inf, "above 64"))


def missed_and_invented(judged: OutOfFold, answer: Boxes) -> tuple[Boxes, Boxes]:
    """(true boxes that no box found, largest first; boxes that found nothing, surest first)."""
    matches = match(judged.truth, answer, judged.thresholds[:1])
    missed, invented = judged.truth[matches.found == 0], answer[matches.hit == 0]
    return missed[np.argsort(-_size(missed), kind="stable")], invented[np.argsort(-invented.score, kind="stable")]


def _size(boxes: Boxes) -> np.ndarray:
    """(N,) the root of each area, pixels."""
    return np.sqrt((boxes.xyxy[:, 2:] - boxes.xyxy[:, :2]).prod(1))


def varied(boxes: Boxes, clip_of_frame: np.ndarray, n: int, apart: int = APART) -> Boxes:
    """The first n boxes, less those that lie near an earlier one in time.

    >>> rows = Boxes([7, 8, 40, 9], [[0, 0, 9, 9]] * 4)
    >>> varied(rows, np.zeros(50, int), n=3).frame.tolist(), varied(rows, np.arange(50), n=3).frame.tolist()
    ([7, 40], [7, 8, 40])
    """
    taken: list[int] = []
    for row, frame in enumerate(boxes.frame):
        others = boxes.frame[taken]
        if len(taken) < n and not ((np.abs(others - frame) < apart) & (clip_of_frame[others] == clip_of_frame[frame])).any():
            taken.append(row)
    return boxes[np.array(taken, dtype=int)]


def gallery(judged: OutOfFold, lost: Boxes, answer: Boxes, n: int = 12) -> Image.Image | None:
    """Close-ups of the first n, each of another moment; None where nothing is lost.

    lost: of :func:`missed_and_invented`; answer: drawn orange beside the truth's green
    """
    shown = varied(lost, judged.clips, n)
    if not len(shown):
        return None
    return Image.fromarray(close_ups(judged.pictures(shown.frame), shown, judged.truth, answer))


def what_next(judged: OutOfFold, choice: Choice, missed: Boxes, invented: Boxes) -> str:
    """One line: where most is lost, and what is worth a try against it.

    missed, invented: of :func:`missed_and_invented`
    """
    told = [f"{len(missed)} of {len(judged.truth)} objects are missed, {len(invented)} boxes invented", choice.weakest()]
    size = _size(missed)
    lost, where = max((int(((size >= low) & (size < high)).sum()), name) for low, high, name in _SIZES)
    if len(invented) > len(missed):
        way = "more empty frames (empties), or a stronger member: much that is none looks like an object"
    elif where == _SIZES[-1][2]:
        way = "more zoom in training (scale), a larger crop: objects may be too near for the model"
    else:
        way = "a larger imgsz or crop, a member with a head for small objects (+p2)"
    return f"what to try next: {way}. {'; '.join(told)}; {lost} of the missed are {where} pixels in size"
