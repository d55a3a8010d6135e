"""Fusion: the boxes of several models or views of the same frames made into one set.

Reef teams fused 4 models x 11 resolutions (2nd place), or 6 models at a low confidence (6th: +.02), and
the diaries compare Non-Maximum Suppression, Soft-NMS, Non-Maximum Weighted and Weighted Boxes Fusion.
Here each works on whole tables, frame by frame and label by label, in pixels; one table alone is
fused with itself, which is what NMS on one model's predictions is.

Sources: Soft-NMS, Bodla et al. 2017; NMW, Zhou et al. 2017 (CAD); WBF, Solovyev et al. 2021. The answers
are those of ensemble_boxes 1.0.9, the package everybody uses, which stays at hand as the referee
(``fuse(..., engine="ensemble_boxes")``); where it is wrong the answer differs on purpose:

- a score above 1 with weights [2, 1] and overflow off (two boxes of the heavy model): 1 at most;
- coordinates that are not a number where a cluster's scores are all 0: its boxes count alike;
- Soft-NMS lowered scores only to choose boxes and returned the old ones: the lowered ones come back,
  since they are what Soft-NMS is; ``decayed=False`` gives the old ones;
- lengths, weights or a conf_type that do not fit: ``exit()`` or a printed warning; here ValueError;
- pixel coordinates clipped to 1 and labels turned to floats: neither happens here;
- WBF and NMW round boxes to float32 on the way (1e-4 pixels): float64 throughout.

Equal scores keep the order of the tables, and of the rows in them. Boxes without area are left out.
The loops are in :mod:`kaggle_utils.compiled`, the package's own in :mod:`kaggle_utils.boxes.referee`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from kaggle_utils.boxes.table import Boxes

CONF_TYPES = ("avg", "max", "box_and_model_avg", "absent_model_aware_avg")
DECAYS = ("linear", "gaussian")


def fuse(
    tables: Sequence[Boxes],
    method: str = "wbf",
    *,
    iou: float = 0.5,
    weights: Sequence[float] | None = None,
    skip_below: float = 0.0,
    engine: str | None = None,
    **options,
) -> Boxes:
    """Fuses one table per model into one, by the method named.

    tables: one Boxes per model, resolution or view, about the same frames, in pixels of one size;
        scores of 0 or more
    method: "nms", "soft_nms", "nmw" or "wbf"
    iou: boxes with a higher IoU are taken for the same thing, 0 to 1
    weights: one per table, finite, 0 or more, not all 0; None: all alike
    skip_below: boxes with a lower score (before weighting) are left out
    engine: "ensemble_boxes": the package of that name is asked, frame by frame (slow); None: this one
    options: those of the method: see :func:`soft_nms` and :func:`wbf`
    Returns rows by frame, then label, then descending score. Raises ValueError naming what does not
    fit, TypeError for an option the method does not have.

    >>> one, two = Boxes([0], [[0, 0, 10, 10]], [0.9]), Boxes([0], [[0, 0, 10, 12]], [0.3])
    >>> fused = fuse([one, two], "wbf")
    >>> fused.xyxy, fused.score
    (array([[ 0. ,  0. , 10. , 10.5]]), array([0.6]))
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}, expected one of {list(METHODS)}")
    if engine is None:
        return METHODS[method](tables, iou=iou, weights=weights, skip_below=skip_below, **options)
    if engine != "ensemble_boxes":
        raise ValueError(f"engine is {engine!r}, expected 'ensemble_boxes' or None")
    from kaggle_utils.boxes.referee import fused

    return fused(method, tables, _checked(tables, weights, iou, skip_below, **options), skip_below, iou, **options)


def nms(
    tables: Sequence[Boxes],
    *,
    iou: float = 0.5,
    weights: Sequence[float] | None = None,
    skip_below: float = 0.0,
) -> Boxes:
    """Non-Maximum Suppression: a box goes if its IoU with a better one that stays is above iou.

    Arguments, order of rows and errors as in :func:`fuse`. Given weights multiply the scores, and
    are divided by their sum.

    >>> nms([Boxes([0, 0, 0], [[0, 0, 10, 10], [0, 0, 10, 9], [50, 0, 60, 9]], [0.5, 0.8, 0.1])]).score
    array([0.8, 0.1])
    """
    from kaggle_utils.compiled.suppression import nms as kernel
    from kaggle_utils.compiled.threads import side_by_side

    weights = _checked(tables, weights, iou, skip_below)
    sets = _sets(tables, None if weights is None else weights / weights.sum(), skip_below)
    rows = np.concatenate(side_by_side(partial(kernel, sets.xyxy, sets.row, sets.start, float(iou)), sets.start))
    return Boxes(sets.frame[rows], sets.xyxy[rows], sets.score[rows], sets.label[rows])


