"""What two sides of a split know of each other: the check before any score is believed.

A detector that has seen frame 117 has seen frame 118. A score on held-out frames is worth something
only if no frame, no near neighbour in time and no sequence lies on both sides; the same video on both
sides is reported, too, but a split by sequence allows it. Made for the reef competition, whose diaries
lost weeks to a split that leaked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Leakage:
    """What two sides share; printing it says it in a line.

    both: frames that lie on both sides
    neighbours: pairs of frames, one on each side, of one video and at most ``reach`` apart
    sequences, videos: ids that lie on both sides, as text ``video 0 sequence 7``
    n_sequences, n_videos: how many there are in all
    examples: the first pairs of neighbours, as text ``0-117 | 0-118``
    """

    both: int
    neighbours: int
    reach: int
    sequences: tuple[str, ...]
    n_sequences: int
    videos: tuple[str, ...]
    n_videos: int
    examples: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether no frame, neighbour or sequence is shared; a shared video is no leak."""
        return not (self.both or self.neighbours or self.sequences)

    def __str__(self) -> str:
        sequences = f"{len(self.sequences)} of {self.n_sequences} sequences"
        videos = f"{len(self.videos)} of {self.n_videos} videos lie on both sides"
        twice = f"{self.both} frames lie on both sides, " if self.both else ""
        pairs = f"{self.neighbours} pairs of frames at most {self.reach} apart"
        example = f" (such as {self.examples[0]})" if self.examples else ""
        return f"{'clean' if self.clean else 'leaks'}: {twice}{sequences} and {videos}, {pairs}{example}"


def leakage(frames: pd.DataFrame, side_a: np.ndarray, side_b: np.ndarray, reach: int = 1) -> Leakage:
    """What any two sets of frames share, such as those trained on and those held out.

    frames: columns video_id, sequence, video_frame; rows in any order
    side_a, side_b: (n_frames,) bool masks or row numbers
    reach: frames of one video this near in time are neighbours, 1 or more

    >>> import pandas as pd
    >>> frames = pd.DataFrame({"video_id": 0, "sequence": [7, 7, 9, 9], "video_frame": [0, 1, 2, 30]})
    >>> print(leakage(frames, [0, 1], [2, 3]))
    leaks: 0 of 2 sequences and 1 of 1 videos lie on both sides, 1 pairs of frames at most 1 apart (such as 0-1 | 0-2)
    >>> leakage(frames, [0, 1], [3]).clean
    True
    """
    a, b = (_mask(side, len(frames)) for side in (side_a, side_b))
    pairs = _neighbours(frames, a, b, reach)
    names = (frames["video_id"].astype(str) + "-" + frames["video_frame"].astype(str)).to_numpy()
    sequences = ("video " + frames["video_id"].astype(str) + " sequence " + frames["sequence"].astype(str)).to_numpy()
    videos = ("video " + frames["video_id"].astype(str)).to_numpy()
    return Leakage(
        both=int((a & b).sum()),
        neighbours=len(pairs),
        reach=reach,
        sequences=_shared(sequences, a, b),
        n_sequences=len(set(sequences[a | b])),
        videos=_shared(videos, a, b),
        n_videos=len(set(videos[a | b])),
        examples=tuple(f"{names[one]} | {names[other]}" for one, other in pairs[:3]),
    )


def leakage_of_folds(frames: pd.DataFrame, fold_of_frame: np.ndarray, reach: int = 1) -> dict[int, Leakage]:
    """For each fold what its held-out frames share with the frames it is trained on.

    fold_of_frame: (n_frames,) int; a negative fold is in no training and held out nowhere

    >>> import pandas as pd
    >>> frames = pd.DataFrame({"video_id": [0, 1], "sequence": [7, 8], "video_frame": [0, 0]})
    >>> {fold: report.clean for fold, report in leakage_of_folds(frames, [0, 1]).items()}
    {0: True, 1: True}
    """
    fold = np.asarray(fold_of_frame)
    return {int(k): leakage(frames, fold == k, (fold != k) & (fold >= 0), reach) for k in np.unique(fold[fold >= 0])}


def _mask(side: np.ndarray, n_frames: int) -> np.ndarray:
    side = np.asarray(side)
    if side.dtype == bool and len(side) != n_frames:
        raise ValueError(f"a side has {len(side)} entries, expected one for each of {n_frames} frames")
    mask = np.zeros(n_frames, dtype=bool)
    mask[side if side.size else []] = True
    return mask


def _shared(ids: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[str, ...]:
    return tuple(sorted(set(ids[a]) & set(ids[b])))


def _neighbours(frames: pd.DataFrame, a: np.ndarray, b: np.ndarray, reach: int) -> np.ndarray:
    """(P, 2) rows of the pairs, first the one on side a; a frame is not its own neighbour."""
    video = np.unique(frames["video_id"].to_numpy(), return_inverse=True)[1].astype(np.int64)
    number = frames["video_frame"].to_numpy().astype(np.int64)
    time = video * (np.ptp(number) + reach + 1 if len(number) else 1) + number  # videos lie farther apart than reach
    order = np.argsort(time, kind="stable")
    found = [_at_distance(time[order], d) for d in range(-reach, reach + 1) if d]
    pairs = order[np.concatenate(found)]
    pairs = pairs[a[pairs[:, 0]] & b[pairs[:, 1]]]
    return pairs[np.lexsort((time[pairs[:, 1]], time[pairs[:, 0]]))]


def _at_distance(time: np.ndarray, distance: int) -> np.ndarray:
    """(P, 2) positions of times, sorted, that differ by the distance."""
    where = np.searchsorted(time, time + distance).clip(max=max(len(time) - 1, 0))
    one = np.flatnonzero(time[where] == time + distance)
    return np.column_stack([one, where[one]])
