"""From probabilities to masks: the rules of mask competitions as one object, chosen once, applied anywhere.

Rules, each with the team or diary of *Understanding Clouds from Satellite Images* that used it:

- pixels of at least a level are drawn, and components below a minimum size left out (levels of .65 to
  .75 and 10,000 to 15,000 pixels at 350x525);
- the triplet: a high level and a size decide whether a mask is kept, a low level draws it (1st place:
  .67 to .69, 7,500 to 10,000 pixels, .31 to .36);
- the gate: no mask where the class score is low, the score being the classifier's averaged with the
  mean of the highest pixels (1st place, 17,500 of them);
- the best class always positive, as every image there has at least one (1st place);
- hull, polygon or rectangle around each component, as the true masks are drawn by hand.

Probabilities are 8-bit: level v stands for v / 255. What a decision is worth is found in
:mod:`kaggle_utils.masks.search`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kaggle_utils.masks.components import remove_small
from kaggle_utils.masks.dice import pixels_at_levels

OUTLINES = ("drawn", "hull", "polygon", "rectangle")
_TOLERANCE = 0.02  # of a polygon, as a share of the contour's length


@dataclass(frozen=True)
class ClassDecision:
    """How the probabilities of one class become its mask.

    draw: pixels of at least this level are drawn, 1 to 255
    min_component: components of fewer pixels are left out
    decide, min_size: the mask is kept where at least min_size pixels have the level decide
    gate: the mask is kept where the class score is at least this
    outline: each component as "drawn", or its "hull", "polygon" or "rectangle", filled

    >>> str(ClassDecision(draw=85, decide=171, min_size=8000, gate=0.4))
    'from .33, if 8000 px reach .67, score .40'
    """

    draw: int = 128
    min_component: int = 0
    decide: int = 128
    min_size: int = 0
    gate: float = 0.0
    outline: str = "drawn"

    def __post_init__(self) -> None:
        for name in ("draw", "decide"):
            if not 1 <= getattr(self, name) <= 255:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a level of 1 to 255")
        if self.outline not in OUTLINES:
            raise ValueError(f"outline is {self.outline!r}, expected one of {list(OUTLINES)}")

    def __str__(self) -> str:
        parts = [f"from {_share(self.draw / 255)}"]
        if self.min_component:
            parts.append(f"components of {self.min_component} px")
        if self.min_size:
            parts.append(f"if {self.min_size} px reach {_share(self.decide / 255)}")
        if self.gate:
            parts.append(f"score {_share(self.gate)}")
        return ", ".join(parts if self.outline == "drawn" else [*parts, self.outline])


def _share(value: float) -> str:
    return f"{value:.2f}".removeprefix("0")


@dataclass(frozen=True)
class MaskDecision:
    """How the probabilities of an image become its masks.

    classes: one decision a class
    top_n: the score that the gates look at is the mean of the class score and of the top_n highest
        pixels; 0: the class score alone. Without class scores it is the pixels' mean alone.
    best_class: the mask of the class with the highest score is kept whatever its score and size
    """

    classes: tuple[ClassDecision, ...]
    top_n: int = 0
    best_class: bool = False

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MaskDecision:
        """The inverse of ``dataclasses.asdict``, for decision.json.

        >>> from dataclasses import asdict
        >>> one = MaskDecision((ClassDecision(), ClassDecision(gate=0.3)), top_n=100)
        >>> MaskDecision.from_dict(asdict(one)) == one
        True
        """
        return cls(**{**values, "classes": tuple(ClassDecision(**each) for each in values["classes"])})

    def __str__(self) -> str:
        classes = "; ".join(map(str, self.classes))
        return f"[{classes}{f'; top {self.top_n} px' * (self.top_n > 0)}{'; best class kept' * self.best_class}]"


def masks_by_rule(decision: MaskDecision, probabilities: np.ndarray, class_scores: np.ndarray | None = None) -> np.ndarray:
    """(C, H, W) uint8, 0 or 1: the masks of one image.

    probabilities: (C, H, W) uint8, 255 is certain
    class_scores: (C,) a classifier's probabilities, 0 to 1
    Raises ValueError for another shape or dtype, and where the decision needs a score that is not there.

    >>> image = np.array([[[200, 90, 0]], [[0, 100, 0]]], np.uint8)
    >>> masks_by_rule(MaskDecision((ClassDecision(draw=80, decide=150, min_size=1),) * 2), image).tolist()
    [[[1, 1, 0]], [[0, 0, 0]]]
    """
    probabilities = np.asarray(probabilities)
    n = len(decision.classes)
    if probabilities.dtype != np.uint8 or probabilities.ndim != 3 or len(probabilities) != n:
        raise ValueError(f"probabilities are {probabilities.dtype} {probabilities.shape}, expected uint8 ({n}, H, W)")
    kept = np.zeros(n, bool)
    scores = np.zeros(n)
    if decision.best_class or any(rule.gate for rule in decision.classes):
        pixels = np.stack([pixels_at_levels(values) for values in probabilities])
        scores = gate_scores(pixels, class_scores, decision.top_n)
        kept[np.argmax(scores)] = decision.best_class
    masks = map(_mask, decision.classes, probabilities, scores, kept)
    return np.stack(list(masks))


def _mask(rule: ClassDecision, probability: np.ndarray, score: float, kept: bool) -> np.ndarray:
    """(H, W) of one class; kept: whatever its score and size."""
    small = np.count_nonzero(probability >= rule.decide) < rule.min_size
    if not kept and (score < rule.gate or small):
        return np.zeros(probability.shape, np.uint8)
    mask = (probability >= rule.draw).view(np.uint8)
    if rule.min_component > 1 and not kept:
        mask = remove_small(mask, rule.min_component)
    return outlined(mask, rule.outline)


def outlined(mask: np.ndarray, outline: str) -> np.ndarray:
    """(H, W) uint8: each component of a (H, W) uint8 mask filled out to its outline, see OUTLINES.

    >>> outlined(np.array([[1, 0, 0], [1, 0, 0], [1, 1, 1]], np.uint8), "rectangle").sum()
    np.uint64(9)
    """
    return all_outlined(mask, [outline])[0]


def all_outlined(mask: np.ndarray, outlines: Sequence[str]) -> list[np.ndarray]:
    """:func:`outlined` of several outlines; the components' contours are found once."""
    import cv2

    contours, found = None, []
    for outline in outlines:
        if outline != "drawn" and contours is None:
            contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        found.append(mask if outline == "drawn" else _filled(mask.shape, contours, outline))
    return found