def soft_nms(
    tables: Sequence[Boxes],
    *,
    iou: float = 0.5,
    weights: Sequence[float] | None = None,
    skip_below: float = 0.0,
    decay: str = "gaussian",
    sigma: float = 0.5,
    min_score: float = 0.001,
    decayed: bool = True,
) -> Boxes:
    """Soft-NMS: a box's score is lowered for each better box it overlaps, and it goes at min_score.

    decay: "linear": score * (1 - IoU) where IoU is above iou; "gaussian": score * exp(-IoU^2 / sigma)
        at any IoU (iou is not used)
    sigma: width of the gaussian, above 0
    min_score: boxes stay whose lowered score is above it, 0 or more
    decayed: return the lowered scores; False: the scores as they came, as ensemble_boxes does
    Other arguments, order of rows (by the lowered score) and errors as in :func:`nms`.

    >>> pair = Boxes([0, 0], [[0, 0, 10, 10], [0, 0, 10, 6]], [0.9, 0.5])       # their IoU is 0.6
    >>> soft_nms([pair], decay="linear").score                               # 0.5 * (1 - 0.6)
    array([0.9, 0.2])
    """
    from kaggle_utils.compiled.suppression import soft_nms as kernel
    from kaggle_utils.compiled.threads import side_by_side

    weights = _checked(tables, weights, iou, skip_below, decay=decay, sigma=sigma, min_score=min_score)
    sets = _sets(tables, None if weights is None else weights / weights.sum(), skip_below)
    options = float(iou), decay == "gaussian", float(sigma), float(min_score)
    parts = side_by_side(partial(kernel, sets.xyxy, sets.score, sets.row, sets.start, *options), sets.start)
    rows, lowered = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Boxes(sets.frame[rows], sets.xyxy[rows], lowered if decayed else sets.score[rows], sets.label[rows])


def nmw(
    tables: Sequence[Boxes],
    *,
    iou: float = 0.5,
    weights: Sequence[float] | None = None,
    skip_below: float = 0.0,
) -> Boxes:
    """Non-Maximum Weighted: NMS whose surviving box moves to the mean of those it suppressed.

    Each box joins the best box it overlaps most; members are averaged with weights score * IoU with
    that best box, whose score stays. Given weights multiply the scores, and are divided by the
    highest. Arguments, order of rows and errors as in :func:`fuse`.

    >>> pair = Boxes([0, 0], [[0, 0, 10, 10], [0, 0, 10, 6]], [0.6, 0.5])       # 0.6 * 1 and 0.5 * 0.6
    >>> nmw([pair]).xyxy                                           # (0.6 * 10 + 0.3 * 6) / 0.9 = 8.67
    array([[ 0.        ,  0.        , 10.        ,  8.66666667]])
    """
    weights = _checked(tables, weights, iou, skip_below)
    return _merged(_sets(tables, None if weights is None else weights / weights.max(), skip_below), weights, iou)


def wbf(
    tables: Sequence[Boxes],
    *,
    iou: float = 0.5,
    weights: Sequence[float] | None = None,
    skip_below: float = 0.0,
    conf_type: str = "avg",
    allows_overflow: bool = False,
) -> Boxes:
    """Weighted Boxes Fusion: clusters of overlapping boxes become their mean, weighted by score.

    Boxes come by descending weight * score; each joins the cluster whose mean so far it overlaps most.
    conf_type: the fused score of a cluster with n boxes from M tables, where W sums all weights:
        "avg": the sum of weight * score over W, less if n is above M (then times M / n); not above 1
        "max": the highest weight * score over the highest weight
        "box_and_model_avg": the weighted mean score, times the share of W of the tables in the cluster
        "absent_model_aware_avg": as the weighted mean, with a score of 0 from each absent table
    allows_overflow: for "avg", add scores up beyond M boxes, and beyond 1
    Other arguments, order of rows and errors as in :func:`fuse`.

    >>> one, two = Boxes([0], [[0, 0, 10, 10]], [0.8]), Boxes([3], [[0, 0, 10, 12]], [0.4])
    >>> wbf([one, two]).score, wbf([one, two], conf_type="max").score      # seen by one model of two
    (array([0.4, 0.2]), array([0.8, 0.4]))
    """
    weights = _checked(tables, weights, iou, skip_below, conf_type=conf_type)
    return _merged(_sets(tables, weights, skip_below), weights, iou, conf_type, allows_overflow)


