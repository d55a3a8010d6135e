"""The frames a detector is judged on, and its boxes on image files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.detector.inference import Detector
from kaggle_utils.images.decode import decode

Metric = Callable[[Boxes, Boxes], Mapping[str, float]]


@dataclass(frozen=True)
class Validation:
    """The frames a training is judged on.

    rows: (V,) frame numbers; paths: their V image files; truth: boxes by frame number
    metric: (truth, predictions) -> {name: figure}, of which the first decides, the higher the better; others are
        noted beside it. A function of a module or an object of such a class, since it is pickled
    asked_again: how often they are predicted when the training is over, for which there must be time, too
    """

    rows: np.ndarray
    paths: Sequence[str]
    truth: Boxes
    metric: Metric
    asked_again: int = 0

    def figures(self, predictions: Boxes) -> dict[str, float]:
        """What the metric says of predictions for these frames."""
        return dict(self.metric(self.truth, predictions))


def predict_paths(
    detector: Detector, rows: np.ndarray, paths: Sequence[str], progress: str | None = None, **options: Any
) -> Boxes:
    """Boxes of image files; row i of ``rows`` is the frame number of ``paths[i]``.

    progress: a bar's title, None for no bar. options: as :meth:`Detector.predict` takes them.
    """
    images = zip(np.asarray(rows).tolist(), decode(paths, progress=progress), strict=True)
    return detector.predict_frames(images, **options)
