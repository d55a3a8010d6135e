"""Tracks: boxes of successive frames linked into lives, and what a life says about its boxes.

A starfish does not blink, a detector does. norfair (Kalman filter, nearest pairs first) links the
boxes of a clip (:func:`track`); then three rules of the reef competition's leaders work on the links
(:func:`rescore`): low boxes are lifted towards their track's maximum (3rd place, +.01), boxes are
predicted on frames where the detector missed (norfair took one team from .670 to .690), and short
tracks are dropped. Linking is slow and the rules are cheap: link once, then try many rules.

A submission sees one frame at a time: :class:`CausalTracker` gives, frame by frame, exactly what
``rescore(track(...), causal=True)`` gives for the whole table, and neither looks ahead.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from kaggle_utils.boxes.linking import Guess, Linker
from kaggle_utils.boxes.table import Boxes


@dataclass(frozen=True)
class Tracks:
    """Boxes with the lives they belong to: the given boxes in their order, then the predicted ones.

    boxes: N rows; a predicted one has the score of the box with which its track was last seen
    track: (N,) int64, number of the track, -1 for boxes whose score was too low to be linked
    confirmed: (N,) bool, whether the track had been seen often enough by that frame
    missed: (N,) int64, 0 for a given box, k for one predicted k frames after the track was last seen
    """

    boxes: Boxes
    track: np.ndarray
    confirmed: np.ndarray
    missed: np.ndarray

    def lengths(self) -> np.ndarray:
        """How many given boxes each box's track has, (N,) int64; 0 for boxes without a track.

        >>> boxes = Boxes([0, 1, 1], [[0, 0, 9, 9], [1, 0, 10, 9], [50, 50, 60, 60]])
        >>> track(boxes, np.zeros(2, int), initialization_delay=0).lengths()
        array([2, 2, 1])
        """
        return np.where(self.track >= 0, self.over_lives(self.missed == 0, "sum"), 0)

    def over_lives(self, values: np.ndarray, how: str) -> np.ndarray:
        """(N,) of (N,) values: of each box's track, in order of time, what pandas knows as how (max, cummax, sum, any)."""
        import pandas as pd

        order = np.argsort(self.boxes.frame, kind="stable")
        return pd.Series(values).iloc[order].groupby(self.track[order]).transform(how).sort_index().to_numpy()


def track(
    boxes: Boxes,
    clip_of_frame: np.ndarray,
    *,
    min_score: float = 0.1,
    distance: str = "iou",
    threshold: float | None = None,
    hit_counter_max: int = 6,
    initialization_delay: int = 1,
) -> Tracks:
    """Links the boxes of each clip; only boxes of one label are linked with each other.

    clip_of_frame: (n_frames,) ids, as :func:`kaggle_utils.boxes.clips.clip_of_frame` gives them
    min_score: boxes below it are passed on without a track
    distance: between a box and the place predicted for a track; ``iou``: 1 - IoU; ``corners``: the
        mean way, in pixels, of the upper left and the lower right corner
    threshold: only pairs nearer than this are linked; None: 0.9 for ``iou``, 30 for ``corners``
    hit_counter_max: a track's counter starts at 1, loses 1 in every frame, gains 2 where a box is
        found, up to this, and the track ends below 0: one long seen is predicted for this many frames
    initialization_delay: a track is confirmed, and predicted, once its counter has exceeded this
    Raises ValueError for settings out of range and for a box beyond the last frame.

    >>> seen = Boxes([0, 1, 3], [[0, 0, 20, 20], [2, 0, 22, 20], [6, 0, 26, 20]], [0.5, 0.9, 0.4])
    >>> tracks = track(seen, np.zeros(4, int))  # frame 2 was missed: its prediction comes last
    >>> tracks.track, tracks.boxes.frame, tracks.missed
    (array([0, 0, 0, 0]), array([0, 1, 3, 2]), array([0, 0, 0, 1]))
    """
    clip = np.asarray(clip_of_frame)
    if len(boxes) and boxes.frame.max() >= len(clip):
        raise ValueError(f"a box lies in frame {boxes.frame.max()}, expected frames below {len(clip)} (clip_of_frame)")
    linker = Linker(min_score, distance, threshold, hit_counter_max, initialization_delay)
    rows = np.argsort(boxes.frame, kind="stable")
    starts = np.searchsorted(boxes.frame[rows], np.arange(len(clip) + 1))
    number, confirmed = np.full(len(boxes), -1), np.zeros(len(boxes), dtype=bool)
    guesses: list[tuple[int, Guess]] = []
    for frame in range(len(clip)):
        if frame and clip[frame] != clip[frame - 1]:
            linker.reset()
        mine = rows[starts[frame] : starts[frame + 1]]
        number[mine], confirmed[mine], new = linker.step(boxes.xyxy[mine], boxes.score[mine], boxes.label[mine])
        guesses += [(frame, guess) for guess in new]
    return _joined(boxes, number, confirmed, guesses)