METHODS: dict[str, Callable[..., Boxes]] = {"nms": nms, "soft_nms": soft_nms, "nmw": nmw, "wbf": wbf}


class _Sets(NamedTuple):
    """The rows of M tables, one table after another, and the order in which to read them.

    frame, label: (N,) int64; xyxy: (N, 4) float64; score: (N,) float64, weighted
    size: (M,) int64, the rows of each table
    row, start: of :func:`kaggle_utils.compiled.grouping.in_order`, of the rows that are looked at
    """

    frame: np.ndarray
    label: np.ndarray
    xyxy: np.ndarray
    score: np.ndarray
    size: np.ndarray
    row: np.ndarray
    start: np.ndarray


def _sets(tables: Sequence[Boxes], weights: np.ndarray | None, skip_below: float) -> _Sets:
    """weights: (M,) float64, what multiplies each table's scores, or None."""
    from kaggle_utils.compiled.grouping import in_order, staying

    frame, xyxy, score, label = (
        np.concatenate([getattr(table, column) for table in tables]) for column in ("frame", "xyxy", "score", "label")
    )
    stays, size = staying(xyxy, score, float(skip_below)), np.array([len(table) for table in tables])
    score = score if weights is None else score * np.repeat(weights, size)
    return _Sets(frame, label, xyxy, score, size, *in_order(frame, label, score, stays))


def _merged(
    sets: _Sets, weights: np.ndarray | None, iou: float, conf_type: str | None = None, allows_overflow: bool = False
) -> Boxes:
    """NMW's answer, or WBF's where a conf_type is given; weights: (M,) float64 or None."""
    from kaggle_utils.compiled import merging
    from kaggle_utils.compiled.grouping import in_order
    from kaggle_utils.compiled.threads import side_by_side

    table, weights = np.repeat(np.arange(len(sets.size)), sets.size), np.ones(len(sets.size)) if weights is None else weights
    confidence = merging.SUREST if conf_type is None else getattr(merging, conf_type.upper())
    options = sets.row, sets.start, float(iou), confidence, bool(allows_overflow)
    kernel = partial(merging.clusters, sets.xyxy, sets.score, table, weights, *options)
    row, xyxy, score = (np.concatenate(parts) for parts in zip(*side_by_side(kernel, sets.start), strict=True))
    frame, label = sets.frame[row], sets.label[row]
    order, _ = in_order(frame, label, score, np.ones(len(row), np.bool_))
    return Boxes(frame[order], xyxy[order], score[order], label[order])


def _checked(
    tables: Sequence[Boxes], weights: Sequence[float] | None, iou: float, skip_below: float, **options
) -> np.ndarray | None:
    """The weights as (M,) float64, after looking at what all methods take, and at the options of some."""
    if isinstance(tables, Boxes) or not len(tables):
        raise ValueError(f"tables is {tables!r}, expected a sequence of one Boxes or more: fuse([boxes])")
    for number, table in enumerate(tables):
        if len(table) and table.score.min() < 0:
            row = int(np.argmax(table.score < 0))
            raise ValueError(f"score of row {row} of table {number} is {table.score[row]}, expected 0 or more")
    if not 0 <= iou <= 1:
        raise ValueError(f"iou is {iou}, expected 0 to 1")
    if np.isnan(skip_below):
        raise ValueError("skip_below is nan, expected a number")
    for name, known in (("decay", DECAYS), ("conf_type", CONF_TYPES)):
        if options.get(name, known[0]) not in known:
            raise ValueError(f"{name} is {options[name]!r}, expected one of {list(known)}")
    sigma, min_score = options.get("sigma", 1.0), options.get("min_score", 0.0)
    if not (np.isfinite(sigma) and sigma > 0):
        raise ValueError(f"sigma is {sigma}, expected a finite number above 0")
    if not min_score >= 0:
        raise ValueError(f"min_score is {min_score}, expected 0 or more")
    return None if weights is None else _checked_weights(weights, len(tables))


def _checked_weights(weights: Sequence[float], n_tables: int) -> np.ndarray:
    array = np.asarray(weights, dtype=np.float64)
    if array.shape != (n_tables,):
        raise ValueError(f"weights are {weights!r}, expected one for each of the {n_tables} tables")
    if not (np.isfinite(array).all() and (array >= 0).all() and array.any()):
        raise ValueError(f"weights are {weights!r}, expected finite numbers of 0 or more, not all 0")
    return array
