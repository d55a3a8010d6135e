"""Images with masks laid over them, and what masks are like: sizes, places, company.

One colour a class in every picture. Images are (H, W, 3) uint8 RGB, masks (K, H, W), a plane a class;
figures are matplotlib's, made as in :mod:`kaggle_utils.pictures.curves`.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from kaggle_utils.pictures.figures import LINE, Picture, label, new_figure, rgb

CLASS_COLOURS = ("#ff6b6b", "#51cf66", "#4dabf7", "#ffd43b", "#da77f2", "#ff922b")
SPECK = 0.01  # of the image
CAPTION = (0.35, 0.08)  # of its sides: the corner that :func:`kaggle_utils.pictures.frames.contact_sheet` writes into

_Part = tuple[tuple[int, int], str, str]  # upper left corner, name and colour of a connected part of a mask


def draw_masks(image: np.ndarray, masks: np.ndarray, names: Sequence[str], fill: float = 0.12) -> np.ndarray:
    """A copy of the image with each class's mask tinted and outlined, and each of its parts named.

    masks: (K, h, w) of any size, stretched over the image; fill: strength of the tint
    names: of the K classes; where one is empty, its parts have no plates
    Parts below SPECK of the image have no name, unless the class has no larger one.

    >>> image, masks = np.zeros((60, 90, 3), np.uint8), np.zeros((1, 6, 9), bool)
    >>> masks[0, 2:4, 3:6] = True
    >>> draw_masks(image, masks, ["Fish"])[37, 50].tolist()
    [31, 13, 13]
    """
    image, pen = np.ascontiguousarray(image).copy(), max(1, round(image.shape[1] / 250))
    parts: list[_Part] = []
    for mask, name, colour in zip(masks, names, CLASS_COLOURS * len(names), strict=False):
        if not np.any(mask):
            continue
        plane = cv2.resize(np.asarray(mask, np.uint8), image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        inside = plane > 0
        image[inside] = np.rint((1 - fill) * image[inside] + fill * np.array(rgb(colour)))
        outlines, _ = cv2.findContours(plane, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(image, outlines, -1, rgb(colour), pen)
        areas = [cv2.contourArea(outline) for outline in outlines]
        least = min(SPECK * plane.size, max(areas)) if name else np.inf
        parts += [(_corner(outline), name, colour) for outline, area in zip(outlines, areas, strict=True) if area >= least]
    return _named(image, parts)


def _corner(outline: np.ndarray) -> tuple[int, int]:
    """(x, y) of the left end of an outline's top."""
    x, y = outline[:, 0].T
    return int(x[y < y.min() + 3].min()), int(y.min())


def _named(image: np.ndarray, parts: Sequence[_Part]) -> np.ndarray:
    """The parts' names on plates of their colours, each at its corner or as little below as a free place needs."""
    height, width = image.shape[:2]
    picture = Image.fromarray(image)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(max(10, round(width / 32)))
    taken = [(0, 0, round(CAPTION[0] * width), round(CAPTION[1] * height))]
    for (x, y), name, colour in sorted(parts, key=lambda part: part[0][1]):
        _, _, wide, tall = draw.textbbox((0, 0), name, font, "la")
        left, tall = max(0, min(x, width - wide - 6)), tall + 4
        below = [y, *(bottom + 1 for _, _, _, bottom in taken if bottom + 1 > y)]
        top = next((t for t in sorted(below) if _free((left, t, left + wide + 6, t + tall), taken, height)), y)
        taken.append((left, top, left + wide + 6, top + tall))
        draw.rectangle(taken[-1], fill=colour)
        draw.text((left + 3, top + 1), name, "#212529", font, "la")
    return np.array(picture)


def _free(plate: tuple[int, int, int, int], taken: Sequence[tuple[int, int, int, int]], height: int) -> bool:
    """Whether a plate (left, top, right, bottom) is inside the image and on no other."""
    left, top, right, bottom = plate
    return bottom < height and not any(left <= r and right >= x and top <= b and bottom >= y for x, y, r, b in taken)


def before_and_after(image: np.ndarray, steps: Sequence[np.ndarray], names: Sequence[str]) -> list[np.ndarray]:
    """The image with each of several sets of masks, such as truth, plain threshold, decision; for a contact sheet.

    steps: each (K, h, w)

    >>> len(before_and_after(np.zeros((6, 9, 3), np.uint8), [np.zeros((1, 6, 9))] * 3, ["Fish"]))
    3
    """
    return [draw_masks(image, masks, names) for masks in steps]


def class_combinations(labels: np.ndarray, names: Sequence[str], most: int = 16) -> Picture:
    """How many images have which classes together. labels: (N, K) bool; most: combinations shown."""
    found, counts = np.unique(np.asarray(labels, bool), axis=0, return_counts=True)
    order = np.argsort(-counts)[:most][::-1]
    texts = [" + ".join(name for name, has in zip(names, found[i], strict=True) if has) or "none" for i in order]
    figure, axes = new_figure(7, 0.6 + 0.24 * len(order))
    bars = axes.barh(texts, counts[order], color=LINE)
    axes.bar_label(bars, fontsize=8, padding=3)
    label(axes, "Classes of an image", x="images")
    return figure


def mask_areas(shares: np.ndarray, names: Sequence[str]) -> Picture:
    """How much of its image a mask covers, by class. shares: (N, K) from 0 to 1, 0 where there is no mask."""
    figure, _ = new_figure(2.4 * len(names), 2.2, columns=len(names), sharex=True, sharey=True)
    for one, column, name, colour in zip(figure.axes, np.transpose(shares), names, CLASS_COLOURS, strict=False):
        one.hist(100 * column[column > 0], bins=np.linspace(0, 100, 21), color=colour)
        median = 100 * np.median(column[column > 0]) if (column > 0).any() else np.nan
        label(one, f"{name}: {(column > 0).sum()} masks, median {median:.0f} %", x="% of the image")
    return figure


def mask_places(mean_masks: np.ndarray, names: Sequence[str]) -> Picture:
    """Where masks of each class lie. mean_masks: (K, h, w), the share of images whose mask has that pixel."""
    figure, _ = new_figure(2.6 * len(names), 2.2, columns=len(names))
    top = float(np.max(mean_masks, initial=1e-6))
    for one, plane, name in zip(figure.axes, mean_masks, names, strict=True):
        shown = one.imshow(100 * plane, cmap="viridis", vmin=0, vmax=100 * top)
        one.set_axis_off()
        label(one, name)
    figure.colorbar(shown, ax=figure.axes, shrink=0.8, label="% of images")
    return figure
