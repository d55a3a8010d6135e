"""Named sets of pixel augmentations, their parameters visible; the one file that knows albumentations.

Version 2.0.8 is pinned (it is in Kaggle's image and no longer maintained), so a successor can take
its place here and nowhere else. PIXEL_SETS change colours and sharpness, never geometry; GEOMETRY_SETS
move pixels, and masks with them; COLOUR_SETS are not for every number of channels; BATCH_SETS mix the pictures of a
batch among one another, which :mod:`kaggle_utils.learning.mixing` does. What helps differs: on the amazon's images
contrast and CLAHE hurt.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kaggle_utils.learning.own import is_own, own

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
    "grayscale": [("ToGray", {"p": 0.3})],
    "noise": [("GaussNoise", {"std_range": (0.02, 0.08), "p": 0.4})],  # of the full range
    "cutout": [  # pixels only: what lies behind a hole is still to be found
        ("CoarseDropout", {"num_holes_range": (1, 4), "hole_height_range": (0.05, 0.2), "hole_width_range": (0.05, 0.2),
                           "fill": 0, "p": 0.5}),
    ],
}  # fmt: skip

COLOUR_SETS = {"grayscale": (3,), "clahe": (1, 3)}  # those that need colours, or one: for no other number of channels
SQUARE_SETS = {"dihedral"}  # those that need square images
MULTIPLE = 32  # of which the sides of a crop are multiples, as encoders want them

_CUBIC, _REFLECT = 2, 4  # OpenCV's numbers: cubic interpolation, borders mirrored

GEOMETRY_SETS: dict[str, list[tuple[str, dict]]] = {
    "flips": [("HorizontalFlip", {"p": 0.5}), ("VerticalFlip", {"p": 0.5})],
    "dihedral": [("D4", {"p": 1.0})],  # flips and quarter turns; for square images
    "crop": [("RandomCrop", {"side": 0.75})],  # always a window of this part of each side, as it is: a smaller input
    "crop_rescale": [("RandomResizedCrop", {"scale": (0.4, 1.0), "interpolation": _CUBIC, "p": 0.7})],
    "rotate_rescale": [
        ("Affine", {"rotate": (-20, 20), "scale": (0.8, 1.25), "translate_percent": (-0.1, 0.1), "keep_ratio": True,
                    "border_mode": _REFLECT, "p": 0.7}),
    ],
}  # fmt: skip

BATCH_SETS: dict[str, dict[str, float]] = {  # share of the other picture drawn from Beta(alpha, alpha), p of the batches
    "mixup": {"alpha": 0.4, "p": 0.5},
    "cutmix": {"alpha": 1.0, "p": 0.5},
}


def split_sets(name: str) -> tuple[str, str]:
    """The part of a name that is about each picture by itself, for :func:`augmentation`, and the part that mixes
    a batch, for :func:`kaggle_utils.learning.mixing.mixing`.

    name: keys of PIXEL_SETS, GEOMETRY_SETS and BATCH_SETS, and ``own.py:name``, joined by '+'; ValueError for an unknown one

    >>> split_sets("flips+mixup+clahe"), split_sets("cutmix")
    (('flips+clahe', 'mixup'), ('none', 'cutmix'))
    """
    parts = name.split("+")
    known_sets("+".join(part for part in parts if not is_own(part)) or "none", PIXEL_SETS | GEOMETRY_SETS | BATCH_SETS)
    single, batches = ([part for part in parts if (part in BATCH_SETS) == mixed] for mixed in (False, True))
    return "+".join(single) or "none", "+".join(batches)


def pixel_augmentation(name: str, seed: int = 0) -> Callable[[np.ndarray], np.ndarray] | None:
    """A function (H, W, 3) uint8 RGB -> the same shape, or None for the set ``none``.

    name: a key of PIXEL_SETS, several joined by '+'; seed: covers the draws of this function's calls.
    Raises ValueError for an unknown name.

    >>> pixel_augmentation("clahe+blur_downscale")(np.zeros((32, 32, 3), np.uint8)).shape
    (32, 32, 3)
    """
    whole = _composed(_steps(name, PIXEL_SETS), None, seed)
    return whole and (lambda image: whole(image=np.ascontiguousarray(image))["image"])


def augmentation(
    name: str, size: tuple[int, int], channels: int = 3
) -> Callable[[np.ndarray, np.ndarray | None, int | None], tuple[np.ndarray, np.ndarray | None]]:
    """A function (image, masks, draw) -> (image, masks), in which both move alike.

    name: keys of PIXEL_SETS and GEOMETRY_SETS joined by '+', applied in this order; ``own.py:name`` is a list of
        transforms of albumentations
    size: (width, height) of the images; all come out in this size, or with ``crop`` all in a smaller one
    image: (H, W, channels) uint8; masks: (H, W, C), or None where there are none
    draw: seed of this one call, None for no augmentation; the same draw gives the same anywhere
    Raises ValueError for an unknown name, and for a set that needs colours or square images where there are none.

    >>> flipped = augmentation("flips", size=(2, 1))
    >>> image = np.array([[[1], [2]]], np.uint8).repeat(3, axis=2)
    >>> sorted({flipped(image, None, draw)[0][0, 0, 0].item() for draw in range(9)})
    [1, 2]
    """
    steps = [
        step for part in name.split("+") for step in (own(part) if is_own(part) else _steps(part, PIXEL_SETS | GEOMETRY_SETS))
    ]
    require_fit(name, size, channels)
    whole = _composed(steps, size, 0)

    def augmented(image: np.ndarray, masks: np.ndarray | None, draw: int | None) -> tuple[np.ndarray, np.ndarray | None]:
        if whole is None or draw is None:
            return image, masks
        whole.set_random_seed(draw)
        given = {"image": image} if masks is None else {"image": image, "mask": masks}
        made = whole(**given)
        return made["image"], None if masks is None else made["mask"].reshape(*made["image"].shape[:2], -1)

    return augmented


def require_fit(name: str, size: tuple[int, int], channels: int = 3) -> None:
    """Raises ValueError where a set does not suit images of this size, (width, height), and so many channels.

    >>> require_fit("flips+dihedral", (480, 480))
    """
    parts = name.split("+")
    if colours := [part for part in parts if channels not in COLOUR_SETS.get(part, (channels,))]:
        needed = " or ".join(map(str, COLOUR_SETS[colours[0]]))
        raise ValueError(f"augmentations is {name!r}, {colours} needs pictures of {needed} channels, these have {channels}")
    if size[0] != size[1] and (turns := [part for part in parts if part in SQUARE_SETS]):
        raise ValueError(f"augmentations is {name!r}, {turns} needs square pictures, these are {size[0]}x{size[1]}")


def known_sets(name: str, sets: Mapping[str, Any]) -> list[str]:
    """The names joined by '+'; raises ValueError for one that is not a key of ``sets``."""
    wanted = name.split("+")
    if unknown := [part for part in wanted if part not in sets]:
        raise ValueError(f"augmentations is {name!r}, {unknown} is not among {', '.join(sets)}")
    return wanted


def _steps(name: str, sets: dict[str, list[tuple[str, dict]]]) -> list[tuple[str, dict]]:
    return [step for part in known_sets(name, sets) for step in sets[part]]


def _composed(steps: list[tuple[str, dict]], size: tuple[int, int] | None, seed: int) -> Callable[..., dict] | None:
    if not steps:
        return None
    import albumentations

    made = []
    for step in steps:
        if isinstance(step, tuple):
            arguments, size = _sized(*step, size)
            step = getattr(albumentations, step[0])(**arguments)
        made.append(step)
    return albumentations.Compose(made, seed=seed)


def _sized(kind: str, arguments: dict, size: tuple[int, int] | None) -> tuple[dict, tuple[int, int] | None]:
    """A transform's arguments for images of (width, height), and the size that it leaves."""
    if kind == "RandomCrop":
        width, height = (max(1, round(side * arguments["side"] / MULTIPLE)) * MULTIPLE for side in size)
        return {"height": height, "width": width, "pad_if_needed": True, "p": 1.0}, (width, height)
    if kind == "RandomResizedCrop":
        shape = size[0] / size[1]
        return {"size": (size[1], size[0]), "ratio": (0.9 * shape, 1.1 * shape)} | arguments, size
    return arguments, size