def _filled(shape: tuple[int, int], contours: Sequence[np.ndarray], outline: str) -> np.ndarray:
    import cv2

    filled = np.zeros(shape, np.uint8)
    for contour in contours:
        cv2.fillPoly(filled, [_polygon(contour, outline)], 1)
    return filled


def _polygon(contour: np.ndarray, outline: str) -> np.ndarray:
    import cv2

    if outline == "hull":
        return cv2.convexHull(contour)
    if outline == "polygon":
        return cv2.approxPolyDP(contour, _TOLERANCE * cv2.arcLength(contour, True), True)
    left, top, width, height = cv2.boundingRect(contour)
    right, bottom = left + width - 1, top + height - 1
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.int32)


def top_mean(pixels: np.ndarray, n: int) -> np.ndarray:
    """(...) float64, 0 to 1: the mean of the n highest pixels, of all where there are fewer.

    pixels: (..., 256) of :func:`kaggle_utils.masks.dice.pixels_at_levels`

    >>> top_mean(pixels_at_levels(np.array([[255, 0, 51]], np.uint8)), 2).round(3)
    np.float64(0.6)
    """
    highest = np.minimum(np.asarray(pixels), n)  # of those at each level, how many are among the n highest
    return highest[..., 1:].sum(-1) / (255.0 * highest[..., 0])


def gate_scores(pixels: np.ndarray, class_scores: np.ndarray | None, top_n: int) -> np.ndarray:
    """(..., C) float64: the score that gates and the best class look at, see :class:`MaskDecision`.

    pixels: (..., C, 256) of :func:`kaggle_utils.masks.dice.pixels_at_levels`; class_scores: (..., C)
    Raises ValueError where there is neither a class score nor a top_n, or the shapes differ.
    """
    if class_scores is None and not top_n:
        raise ValueError("a gate or the best class needs class_scores or a top_n above 0, there is neither")
    parts = [] if class_scores is None else [np.asarray(class_scores, np.float64)]
    if parts and parts[0].shape != pixels.shape[:-1]:
        raise ValueError(f"class_scores have shape {parts[0].shape}, expected {pixels.shape[:-1]}")
    return np.mean(parts + ([top_mean(pixels, top_n)] if top_n else []), axis=0)
