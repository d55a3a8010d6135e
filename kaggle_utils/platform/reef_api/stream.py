"""The time-series API as a stream of items: the submission's one loop over frames that wait for their answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from kaggle_utils.images.listing import frame_paths
from kaggle_utils.platform.reef_api.timeseries import ReefEnvironment, reef_environment
from kaggle_utils.tasks.competition import SUBMISSION
from kaggle_utils.tasks.faults import read_texts, refuse

if TYPE_CHECKING:
    from kaggle_utils.tasks.competition import Competition, Look


class ApiStream:
    """Frames as an environment hands them out, each looked at before the next is there; it writes ``submission.csv`` itself.

    environment: of :func:`kaggle_utils.platform.reef_api.timeseries.reef_environment`; output: where it writes
    """

    ahead = 1

    def __init__(self, competition: Competition, environment: Any, output: Path) -> None:
        self.competition, self.environment, self.path = competition, environment, Path(output) / SUBMISSION
        self.total = environment.progress.frames if isinstance(environment, ReefEnvironment) else None
        self._answered, self._sample = 0, None

    def __iter__(self) -> Iterator[tuple[int, Look]]:
        for number, (frame, sample) in enumerate(self.environment.iter_test()):
            self._sample = sample
            yield number, lambda size, frame=frame: _resized(frame, size)

    def take(self, key: int, answer: Any) -> None:
        """The answer to the frame handed out last, in the cells of its sample prediction."""
        ((_, text),) = self.competition.rows(None, key, answer)
        self._sample[self.competition.COLUMNS[-1]] = text
        self.environment.predict(self._sample)
        self._answered += 1

    def close(self) -> Path:
        """The submission, read back; one with faults is taken away, and ValueError names them all."""
        if faults := self.competition.faults(read_texts(self.path), range(self._answered)):
            self.path.unlink()
            refuse(faults, self.path)
        return self.path


def served(competition: Competition, hidden: Path | None, output: Path) -> ApiStream | None:
    """What the API hands out, or its emulation over a hidden test's folder; None where there is neither."""
    frames = frame_paths(hidden) if hidden else []
    environment = reef_environment(frames, output)
    if isinstance(environment, ReefEnvironment) and not frames:
        return None
    return ApiStream(competition, environment, output)


def _resized(frame: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """(H, W, 3) uint8 as it is, or at (width, height) = size."""
    return frame if size is None else cv2.resize(frame, tuple(size), interpolation=cv2.INTER_AREA)
