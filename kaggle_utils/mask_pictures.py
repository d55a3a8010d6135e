"""Images with masks laid over them, and what masks are like: sizes, places, company.

One colour a class in every picture. Images are (H, W, 3) uint8 RGB, masks (K, H, W), a plane a class;
figures are matplotlib's, made as in :mod:`kaggle_utils.plots`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kaggle_utils.figures import LINE, Picture, label, new_figure, rgb

__all__ = ["CLASS_COLOURS", "draw_masks", "before_and_after", "class_combinations", "mask_areas", "mask_places"]

CLASS_COLOURS = ("#ff6b6b", "#51cf66", "#4dabf7", "#ffd43b", "#da77f2", "#ff922b")


def draw_masks(image: np.ndarray, masks: np.ndarray, names: Sequence[str], fill: float = 0.12) -> np.ndarray:
    """A copy of the image with each class's mask tinted, outlined and named.

    masks: (K, h, w) of any size, stretched over the image; names: of the K classes; fill: strength of the tint

    >>> image, masks = np.zeros((60, 90, 3), np.uint8), np.zeros((1, 6, 9), bool)
    >>> masks[0, 2:4, 3:6] = True
    >>> draw_masks(image, masks, ["Fish"])[30, 45].tolist()
    [31, 13, 13]
    """
    import cv2

    image, pen = np.ascontiguousarray(image).copy(), max(1, round(image.shape[1] / 250))
    for mask, name, colour in zip(masks, names, CLASS_COLOURS * len(names), strict=False):
        if not np.any(mask):
            continue
        plane = cv2.resize(np.asarray(mask, np.uint8), image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        inside = plane > 0
        image[inside] = np.rint((1 - fill) * image[inside] + fill * np.array(rgb(colour)))
        outlines, _ = cv2.findContours(plane, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(image, outlines, -1, rgb(colour), pen)
        _name(image, max(outlines, key=cv2.contourArea), name, colour)
    return image


def _name(image: np.ndarray, outline: np.ndarray, name: str, colour: str) -> None:
    """The class's name inside the upper left corner of its outline."""
    import cv2

    scale = max(0.3, image.shape[1] / 900)
    x, y, *_ = cv2.boundingRect(outline)
    left, base = outline[outline[:, 0, 1] < y + 3][:, 0, 0].min(), y + round(26 * scale)
    for paint, pen in (((0, 0, 0), 3), (rgb(colour), 1)):
        width = max(1, round(pen * scale + 0.5))
        cv2.putText(image, name, (int(left) + 4, base), cv2.FONT_HERSHEY_SIMPLEX, scale, paint, width, cv2.LINE_AA)


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
    bars = axes[0, 0].barh(texts, counts[order], color=LINE)
    axes[0, 0].bar_label(bars, fontsize=8, padding=3)
    label(axes[0, 0], "Classes of an image", x="images")
    return figure


def mask_areas(shares: np.ndarray, names: Sequence[str]) -> Picture:
    """How much of its image a mask covers, by class. shares: (N, K) from 0 to 1, 0 where there is no mask."""
    figure, axes = new_figure(2.4 * len(names), 2.2, columns=len(names), sharex=True, sharey=True)
    for one, column, name, colour in zip(axes.flat, np.transpose(shares), names, CLASS_COLOURS, strict=False):
        one.hist(100 * column[column > 0], bins=np.linspace(0, 100, 21), color=colour)
        median = 100 * np.median(column[column > 0]) if (column > 0).any() else np.nan
        label(one, f"{name}: {(column > 0).sum()} masks, median {median:.0f} %", x="% of the image")
    return figure


def mask_places(mean_masks: np.ndarray, names: Sequence[str]) -> Picture:
    """Where masks of each class lie. mean_masks: (K, h, w), the share of images whose mask has that pixel."""
    figure, axes = new_figure(2.6 * len(names), 2.2, columns=len(names))
    top = float(np.max(mean_masks, initial=1e-6))
    for one, plane, name in zip(axes.flat, mean_masks, names, strict=True):
        shown = one.imshow(100 * plane, cmap="viridis", vmin=0, vmax=100 * top)
        one.set_axis_off()
        label(one, name)
    figure.colorbar(shown, ax=axes, shrink=0.8, label="% of images")
    return figure
