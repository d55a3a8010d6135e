"""norfair, one frame at a time: which box goes on with which track, and where a track must be now.

norfair 2.1.1 and 2.3.0 are alike in what is used here. Kaggle's image has neither; there a wheel of
the later one is installed without its dependencies. Its own ``iou`` is a distance, 1 - IoU, and is
called so here. The rules that use the links are in :mod:`kaggle_utils.boxes.tracking`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

DISTANCES = {"iou": ("iou", 0.9), "corners": ("mean_euclidean", 30.0)}  # norfair's name, usual threshold


class Guess(NamedTuple):
    """A box predicted for a confirmed track that no box was linked with.

    track: its number; missed: frames since it was last seen; xyxy: (4,) pixels; score: that of the box
    it was last seen with; label: its class.
    """

    track: int
    missed: int
    xyxy: np.ndarray
    score: float
    label: int


class Linker:
    """Links boxes frame after frame; the settings are those of :func:`kaggle_utils.boxes.tracking.track`.

    >>> linker = Linker(initialization_delay=0)
    >>> linker.step(np.array([[0, 0, 9, 9]]), np.array([0.9]), np.array([0]))
    (array([0]), array([ True]), [])
    >>> linker.step(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))[2][0].xyxy
    array([0., 0., 9., 9.])
    """

    def __init__(
        self,
        min_score: float = 0.1,
        distance: str = "iou",
        threshold: float | None = None,
        hit_counter_max: int = 6,
        initialization_delay: int = 1,
    ) -> None:
        if distance not in DISTANCES:
            raise ValueError(f"distance is {distance!r}, expected one of {', '.join(DISTANCES)}")
        if not 0 <= initialization_delay < hit_counter_max:
            raise ValueError(f"initialization_delay is {initialization_delay}, expected 0 to below {hit_counter_max=}")
        name, usual = DISTANCES[distance]
        if threshold is not None and not 0 < threshold <= (1 if distance == "iou" else np.inf):
            raise ValueError(f"threshold is {threshold} for {distance!r}, expected more than 0, for 'iou' at most 1")
        self._min_score = min_score
        self._settings = {
            "distance_function": name,
            "distance_threshold": usual if threshold is None else threshold,
            "hit_counter_max": hit_counter_max,
            "initialization_delay": initialization_delay,
            "past_detections_length": 0,
        }
        self._now = self._next = 0
        self.reset()

    def reset(self) -> None:
        """Ends all tracks; those to come are numbered on."""
        from norfair import Detection, Tracker

        self._detection, self._tracker = Detection, Tracker(**self._settings)
        self._first = self._next

    def step(self, xyxy: np.ndarray, score: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[Guess]]:
        """Takes the next frame's boxes: xyxy (n, 4) pixels, score (n,), label (n,).

        Returns the track of each, (n,) int64, -1 for a score below ``min_score``; whether that track is
        confirmed by now, (n,) bool; and a guess for each confirmed track that was missed.
        """
        self._now += 1
        number, confirmed, guesses = np.full(len(score), -1), np.zeros(len(score), dtype=bool), []
        linked = np.flatnonzero(score >= self._min_score)
        if len(linked) or self._tracker.tracked_objects:
            self._tracker.update([self._seen(row, xyxy[row], score[row], label[row]) for row in linked])
        for life in self._tracker.tracked_objects:
            when, row, last_score = life.last_detection.data
            mine = self._first + life.initializing_id - 1
            self._next = max(self._next, mine + 1)
            if when == self._now:
                number[row], confirmed[row] = mine, not life.is_initializing
            elif not life.is_initializing and life.hit_counter_is_positive:
                predicted = np.sort(life.estimate, axis=0).ravel()  # a box that shrinks may have passed through itself
                guesses.append(Guess(mine, self._now - when, predicted, last_score, life.label))
        return number, confirmed, guesses

    def _seen(self, row: int, xyxy: np.ndarray, score: float, label: int) -> object:
        points = np.array([xyxy[:2], np.maximum(xyxy[2:], xyxy[:2] + 1e-3)])  # norfair's IoU refuses empty boxes
        return self._detection(points, data=(self._now, row, score), label=int(label))
