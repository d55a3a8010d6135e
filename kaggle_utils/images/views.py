"""Test-time augmentation: named views of an image, each with its inverse.

A view turns or mirrors an image; what a model says of the view is turned back before it is merged.
The eight views are the symmetries of the square and are right on non-square images too: a quarter
turn swaps width and height, and the inverse takes that into account. For batches of masks and labels
on the device, and scales, see :mod:`kaggle_utils.learning.views`; a detector's scales are its resolutions.
"""

from __future__ import annotations

import numpy as np

# name: (transpose first, flip vertically, flip horizontally)
VIEWS = {
    "identity": (False, False, False),
    "hflip": (False, False, True),
    "vflip": (False, True, False),
    "rot180": (False, True, True),
    "transpose": (True, False, False),
    "rot90": (True, True, False),  # counter-clockwise, as numpy.rot90
    "rot270": (True, False, True),
    "antitranspose": (True, True, True),
}


def _parts(name: str) -> tuple[bool, bool, bool]:
    if name not in VIEWS:
        raise ValueError(f"view is {name!r}, expected one of {', '.join(VIEWS)}")
    return VIEWS[name]


def _inverse(name: str) -> str:
    """The view that undoes another: each but the two quarter turns undoes itself."""
    return {"rot90": "rot270", "rot270": "rot90"}.get(name, name)


def view(image: np.ndarray, name: str) -> np.ndarray:
    """(H, W, ...) image -> its view, (H, W, ...) or (W, H, ...); no copy.

    >>> view(np.array([[1, 2], [3, 4]]), "rot90").tolist()
    [[2, 4], [1, 3]]
    """
    transpose, vertical, horizontal = _parts(name)
    image = image.swapaxes(0, 1) if transpose else image
    return image[:: -1 if vertical else 1, :: -1 if horizontal else 1]


def unview(image: np.ndarray, name: str) -> np.ndarray:
    """The inverse of :func:`view`.

    >>> unview(view(np.arange(6).reshape(2, 3), "rot90"), "rot90").tolist()
    [[0, 1, 2], [3, 4, 5]]
    """
    return view(image, _inverse(name))


def view_boxes(xyxy: np.ndarray, name: str, width: float, height: float) -> np.ndarray:
    """(N, 4) boxes of an image of width x height -> the same boxes in its view; float64 pixels.

    >>> view_boxes([[0, 0, 10, 5]], "hflip", width=100, height=50)
    array([[ 90.,   0., 100.,   5.]])
    """
    transpose, vertical, horizontal = _parts(name)
    x1, y1, x2, y2 = np.asarray(xyxy, dtype=np.float64).reshape(-1, 4).T
    if transpose:
        x1, y1, x2, y2, width, height = y1, x1, y2, x2, height, width
    if horizontal:
        x1, x2 = width - x2, width - x1
    if vertical:
        y1, y2 = height - y2, height - y1
    return np.column_stack([x1, y1, x2, y2])


def unview_boxes(xyxy: np.ndarray, name: str, width: float, height: float) -> np.ndarray:
    """The inverse of :func:`view_boxes`; width and height are the original image's.

    >>> unview_boxes([[90, 0, 100, 5]], "hflip", width=100, height=50)
    array([[ 0.,  0., 10.,  5.]])
    """
    seen = (height, width) if _parts(name)[0] else (width, height)
    return view_boxes(xyxy, _inverse(name), *seen)
