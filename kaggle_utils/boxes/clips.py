"""Clips: the runs of frames over which a rule in time may look.

A tracker or an "attention area" may carry something from one frame to the next only where the two
truly follow each other. With the reef competition's table that is read from its numbers
(:func:`clip_of_frame`); its time-series API hands out hidden frames without any, so there it is seen
in the pixels (:func:`is_cut`). Half of the neighbouring frames' boxes move by less than 10 pixels, 95 %
by less than 26: a shift that phase correlation looks through, where a plain difference of frames
cannot tell it from a cut.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

WIDTH, HEIGHT = 160, 90  # frames are compared at an eighth of 1280x720


def clip_of_frame(frames: Mapping) -> np.ndarray:
    """The clip of each frame, (n_frames,) int64, counted from 0: a new one starts at every cut.

    frames: a pandas.DataFrame or a mapping of columns, one row a frame in time order, with
        video_id: (n_frames,) of any type, video_frame: (n_frames,) whole numbers and, if there,
        sequence: (n_frames,). The next row belongs to the same clip if video and sequence are the
        same and video_frame is higher by exactly 1.

    >>> clip_of_frame({"video_id": [0, 0, 0, 1, 1], "video_frame": [7, 8, 12, 13, 14]})
    array([0, 0, 1, 2, 2])
    """
    same = np.diff(np.asarray(frames["video_frame"], dtype=np.int64)) == 1
    for column in ("video_id", "sequence"):
        if column in frames:
            values = np.asarray(frames[column])
            if len(values) != len(frames["video_frame"]):
                expected = len(frames["video_frame"])
                raise ValueError(f"{column} has {len(values)} rows, expected {expected} as video_frame")
            same &= values[1:] == values[:-1]
        elif column == "video_id":
            raise ValueError(f"the table has columns {list(frames.keys())}, it lacks 'video_id'")
    starts = np.append(np.ones(min(len(frames["video_frame"]), 1), dtype=bool), ~same)
    return np.cumsum(starts) - 1


def clip_lengths(clip_of_frame: np.ndarray) -> np.ndarray:
    """How many frames each run of equal ids has, (n_clips,) int64, in order.

    Raises ValueError when an id comes back after another one: a clip's frames are neighbours.

    >>> clip_lengths(np.array([0, 0, 1, 2, 2]))
    array([2, 1, 2])
    """
    clip = np.asarray(clip_of_frame)
    starts = np.flatnonzero(np.append(np.ones(min(len(clip), 1), dtype=bool), clip[1:] != clip[:-1]))
    ids, counts = np.unique(clip[starts], return_counts=True)
    if (counts > 1).any():
        raise ValueError(f"clip {ids[counts > 1][0]} is in several places, expected its frames in consecutive rows")
    return np.diff(np.append(starts, len(clip)))


def frame_pairs(frame: np.ndarray, clip_of_frame: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of rows that lie ``step`` frames apart within one clip, by ascending first row.

    frame: (N,) the frame of each row, as in a table of boxes, in any order
    clip_of_frame: (n_frames,); step: later frames 1, 2, ..., earlier ones -1, -2, ...
    Returns (M,) and (M,) row numbers, frame[second] = frame[first] + step.

    >>> first, second = frame_pairs(np.array([0, 1, 1, 2]), np.array([0, 0, 5]), step=1)
    >>> first, second  # frame 2 is another clip's
    (array([0, 0]), array([1, 2]))
    """
    clip, frame = np.asarray(clip_of_frame), np.asarray(frame)
    if len(frame) and frame.max() >= len(clip):
        raise ValueError(f"a row lies in frame {frame.max()}, expected frames below {len(clip)} (clip_of_frame)")
    order = np.argsort(frame, kind="stable")
    count = np.bincount(frame, minlength=len(clip))
    start = np.cumsum(count) - count
    other = frame + step
    inside = (other >= 0) & (other < len(clip))
    other = np.where(inside, other, 0)
    inside &= clip[other] == clip[frame]
    partners = np.where(inside, count[other], 0)
    nth = np.arange(partners.sum()) - np.repeat(np.cumsum(partners) - partners, partners)
    return np.repeat(np.arange(len(frame)), partners), order[np.repeat(start[other], partners) + nth]


def similarity(previous: np.ndarray, frame: np.ndarray) -> float:
    """How surely one frame is the other one moved a little: about 0 (unrelated) to about 1 (the same).

    previous, frame: (H, W, 3) uint8 RGB of one size, or (H, W) uint8. It is the height of the peak of
    their phase correlation at 160x90 grey pixels, indifferent to shifts and to brightness. On real
    reef frames: successive .93 and .95, two or three apart .74 to .80 and .40, other videos below .22.

    >>> frame = np.random.default_rng(0).integers(0, 256, (90, 160), dtype=np.uint8)
    >>> round(similarity(frame, frame), 2), similarity(frame, frame[::-1]) < 0.25
    (1.0, True)
    """
    import cv2

    a, b = _small_grey(previous), _small_grey(frame)
    if a.std() < 1 or b.std() < 1:  # a flat frame has no pattern to follow: only another flat one is like it
        return float(a.std() < 1 and b.std() < 1)
    window = cv2.createHanningWindow((WIDTH, HEIGHT), cv2.CV_32F)
    return float(cv2.phaseCorrelate(a, b, window)[1])


def is_cut(previous: np.ndarray | None, frame: np.ndarray, threshold: float = 0.25) -> bool:
    """Whether a new video starts at this frame: its pattern is not the previous frame's, moved a little.

    previous: the frame before, uint8 as in :func:`similarity`, or None at the very first, which is a
        cut; a frame of another size is one too
    threshold: the similarity below which it is a cut

    >>> is_cut(None, np.zeros((90, 160, 3), np.uint8))
    True
    """
    if previous is None or previous.shape != frame.shape:
        return True
    return similarity(previous, frame) < threshold


def _small_grey(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) or (H, W) uint8 -> (90, 160) float32, each pixel the mean of the area it stands for."""
    import cv2

    if image.dtype != np.uint8 or image.ndim not in (2, 3):
        raise ValueError(f"a frame has shape {image.shape} and dtype {image.dtype}, expected (H, W, 3) uint8")
    small = cv2.resize(np.ascontiguousarray(image), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) if small.ndim == 2 else small.mean(axis=2, dtype=np.float32)
