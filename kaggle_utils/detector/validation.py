"""The frames a detector is judged on, and its boxes on image files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.detector.inference import Detector
from kaggle_utils.images.decode import decode

__all__ = ["Validation", "predict_paths"]


@dataclass(frozen=True)
class Validation:
    """The frames a training is judged on.

    rows: (V,) frame numbers; paths: their V image files; truth: boxes by frame number
    """

    rows: np.ndarray
    paths: Sequence[str]
    truth: Boxes


def predict_paths(
    detector: Detector, rows: np.ndarray, paths: Sequence[str], progress: str | None = None, **options: Any
) -> Boxes:
    """Boxes of image files; row i of ``rows`` is the frame number of ``paths[i]``.

    progress: a bar's title, None for no bar. options: as :meth:`Detector.predict` takes them.
    """
    images = zip(np.asarray(rows).tolist(), decode(paths, progress=progress), strict=True)
    return detector.predict_frames(images, **options)
