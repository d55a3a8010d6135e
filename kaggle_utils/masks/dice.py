"""Dice over masks: counts first, score second; the mean over pairs and the global one.

Dice = 2 common / (predicted + true), in pixels. *Understanding Clouds from Satellite Images* takes the
mean over all (image, class) pairs, a pair where both masks are empty counting 1, so an answer of empty
masks alone has .4665; *Google Research - Identify Contrails* takes one Dice over all pixels of all
records. The last axis of counts is (common, predicted, true) throughout.

With probabilities in 8 bits a histogram has the counts at all 256 thresholds in one pass over the
pixels, where a mask for each threshold takes as many passes.
"""

from __future__ import annotations

import cv2
import numpy as np

LEVELS = 256  # of an 8-bit probability: level v stands for the probability v / 255


def dice_counts(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(..., 3) int64 pixels: common, predicted, true. Counts of two sets of pixels add up.

    predicted, truth: (..., H, W) of one shape, any value but 0 belongs to the mask; else ValueError

    >>> dice_counts([[1, 1, 0]], [[0, 1, 1]])
    array([1, 2, 2])
    """
    predicted, truth = np.asarray(predicted) != 0, np.asarray(truth) != 0
    _refuse_shapes(predicted, truth)
    parts = (predicted & truth, predicted, truth)
    return np.stack([np.count_nonzero(part, axis=(-2, -1)) for part in parts], axis=-1)


def _refuse_shapes(predicted: np.ndarray, truth: np.ndarray) -> None:
    if predicted.shape != truth.shape or predicted.ndim < 2:
        raise ValueError(f"predictions have shape {predicted.shape}, truth {truth.shape}, expected one (..., H, W)")


def dice_from_counts(counts: np.ndarray, empty: float = 1.0) -> np.ndarray:
    """(...) float64, the Dice of each (..., 3) counts.

    empty: what a pair of two empty masks is worth; 1 in the clouds competition

    >>> dice_from_counts(np.array([[1, 2, 2], [0, 0, 0], [0, 5, 0]]))
    array([0.5, 1. , 0. ])
    """
    counts = np.asarray(counts)
    pixels = counts[..., 1] + counts[..., 2]
    return np.where(pixels > 0, 2.0 * counts[..., 0] / np.maximum(pixels, 1), empty)


def mean_dice(counts: np.ndarray) -> float:
    """The clouds metric: the mean of each pair's Dice, two empty masks being 1. Of no pairs: NaN.

    counts: (..., 3), one row a pair

    >>> mean_dice([[1, 2, 2], [0, 0, 0]])
    0.75
    """
    each = dice_from_counts(counts)
    return float(each.mean()) if each.size else float("nan")


def global_dice(counts: np.ndarray) -> float:
    """The contrails metric: one Dice over all pixels. With neither truth nor predictions: NaN.

    counts: (..., 3), of images or of any parts of them

    >>> round(global_dice([[1, 2, 2], [0, 0, 0], [0, 5, 0]]), 4)
    0.2222
    """
    total = np.asarray(counts).reshape(-1, 3).sum(0)
    return float(dice_from_counts(total, empty=np.nan))


def dice_table(probability: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(..., 256, 3) int64: the counts where pixels of at least level 0, 1, ... 255 are predicted.

    probability: (..., H, W) uint8, 255 is certain
    truth: (..., H, W), any value but 0 belongs to the mask
    Raises ValueError for another dtype and for shapes that differ.

    >>> table = dice_table(np.array([[255, 128, 3]], np.uint8), np.array([[1, 0, 1]]))
    >>> table[[0, 4, 255]].tolist()  # from level 4 on the third pixel is not predicted
    [[2, 3, 2], [1, 2, 2], [1, 1, 2]]
    """
    probability, truth = np.asarray(probability), np.asarray(truth)
    _refuse_shapes(probability, truth)
    if probability.dtype != np.uint8:
        raise ValueError(f"probability is {probability.dtype} {probability.shape}, expected uint8 maps")
    maps = zip(probability.reshape(-1, *probability.shape[-2:]), truth.reshape(-1, *truth.shape[-2:]), strict=True)
    tables = [_table(one, other) for one, other in maps]
    return np.array(tables, np.int64).reshape(*probability.shape[:-2], LEVELS, 3)


def _table(probability: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(256, 3) of one map."""
    from kaggle_utils.compiled.histogram import joint_histogram

    inside = truth if truth.dtype == np.uint8 else (truth != 0).view(np.uint8)
    outside, common = joint_histogram(np.ravel(probability), np.ravel(inside))[:, ::-1].cumsum(1)[:, ::-1]
    return np.stack([common, common + outside, np.full(LEVELS, common[0])], axis=-1)


def pixels_at_levels(probability: np.ndarray) -> np.ndarray:
    """(256,) int64: how many pixels of a map have at least level 0, 1, ... 255.

    probability: (H, W) uint8 below 2^24 pixels: OpenCV's histograms are float32

    >>> pixels_at_levels(np.array([[255, 128, 3]], np.uint8))[[0, 3, 4, 255]]
    array([3, 3, 2, 1])
    """
    histogram = cv2.calcHist([np.ascontiguousarray(probability)], [0], None, [LEVELS], [0, LEVELS])
    return histogram.ravel()[::-1].astype(np.int64).cumsum()[::-1]
