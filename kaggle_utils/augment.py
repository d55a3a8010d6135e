"""Named sets of pixel augmentations, their parameters visible; the one file that knows albumentations.

Version 2.0.8 is pinned (it is in Kaggle's image and no longer maintained), so a successor can take
its place here and nowhere else. These sets change colours and sharpness, never geometry.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

__all__ = ["PIXEL_SETS", "pixel_augmentation"]

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

# name: list of (transform of albumentations, its arguments); each is applied with its probability p
PIXEL_SETS: dict[str, list[tuple[str, dict]]] = {
    "none": [],
    "blur_downscale": [
        ("MotionBlur", {"blur_limit": (3, 9), "p": 0.3}),
        ("GaussianBlur", {"blur_limit": (3, 7), "p": 0.2}),
        ("Downscale", {"scale_range": (0.5, 0.9), "p": 0.3}),
    ],
    "sharpen_denoise": [
        ("Sharpen", {"alpha": (0.1, 0.4), "lightness": (0.8, 1.1), "p": 0.4}),
        ("MedianBlur", {"blur_limit": (3, 5), "p": 0.3}),
    ],
    "brightness_contrast": [
        ("RandomBrightnessContrast", {"brightness_limit": 0.25, "contrast_limit": 0.25, "p": 0.6}),
        ("RandomGamma", {"gamma_limit": (70, 140), "p": 0.3}),
    ],
    "clahe": [("CLAHE", {"clip_limit": (1.0, 4.0), "tile_grid_size": (8, 8), "p": 0.7})],
}


def pixel_augmentation(name: str, seed: int = 0) -> Callable[[np.ndarray], np.ndarray] | None:
    """A function (H, W, 3) uint8 RGB -> the same shape, or None for the set ``none``.

    name: a key of PIXEL_SETS, several joined by '+'; seed: covers the draws of this function's calls.
    Raises ValueError for an unknown name.

    >>> pixel_augmentation("clahe+blur_downscale")(np.zeros((32, 32, 3), np.uint8)).shape
    (32, 32, 3)
    """
    wanted = name.split("+")
    unknown = [part for part in wanted if part not in PIXEL_SETS]
    if unknown:
        raise ValueError(f"augmentations is {name!r}, {unknown} is not among {', '.join(PIXEL_SETS)}")
    steps = [step for part in wanted for step in PIXEL_SETS[part]]
    if not steps:
        return None
    import albumentations

    made = [getattr(albumentations, transform)(**arguments) for transform, arguments in steps]
    whole = albumentations.Compose(made, seed=seed)
    return lambda image: whole(image=np.ascontiguousarray(image))["image"]
