"""The frames as the trainer sees them: ultralytics' dataset with this kit's augmentations in front.

They act on each frame as it is read, before mosaic, flips, zoom and HSV, which are ultralytics':
objects pasted into empty frames, a window cut out, quarter turns, and a named set of albumentations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch.utils.data import get_worker_info
from tqdm import tqdm
from ultralytics.data.dataset import YOLODataset
from ultralytics.utils.instance import Instances

from kaggle_utils.boxes.paste import paste_objects
from kaggle_utils.images.views import view, view_boxes
from kaggle_utils.learning.augment import pixel_augmentation


@dataclass(frozen=True)
class FrameAugmentation:
    """What is done to one frame, in this order.

    donors: patches of objects, as kaggle_utils.boxes.paste makes them, at the size of training
    paste: probability that an empty frame gets one to three of them
    blend: how they are blended in, ``alpha`` or ``poisson``
    crop: side in pixels of the square window that is cut out, mostly around an object; 0: the whole frame
    rotate90: probability of a quarter turn, to either side
    pixels: (H, W, 3) uint8 RGB -> the same shape, changes colours and sharpness only
    """

    donors: tuple = ()
    paste: float = 0.0
    blend: str = "alpha"
    crop: int = 0
    rotate90: float = 0.0
    pixels: Callable[[np.ndarray], np.ndarray] | None = None

    def __call__(self, image: np.ndarray, xyxy: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(H, W, 3) uint8 RGB and (N, 4) xyxy pixels -> the same, changed."""
        if self.donors and not len(xyxy) and rng.random() < self.paste:
            image, xyxy = paste_objects(image, xyxy, self.donors, rng, count=int(rng.integers(1, 4)), blend=self.blend)
        if self.crop:
            image, xyxy = cut_window(image, xyxy, self.crop, rng)
        if rng.random() < self.rotate90:
            turn = "rot90" if rng.random() < 0.5 else "rot270"
            height, width = image.shape[:2]
            image, xyxy = view(image, turn), view_boxes(xyxy, turn, width, height)
        return (self.pixels(image) if self.pixels else image), xyxy


def cut_window(
    image: np.ndarray, xyxy: np.ndarray, side: int, rng: np.random.Generator, least: float = 0.3
) -> tuple[np.ndarray, np.ndarray]:
    """A square window of an image, around one of its boxes where it has any, else anywhere.

    image: (H, W, 3) uint8; xyxy: (N, 4) pixels; side: of the window, cut down to the image
    least: boxes of which a smaller share of the area is seen are left out
    Returns the window and its boxes, cut at its border.
    """
    height, width = image.shape[:2]
    size = np.minimum([side, side], [width, height])
    room = np.array([width, height]) - size
    corner = rng.integers(0, room + 1)
    if len(xyxy):
        box = xyxy[rng.integers(len(xyxy))]
        place = rng.uniform(0.15, 0.85, 2) * size  # where in the window the box's centre comes to lie
        corner = np.clip(np.rint((box[:2] + box[2:]) / 2 - place), 0, room).astype(int)
    (x, y), (w, h) = corner.tolist(), size.tolist()
    inside = np.clip(xyxy - [x, y, x, y], 0, [w, h, w, h])
    share = (inside[:, 2:] - inside[:, :2]).prod(1) / np.maximum((xyxy[:, 2:] - xyxy[:, :2]).prod(1), 1e-9)
    return image[y : y + h, x : x + w], inside[share >= least]


class FrameDataset(YOLODataset):
    """ultralytics' dataset, each frame passed through a :class:`FrameAugmentation` when it is read.

    augmentation: without pixels, which are made from the name below
    pixel_set: a named set of kaggle_utils.learning.augment
    load_size: longer side in pixels to which frames are resized when they are read
    """

    def __init__(self, *args: Any, augmentation: FrameAugmentation, pixel_set: str, load_size: int, **kwargs: Any) -> None:
        self.augmentation, self.pixel_set, self.load_size = augmentation, pixel_set, load_size
        self.seeds: tuple[int, ...] = (0,)
        self.rng: np.random.Generator | None = None
        super().__init__(*args, **kwargs)

    def begin(self, *seeds: int) -> None:
        """An epoch begins: its draws come of the seeds, and frames kept for mosaics by an earlier one are forgotten."""
        self.seeds, self.rng = seeds, None
        for row in self.buffer if self.cache != "ram" else ():
            self.ims[row] = None
        self.buffer = []

    def _ready(self) -> np.random.Generator:
        """This process's source of chance; workers are copies and must not all draw the same."""
        if self.rng is None:
            worker = get_worker_info()
            self.rng = np.random.default_rng([*self.seeds, 0 if worker is None else worker.id + 1])
            pixels = pixel_augmentation(self.pixel_set, seed=int(self.rng.integers(2**31)))
            self.augmentation = replace(self.augmentation, pixels=pixels)
        return self.rng

    def load_image(self, *args: Any, **kwargs: Any) -> tuple[np.ndarray, tuple[int, int], tuple[int, int]]:
        """ultralytics' reading of one frame, at ``load_size`` rather than at the network's input size."""
        size, self.imgsz = self.imgsz, self.load_size
        try:
            return super().load_image(*args, **kwargs)
        finally:
            self.imgsz = size

    def cache_images(self) -> None:
        """Keep every frame in memory, resized."""
        for i in tqdm(range(self.ni), desc="read frames", unit="image", leave=False):
            self.ims[i], self.im_hw0[i], self.im_hw[i] = self.load_image(i)

    def get_image_and_label(self, index: int) -> dict[str, Any]:
        """ultralytics' label dictionary of one frame, augmented."""
        label = super().get_image_and_label(index)
        image = np.ascontiguousarray(label["img"][..., ::-1])  # ultralytics keeps BGR
        height, width = image.shape[:2]
        instances = label["instances"]
        instances.convert_bbox("xyxy")
        instances.denormalize(width, height)
        rng = self._ready()
        image, xyxy = self.augmentation(image, instances.bboxes.copy(), rng)
        label["img"] = np.ascontiguousarray(image[..., ::-1])
        label["resized_shape"] = label["img"].shape[:2]
        label["cls"] = np.zeros((len(xyxy), 1), label["cls"].dtype)  # the kit's detector has one class
        segments = np.zeros((0, 1000, 2), np.float32)  # ultralytics' way to say that there are no outlines
        label["instances"] = Instances(np.asarray(xyxy, np.float32), segments, bbox_format="xyxy", normalized=False)
        return label
