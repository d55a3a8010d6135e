"""Patches of objects to be pasted into empty frames, cut from training frames at the size of training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from kaggle_utils.boxes.paste import donors_from_frames
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.images.decode import decode


def donors_of(paths: Sequence[str], truth: Boxes, rows: Iterable[int], imgsz: int) -> tuple:
    """Patches of the objects in some frames, as kaggle_utils.boxes.paste makes them.

    paths: (n_frames,) of all frames, which truth numbers; rows: those to take from; imgsz: longer side in pixels
    """
    filled = np.intersect1d(np.asarray(list(rows)), truth.frame)
    donors: list = []
    images = decode(np.asarray(paths)[filled].tolist())
    for row, image in zip(filled.tolist(), images, strict=True):
        scale = imgsz / max(image.shape[:2])
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        donors += donors_from_frames([small], [truth[truth.frame == row].xyxy * scale])
    return tuple(donors)
