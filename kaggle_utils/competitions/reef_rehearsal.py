"""What a rehearsal must know of the reef competition: its hidden test, and other tests made from it.

A hidden test is a folder of frames ``video_3/17.jpg``, served one by one in natural order, and beside it
``truth.csv`` (like train.csv) where the truth is known. A :class:`HiddenFrames` can be cut to its first
frames or put in another order, laid out as such a folder again, and judges the submission made from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kaggle_utils.boxes.clips import clip_of_frame
from kaggle_utils.boxes.f2 import f2, f2_counts
from kaggle_utils.boxes.formats import boxes_from_texts
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.competitions import reef
from kaggle_utils.competitions.reef_runs import trained_folds
from kaggle_utils.tasks.hidden import hidden_truth

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["HIDDEN_ITEMS", "SERVED", "SLUG", "UNIT", "HiddenFrames", "held_out", "hidden_test"]

SLUG = reef.SLUG
UNIT = "frame"
HIDDEN_ITEMS = reef.HIDDEN_FRAMES
SERVED = True  # by a time-series API, so that nothing in the competition's folder is swapped
_SAME_PIXELS, _SAME_SCORE = 0.5, 0.002  # what a GPU may round differently


@dataclass(frozen=True)
class HiddenFrames:
    """Frames to be served: paths in order, (n,) the clip of each, and the true boxes by number, if known."""

    paths: tuple[Path, ...]
    clips: np.ndarray
    truth: Boxes | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: Sequence[int]) -> HiddenFrames:
        """The frames with these numbers, in this order."""
        number = np.full(len(self), -1)
        number[np.asarray(rows, dtype=int)] = np.arange(len(rows))
        truth = self.truth
        if truth is not None:
            kept = truth[number[truth.frame] >= 0]
            truth = kept.replace(frame=number[kept.frame])
        return HiddenFrames(tuple(self.paths[row] for row in rows), self.clips[np.asarray(rows, dtype=int)], truth)

    def some(self, n: int) -> HiddenFrames:
        """All frames, or where they are more than n, the first of each of up to four clips, n in all at most."""
        if len(self) <= n:
            return self
        ids = list(dict.fromkeys(self.clips.tolist()))[: min(4, n)]
        return self.take([row for clip in ids for row in np.flatnonzero(self.clips == clip)[: n // len(ids)]])

    def other_order(self, at_most: int) -> list[int]:
        """Numbers of frames for a test in another order: clips backwards, the start of each, time kept.

        Empty where there is but one clip, for nothing can change its place. Two frames a clip at least.
        """
        ids = list(dict.fromkeys(self.clips.tolist()))
        if len(ids) < 2:
            return []
        each = max(2, at_most // len(ids))
        return [int(row) for clip in reversed(ids) for row in np.flatnonzero(self.clips == clip)[:each]]

    def write(self, folder: Path) -> None:
        """Lays the frames out as a hidden test's folder, by links, so that they are served in this order."""
        for number, (path, clip) in enumerate(zip(self.paths, self.clips.tolist(), strict=True)):
            place = folder / f"{number:06d}_clip_{clip}"
            place.mkdir(parents=True)
            (place / path.name).symlink_to(path.resolve())

    def faults(self, table: pd.DataFrame) -> list[str]:
        """What is wrong with the submission, a sentence each; table: all cells as text."""
        return reef.submission_faults(table, len(self))

    def answers(self, table: pd.DataFrame) -> list[str]:
        """The answer for each frame, of a table without faults."""
        return table["annotations"].tolist()

    def score(self, table: pd.DataFrame) -> tuple[str, float] | None:
        """The metric's name and value; None where the truth is not known."""
        if self.truth is None:
            return None
        return "F2", f2(f2_counts(self.truth, boxes_from_texts(table["annotations"].tolist())))

    @staticmethod
    def same(one: str, other: str) -> bool:
        """Whether two answers are the same but for rounding.

        >>> HiddenFrames.same("0.9 10 20 30 40", "0.9001 10 20 30 40.1"), HiddenFrames.same("", "0.9 1 2 3 4")
        (True, False)
        """
        a, b = boxes_from_texts([one]), boxes_from_texts([other])
        close = len(a) == len(b) and np.allclose(a.xyxy, b.xyxy, rtol=0, atol=_SAME_PIXELS)
        return bool(close and np.allclose(a.score, b.score, rtol=0, atol=_SAME_SCORE))


def hidden_test(folder: Path, frames: Iterable[Path]) -> HiddenFrames:
    """The hidden test in a folder; frames: its image files in the order of serving.

    Its truth is what :func:`kaggle_utils.tasks.hidden.hidden_truth` finds; ValueError when that lacks a frame.
    """
    paths = tuple(frames)
    truth = hidden_truth(folder)
    if truth is None:
        return HiddenFrames(paths, _clips_by_name(paths))
    table = reef.read_frames(truth).set_index("image_id")
    names = [_image_id(path) for path in paths]
    unknown = [name for name in names if name not in table.index]
    if unknown:
        raise ValueError(f"{truth} lacks the frame {unknown[0]!r}, expected all {len(names)} of the hidden test")
    table = table.loc[names].reset_index()
    return HiddenFrames(paths, clip_of_frame(table), reef.true_boxes(table, truth))


def held_out(folder: Path, training: Iterable[Path], at_most: int) -> HiddenFrames:
    """Training frames that the first trained fold has not seen, in place of a hidden test.

    folder: the competition's; training: outputs of the training stage; at_most: see :meth:`HiddenFrames.some`
    """
    _, judged = next(iter(trained_folds(training).values()))
    data = reef.load(folder).present()
    data = data.take(data.frames["image_id"].isin(set(judged)).to_numpy())
    return HiddenFrames(tuple(map(Path, data.frames["path"])), clip_of_frame(data.frames), data.truth).some(at_most)


def _image_id(path: Path) -> str:
    """``video_3/17.jpg`` is frame ``3-17``."""
    return f"{path.parent.name.removeprefix('video_')}-{path.stem}"


def _clips_by_name(paths: Sequence[Path]) -> np.ndarray:
    """A clip is a folder, cut where the numbers in its frames' names are not successive."""
    found = [re.search(r"(\d+)$", path.stem) for path in paths]
    numbers = [int(match.group(1)) if match else row for row, match in enumerate(found)]
    return clip_of_frame({"video_id": [str(path.parent) for path in paths], "video_frame": numbers})
