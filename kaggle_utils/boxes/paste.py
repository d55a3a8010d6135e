"""Copy-paste for training: starfish cut from some frames, blended into others where nothing is.

Four of five reef frames are empty and 4,919 hold the 11,898 starfish there are, so a detector sees the
same ones on the same ground; the 5th of the competition pasted them elsewhere, blended by Poisson's
equation. A patch is cut with a margin; its soft elliptical mask keeps the starfish and fades the ground
around it. Pasting never covers a box that is there, so no annotation becomes wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from kaggle_utils.images.views import VIEWS, view, view_boxes

TRIES = 64  # places tried for each object before it is given up
PLACES = 8  # free ones of which the first with some contrast is taken
GAINS = (0.6, 1.7)  # how far brightness matching may darken or lighten a colour


@dataclass(frozen=True)
class Donor:
    """An object to paste.

    patch: (h, w, 3) uint8 RGB, the object and some ground around it
    alpha: (h, w) float32, 1 on the object, falling to 0 at the patch's edge
    xyxy: (4,) float64, the object's box in pixels of the patch
    """

    patch: np.ndarray
    alpha: np.ndarray
    xyxy: np.ndarray


def donors_from_frames(
    images: Iterable[np.ndarray], boxes: Iterable[np.ndarray], *, margin: float = 0.3, min_side: float = 6
) -> list[Donor]:
    """Cuts every object of some frames out, with ground around it.

    images: (H, W, 3) uint8 RGB each; boxes: (N, 4) xyxy pixels each, as many as images
    margin: of ground on each side, as a share of the box's width and height, above 0.21, so that an
        ellipse round the whole box fits into the patch
    min_side: boxes narrower or lower than this many pixels are left out, as are those whose margin
        reaches beyond the frame (they may be cut off themselves)
    Raises ValueError for a margin too small and where images and boxes differ in number.

    >>> frame = np.zeros((100, 200, 3), np.uint8)
    >>> [d.patch.shape for d in donors_from_frames([frame], [[[50, 40, 90, 60], [0, 0, 20, 20]]])]
    [(32, 64, 3)]
    """
    if margin <= 0.21:
        raise ValueError(f"margin is {margin}, expected more than 0.21")
    found = []
    for image, xyxy in zip(images, boxes, strict=True):
        for box in np.asarray(xyxy, dtype=np.float64).reshape(-1, 4):
            found += _cut(image, box, margin, min_side)
    return found


def paste_objects(
    image: np.ndarray,
    xyxy: np.ndarray,
    donors: Sequence[Donor],
    rng: np.random.Generator,
    *,
    count: int = 1,
    blend: str = "alpha",
    scale: tuple[float, float] = (0.7, 1.3),
) -> tuple[np.ndarray, np.ndarray]:
    """Pastes objects, each mirrored, turned and scaled at random, where no box and no other paste is.

    Ground with a contrast of its own is preferred: a starfish does not float in open water.

    image: (H, W, 3) uint8 RGB, left as it is; xyxy: (N, 4) pixels, the boxes already there
    rng: the only source of chance: the same state gives the same picture
    count: how many are pasted, fewer where no free place is found
    blend: ``alpha``: colours are matched to the ground, then mixed by the soft mask; ``poisson``:
        OpenCV's seamless cloning, which keeps the object's edges and takes the ground's colours
    scale: smallest and largest factor of size
    Returns the new image and (N + pasted, 4) float64 boxes, the given ones first.
    Raises ValueError when there are no donors and for another blend.

    >>> donors = donors_from_frames([np.full((60, 60, 3), 200, np.uint8)], [[[20, 20, 40, 40]]])
    >>> sea = np.zeros((200, 300, 3), np.uint8)
    >>> image, xyxy = paste_objects(sea, [[10, 10, 30, 30]], donors, np.random.default_rng(0), count=3)
    >>> image.shape, len(xyxy)
    ((200, 300, 3), 4)
    """
    if not len(donors):
        raise ValueError("donors is empty, expected at least one object to paste")
    if blend not in BLENDS:
        raise ValueError(f"blend is {blend!r}, expected one of {', '.join(BLENDS)}")
    image, boxes = image.copy(), np.asarray(xyxy, dtype=np.float64).reshape(-1, 4)
    taken = boxes
    for _ in range(count):
        donor = _varied(donors[rng.integers(len(donors))], rng, scale)
        place = _place(image, donor, taken, rng)
        if place is not None:
            x, y, right, bottom = place
            image[y:bottom, x:right] = BLENDS[blend](image[y:bottom, x:right], donor)
            taken = np.vstack([taken, place])
            boxes = np.vstack([boxes, donor.xyxy + [x, y, x, y]])
    return image, boxes


def _cut(image: np.ndarray, box: np.ndarray, margin: float, min_side: float) -> list[Donor]:
    """The donor of one box (4,), or none."""
    size = box[2:] - box[:2]
    x, y = np.floor(box[:2] - margin * size).astype(int)
    right, bottom = np.ceil(box[2:] + margin * size).astype(int)
    if size.min() < min_side or min(x, y) < 0 or right > image.shape[1] or bottom > image.shape[0]:
        return []
    within = box - [x, y, x, y]
    return [Donor(image[y:bottom, x:right].copy(), _ellipse((bottom - y, right - x), within), within)]


def _ellipse(shape: tuple[int, int], box: np.ndarray) -> np.ndarray:
    """(h, w) float32: 1 in the ellipse inside the box, falling smoothly to 0 at the patch's edge."""
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    y, x = np.ogrid[: shape[0], : shape[1]]
    radius = np.hypot((x + 0.5 - centre[0]) / half[0], (y + 0.5 - centre[1]) / half[1])
    edge = np.concatenate([radius[0], radius[-1], radius[:, 0], radius[:, -1]]).min()
    t = np.clip((edge - radius) / (edge - 1), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def _varied(donor: Donor, rng: np.random.Generator, scale: tuple[float, float]) -> Donor:
    name = list(VIEWS)[rng.integers(len(VIEWS))]
    height, width = donor.alpha.shape
    patch, alpha = (np.ascontiguousarray(view(array, name)) for array in (donor.patch, donor.alpha))
    box = view_boxes(donor.xyxy, name, width, height)[0]
    height, width = alpha.shape
    factor = rng.uniform(*scale)
    size = max(3, round(width * factor)), max(3, round(height * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    grown = np.array([size[0] / width, size[1] / height] * 2)
    return Donor(cv2.resize(patch, size, interpolation=how), cv2.resize(alpha, size, interpolation=how), box * grown)


def _place(image: np.ndarray, donor: Donor, taken: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """(4,) int xyxy of a free place, on the reef rather than in open water where both are found; or None."""
    free = _free_places(image.shape, donor.patch.shape, taken, rng)
    contrasts = [image[y:bottom, x:right].std() for x, y, right, bottom in free[:PLACES]]
    rough = np.array(contrasts) >= 0.5 * donor.patch.std()
    return free[np.argmax(rough)] if len(free) else None


def _free_places(frame: tuple[int, ...], patch: tuple[int, ...], taken: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n, 4) int xyxy of random places inside the frame that touch none of the boxes taken (M, 4)."""
    room = np.array([frame[1] - patch[1], frame[0] - patch[0]])
    if room.min() < 0:
        return np.zeros((0, 4), dtype=np.int64)
    corner = rng.integers(0, room + 1, (TRIES, 2))
    places = np.hstack([corner, corner + [patch[1], patch[0]]])
    apart = (places[:, None, :2] >= taken[:, 2:]) | (places[:, None, 2:] <= taken[:, :2])  # (TRIES, M, 2)
    return places[apart.any(axis=2).all(axis=1)]


def _mixed(ground: np.ndarray, donor: Donor) -> np.ndarray:
    """(h, w, 3) uint8: the donor over the ground, its own ground's mean colour brought to this one's."""
    alpha, patch = donor.alpha[..., None], donor.patch.astype(np.float32)
    around = (1 - alpha) / max(float((1 - alpha).sum()), 1e-6)
    gain = ((ground * around).sum((0, 1)) + 1) / ((patch * around).sum((0, 1)) + 1)
    matched = np.clip(patch * np.clip(gain, *GAINS), 0, 255)
    return np.rint(alpha * matched + (1 - alpha) * ground).astype(np.uint8)


def _cloned(ground: np.ndarray, donor: Donor) -> np.ndarray:
    """(h, w, 3) uint8: the donor's gradients within its mask, the ground's colours at its rim."""
    inside = donor.alpha > 0
    inside[[0, -1]] = inside[:, [0, -1]] = False  # the rim of the equation must lie on the ground
    if not inside.any():
        return ground
    x, y, width, height = cv2.boundingRect(inside.astype(np.uint8))
    centre = (x + width // 2, y + height // 2)  # cloning puts the middle of the mask's bounds here
    mask = inside.astype(np.uint8) * 255
    cloned = cv2.seamlessClone(donor.patch, np.ascontiguousarray(ground), mask, centre, cv2.NORMAL_CLONE)
    return np.where(inside[..., None], cloned, ground)


BLENDS = {"alpha": _mixed, "poisson": _cloned}