def rescore(
    tracks: Tracks,
    *,
    causal: bool = False,
    lift: float = 1.0,
    decay: float = 0.7,
    longest: int = 2,
    min_length: int = 1,
    tails: bool = True,
) -> Boxes:
    """The boxes after the rules over tracks, given boxes first, in the order of ``tracks``.

    causal: False: each rule sees whole tracks. True: a box sees only what came before it, and
        unconfirmed tracks lift nothing
    lift: the share, 0 to 1, of the way from its score to its track's highest that a box is lifted
    decay: the score of a predicted box is the lifted score of its track times decay ** missed
    longest: boxes predicted more than this many frames after the last given one are left out; 0 keeps none
    min_length: tracks of fewer given boxes are dropped (boxes never linked stay); not when causal
    tails: False leaves out boxes predicted after the track's very last given one; not when causal
    Raises ValueError for settings out of range.

    >>> seen = Boxes([0, 1, 3], [[0, 0, 20, 20], [2, 0, 22, 20], [6, 0, 26, 20]], [0.5, 0.9, 0.4])
    >>> tracks = track(seen, np.zeros(4, int))
    >>> rescore(tracks, decay=0.5).score, rescore(tracks, decay=0.5, causal=True).score
    (array([0.9 , 0.9 , 0.9 , 0.45]), array([0.5 , 0.9 , 0.9 , 0.45]))
    """
    _check_rules(lift, decay, longest)
    if causal and (min_length > 1 or not tails):
        raise ValueError(f"min_length={min_length}, tails={tails}: both look ahead, expected 1 and True when causal")
    peak = tracks.over_lives(tracks.boxes.score, "cummax" if causal else "max")
    alive = tracks.confirmed if causal else (tracks.track >= 0) & tracks.over_lives(tracks.confirmed, "any")
    score = _ruled(tracks.boxes.score, np.where(alive, peak, tracks.boxes.score), tracks.missed, lift, decay)
    keep = (tracks.missed <= longest) & ((tracks.track < 0) | (tracks.lengths() >= min_length))
    if not tails:
        last_seen = tracks.over_lives(np.where(tracks.missed == 0, tracks.boxes.frame, -1), "max")
        keep &= (tracks.missed == 0) | (tracks.boxes.frame < last_seen)
    return tracks.boxes.replace(score=score)[keep]


class CausalTracker:
    """Tracking as frames arrive: :meth:`update` takes one frame's boxes and returns them after the rules.

    The settings are those of :func:`track` and of :func:`rescore` with ``causal=True``, and so are
    the answers, frame by frame. Call :meth:`reset` at a cut between videos, before the new frame.

    >>> tracker = CausalTracker(decay=0.5)
    >>> tracker.update(Boxes([0], [[0, 0, 20, 20]], [0.5])).score
    array([0.5])
    >>> tracker.update(Boxes([1], [[2, 0, 22, 20]], [0.4])).score  # confirmed: lifted
    array([0.5])
    >>> tracker.update(Boxes.empty())  # missed: predicted
    Boxes(1 boxes in 1 frames, scores 0.25 to 0.25)
    """

    def __init__(self, *, lift: float = 1.0, decay: float = 0.7, longest: int = 2, **links: float | str | None) -> None:
        _check_rules(lift, decay, longest)
        self._lift, self._decay, self._longest = lift, decay, longest
        self._linker = Linker(**links)
        self._peak: dict[int, float] = defaultdict(lambda: -np.inf)
        self._frame = -1

    def reset(self) -> None:
        """Forgets all tracks: the next frame begins a new clip."""
        self._linker.reset()
        self._peak.clear()

    def update(self, boxes: Boxes, frame: int | None = None) -> Boxes:
        """The next frame's boxes, rescored, in the given order, then those predicted in it.

        frame: its number; None: that of the boxes or, where there are none, one after the last.
        Raises ValueError for boxes of another frame or of several.
        """
        self._frame = _frame_number(boxes, self._frame + 1 if frame is None and not len(boxes) else frame)
        number, confirmed, guesses = self._linker.step(boxes.xyxy, boxes.score, boxes.label)
        new = _joined(boxes, number, confirmed, [(self._frame, guess) for guess in guesses])
        for life, score in zip(new.track, new.boxes.score, strict=True):
            self._peak[life] = max(self._peak[life], score)
        peak = np.where(new.confirmed, [self._peak[life] for life in new.track], new.boxes.score)
        score = _ruled(new.boxes.score, peak, new.missed, self._lift, self._decay)
        return new.boxes.replace(score=score)[new.missed <= self._longest]


def _joined(boxes: Boxes, number: np.ndarray, confirmed: np.ndarray, guesses: list[tuple[int, Guess]]) -> Tracks:
    frames = [frame for frame, _ in guesses]
    lives, missed, xyxy, score, label = zip(*(guess for _, guess in guesses), strict=True) if guesses else ([],) * 5
    predicted = Boxes(frames, np.array(xyxy).reshape(-1, 4), np.array(score), np.array(label, dtype=np.int64))
    return Tracks(
        Boxes.concat([boxes, predicted]),
        np.append(number, np.array(lives, dtype=np.int64)),
        np.append(confirmed, np.ones(len(guesses), dtype=bool)),
        np.append(np.zeros(len(boxes), dtype=np.int64), np.array(missed, dtype=np.int64)),
    )


def _ruled(score: np.ndarray, peak: np.ndarray, missed: np.ndarray, lift: float, decay: float) -> np.ndarray:
    fading = np.array([decay**k for k in range(int(missed.max(initial=0)) + 1)])
    return ((1 - lift) * score + lift * peak) * fading[missed]


def _check_rules(lift: float, decay: float, longest: int) -> None:
    if not 0 <= lift <= 1 or not 0 <= decay <= 1:
        raise ValueError(f"lift is {lift} and decay {decay}, expected both from 0 to 1")
    if longest < 0:
        raise ValueError(f"longest is {longest}, expected 0 frames or more")


def _frame_number(boxes: Boxes, frame: int | None) -> int:
    found = np.unique(boxes.frame).tolist()
    expected = found[0] if frame is None else frame
    if found and found != [expected]:
        raise ValueError(f"the boxes are of frames {found}, expected one frame, {expected}")
    return expected
