"""The frames as the trainer sees them: ultralytics' dataset with this kit's augmentations in front.

They act on each frame as it is read, before mosaic, flips, zoom and HSV, which are ultralytics':
starfish pasted into empty frames, quarter turns, and a named set of albumentations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ultralytics.data.dataset import YOLODataset
from ultralytics.utils.instance import Instances

from kaggle_utils.paste import paste_objects
from kaggle_utils.tta import view, view_boxes

__all__ = ["FrameAugmentation", "FrameDataset"]


@dataclass(frozen=True)
class FrameAugmentation:
    """What is done to one frame, in this order.

    donors: patches of starfish, as kaggle_utils.paste makes them, at the size of training
    paste: probability that an empty frame gets one to three of them
    rotate90: probability of a quarter turn, to either side
    pixels: (H, W, 3) uint8 RGB -> the same shape, changes colours and sharpness only
    """

    donors: tuple = ()
    paste: float = 0.0
    rotate90: float = 0.0
    pixels: Callable[[np.ndarray], np.ndarray] | None = None

    def __call__(self, image: np.ndarray, xyxy: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(H, W, 3) uint8 RGB and (N, 4) xyxy pixels -> the same, changed."""
        if self.donors and not len(xyxy) and rng.random() < self.paste:
            image, xyxy = paste_objects(image, xyxy, self.donors, rng, count=int(rng.integers(1, 4)))
        if rng.random() < self.rotate90:
            turn = "rot90" if rng.random() < 0.5 else "rot270"
            height, width = image.shape[:2]
            image, xyxy = view(image, turn), view_boxes(xyxy, turn, width, height)
        return (self.pixels(image) if self.pixels else image), xyxy


class FrameDataset(YOLODataset):
    """ultralytics' dataset, each frame passed through a :class:`FrameAugmentation` when it is read."""

    def __init__(self, *args: Any, augmentation: FrameAugmentation, seed: int, **kwargs: Any) -> None:
        self.augmentation, self.rng = augmentation, np.random.default_rng(seed)
        super().__init__(*args, **kwargs)

    def get_image_and_label(self, index: int) -> dict[str, Any]:
        """ultralytics' label dictionary of one frame, augmented."""
        label = super().get_image_and_label(index)
        image = np.ascontiguousarray(label["img"][..., ::-1])  # ultralytics keeps BGR
        height, width = image.shape[:2]
        instances = label["instances"]
        instances.convert_bbox("xyxy")
        instances.denormalize(width, height)
        before = instances.bboxes.copy()
        image, xyxy = self.augmentation(image, before, self.rng)
        classes = np.concatenate([label["cls"], np.zeros((len(xyxy) - len(before), 1), label["cls"].dtype)])
        label["img"] = np.ascontiguousarray(image[..., ::-1])
        label["resized_shape"] = label["img"].shape[:2]
        label["cls"] = classes
        segments = np.zeros((0, 1000, 2), np.float32)  # ultralytics' way to say that there are no outlines
        label["instances"] = Instances(np.asarray(xyxy, np.float32), segments, bbox_format="xyxy", normalized=False)
        return label
