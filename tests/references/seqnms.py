"""Seq-NMS plainly: after each path, all sums of what is left of the boxes it could touch are done anew.

Called as kaggle_utils.boxes.seqnms.seq_nms, of correct arguments, with its answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from kaggle_utils.boxes.clips import frame_pairs
from kaggle_utils.boxes.table import Boxes, iou


class Links(NamedTuple):
    """Which boxes go on as which, and which stand in each other's way: row numbers, in pairs.

    earlier, later: (L,) int64, boxes of successive frames of a clip that may be one thing
    one, other: (P,) int64, boxes of one frame that may not both stay; every pair stands in it both ways
    """

    earlier: np.ndarray
    later: np.ndarray
    one: np.ndarray
    other: np.ndarray


def seq_nms(
    boxes: Boxes, clip_of_frame: np.ndarray, *, link_iou: float = 0.5, nms_iou: float = 0.3, rescore: str = "mean"
) -> Boxes:
    by_frame = np.argsort(boxes.frame, kind="stable")
    path = np.empty(len(boxes), np.int64)
    path[by_frame] = best_paths(boxes[by_frame], clip_of_frame, link_iou, nms_iou)
    kept = boxes[path >= 0]
    path, best = path[path >= 0], np.zeros(len(boxes))
    np.maximum.at(best, path, kept.score)
    score = best if rescore == "max" else np.bincount(path, kept.score) / np.bincount(path)
    return kept.replace(score=score[path])


def links_of(boxes: Boxes, clip_of_frame: np.ndarray, link_iou: float, nms_iou: float) -> Links:
    """The links through time and the rivals in a frame."""
    earlier, later = _overlapping(boxes, *frame_pairs(boxes.frame, clip_of_frame, 1), link_iou)
    one, other = frame_pairs(boxes.frame, clip_of_frame, 0)
    apart = one != other
    return Links(earlier, later, *_overlapping(boxes, one[apart], other[apart], nms_iou))


def _overlapping(boxes: Boxes, one: np.ndarray, other: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Those pairs of rows that have one label and an IoU above the limit."""
    alike = boxes.label[one] == boxes.label[other]
    one, other = one[alike], other[alike]
    near = iou(boxes.xyxy[one], boxes.xyxy[other]) > limit
    return one[near], other[near]


def best_paths(boxes: Boxes, clip_of_frame: np.ndarray, link_iou: float, nms_iou: float) -> np.ndarray:
    """(N,) the number of the path each box is on, -1 for none; boxes by ascending frame."""
    score, (earlier, later, one, other) = boxes.score, links_of(boxes, clip_of_frame, link_iou, nms_iou)
    path, number = np.full(len(score), -1), 0
    before, rivals = _lists(later, earlier, len(score)), _lists(one, other, len(score))
    for rows in _islands(len(score), np.append(earlier, one), np.append(later, other)):
        left = set(rows)
        while left:
            chosen = _best_path(score, before, sorted(left))
            path[chosen] = number
            number += 1
            left -= set(chosen).union(*(rivals[row] for row in chosen))
    return path


def _best_path(score: np.ndarray, before: list[list[int]], rows: list[int]) -> list[int]:
    """The rows of the path with the highest sum of scores, last one first; rows ascending, so by frame."""
    total: dict[int, float] = {}
    came_from: dict[int, int | None] = {}
    for row in rows:
        linked = [other for other in before[row] if other in total]
        came_from[row] = max(linked, key=total.__getitem__, default=None)
        total[row] = score[row] + (total[came_from[row]] if linked else 0.0)
    chosen, row = [], max(rows, key=total.__getitem__)
    while row is not None:
        chosen.append(row)
        row = came_from[row]
    return chosen


def _islands(n: int, one: np.ndarray, other: np.ndarray) -> Iterator[list[int]]:
    """Rows that are connected by pairs, ascending: what happens on one island leaves the others alone."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n_islands, island = connected_components(coo_array((np.ones(len(one)), (one, other)), (n, n)), directed=False)
    yield from _lists(island, np.arange(n), n_islands)


def _lists(key: np.ndarray, value: np.ndarray, n: int) -> list[list[int]]:
    """The values of each of the keys 0 to n - 1, in their order."""
    order = np.argsort(key, kind="stable")
    edges = np.searchsorted(key[order], np.arange(n + 1))
    value = value[order].tolist()
    return [value[a:b] for a, b in zip(edges[:-1], edges[1:], strict=True)]
