"""Fusion box by box in NumPy: the plainest reading of what each method does.

The functions are called as those of kaggle_utils.boxes.fusion, of correct arguments. Each works on the boxes of
one frame and label, surest first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.boxes.table import iou as iou_of

Fused = tuple[np.ndarray, np.ndarray]  # (K, 4) xyxy and (K,) scores, descending


def fuse(tables: Sequence[Boxes], method: str, **options) -> Boxes:
    return METHODS[method](tables, **options)


def nms(tables: Sequence[Boxes], *, iou: float = 0.5, weights=None, skip_below: float = 0.0) -> Boxes:

    def one_set(xyxy: np.ndarray, score: np.ndarray, model: np.ndarray) -> Fused:
        kept: list[int] = []
        left = np.arange(len(xyxy))
        while len(left):
            kept.append(left[0])
            left = left[1:][iou_of(xyxy[left[1:]], xyxy[left[0]]) <= iou]
        return xyxy[kept], score[kept]

    return _by_frame_and_label(tables, _shares(weights, np.sum), skip_below, one_set)


def soft_nms(
    tables: Sequence[Boxes],
    *,
    iou: float = 0.5,
    weights=None,
    skip_below: float = 0.0,
    decay: str = "gaussian",
    sigma: float = 0.5,
    min_score: float = 0.001,
    decayed: bool = True,
) -> Boxes:

    def factor(overlap: np.ndarray) -> np.ndarray:
        if decay == "gaussian":
            return np.exp(-(overlap * overlap) / sigma)
        return np.where(overlap > iou, 1.0 - overlap, 1.0)

    def one_set(xyxy: np.ndarray, score: np.ndarray, model: np.ndarray) -> Fused:
        lowered, left, chosen = score.copy(), np.arange(len(xyxy)), []
        while len(left) and lowered[left].max() > min_score:
            best = left[lowered[left].argmax()]
            chosen.append(best)
            left = left[left != best]
            lowered[left] *= factor(iou_of(xyxy[left], xyxy[best]))
        return xyxy[chosen], (lowered if decayed else score)[chosen]

    return _by_frame_and_label(tables, _shares(weights, np.sum), skip_below, one_set)


def nmw(tables: Sequence[Boxes], *, iou: float = 0.5, weights=None, skip_below: float = 0.0) -> Boxes:

    def one_set(xyxy: np.ndarray, score: np.ndarray, model: np.ndarray) -> Fused:
        first: list[int] = []  # the box that opened each cluster
        total, mass = np.zeros(xyxy.shape), np.zeros(len(xyxy))
        for i in range(len(xyxy)):
            cluster, overlap = _most_overlapped(xyxy[first], xyxy[i], iou)
            if cluster == len(first):
                first.append(i)
                overlap = 1.0
            share = overlap * _share(score[i], score[first[cluster]])
            total[cluster] += share * xyxy[i]
            mass[cluster] += share
        n = len(first)
        return total[:n] / mass[:n, None], score[first]

    return _by_frame_and_label(tables, _shares(weights, np.max), skip_below, one_set)


def wbf(
    tables: Sequence[Boxes],
    *,
    iou: float = 0.5,
    weights=None,
    skip_below: float = 0.0,
    conf_type: str = "avg",
    allows_overflow: bool = False,
) -> Boxes:
    weights = of_model = np.ones(len(tables)) if weights is None else np.asarray(weights, float)

    def one_set(xyxy: np.ndarray, score: np.ndarray, model: np.ndarray) -> Fused:
        n, first = 0, np.zeros(len(xyxy))
        total, mass, mean = np.zeros(xyxy.shape), np.zeros(len(xyxy)), np.zeros(xyxy.shape)
        member = np.zeros(len(xyxy), np.int64)  # the cluster of each box
        for i in range(len(xyxy)):
            cluster, _ = _most_overlapped(mean[:n], xyxy[i], iou)
            if cluster == n:
                first[n] = score[i]
                n += 1
            share = _share(score[i], first[cluster])
            total[cluster] += share * xyxy[i]
            mass[cluster] += share
            mean[cluster] = total[cluster] / mass[cluster]
            member[i] = cluster
        fused = np.array([_confidence(score[member == c], model[member == c], of_model, conf_type) for c in range(n)])
        if conf_type == "avg":
            count = np.bincount(member, minlength=n)
            fused = fused if allows_overflow else np.minimum(fused * np.minimum(len(tables) / count, 1.0), 1.0)
        order = np.argsort(-fused, kind="stable")
        return mean[order], fused[order]

    return _by_frame_and_label(tables, weights, skip_below, one_set)


METHODS = {"nms": nms, "soft_nms": soft_nms, "nmw": nmw, "wbf": wbf}


def _shares(weights, whole: Callable[[np.ndarray], float]) -> np.ndarray | None:
    """The weights (M,) as parts of their sum, or of the highest."""
    return None if weights is None else np.asarray(weights, float) / whole(weights)


def _confidence(score: np.ndarray, model: np.ndarray, of_model: np.ndarray, conf_type: str) -> float:
    """The fused score of one cluster, from its members' weighted scores and tables."""
    if conf_type == "avg":
        return score.sum() / of_model.sum()
    if conf_type == "max":
        return score.max() / of_model.max()
    there, weight = of_model[np.unique(model)].sum(), of_model[model].sum()
    if conf_type == "absent_model_aware_avg":
        return score.sum() / (weight + of_model.sum() - there)
    return score.sum() / weight * there / of_model.sum() if weight > 0 else 0.0


def _share(score: float, first: float) -> float:
    """A member's part in its cluster, relative to the surest; alike where even that has score 0."""
    return score / first if first > 0 else 1.0


def _most_overlapped(clusters: np.ndarray, box: np.ndarray, iou: float) -> tuple[int, float]:
    """The number of the cluster (K, 4) that a box (4,) overlaps most, and its IoU; K where none is above iou."""
    overlap = iou_of(clusters, box)
    best = int(overlap.argmax()) if len(overlap) else 0
    return (best, overlap[best]) if len(overlap) and overlap[best] > iou else (len(overlap), 0.0)


def _by_frame_and_label(
    tables: Sequence[Boxes], weights: np.ndarray | None, skip_below: float, one_set: Callable[..., Fused]
) -> Boxes:
    """Applies one_set to each frame's boxes of each label and puts the answers together."""
    parts = [Boxes.empty()]
    for boxes, model in _sets(tables, weights, skip_below):
        xyxy, score = one_set(boxes.xyxy, boxes.score, model)
        n = len(score)
        parts.append(Boxes(boxes.frame[:n], xyxy, score, boxes.label[:n]))
    return Boxes.concat(parts)


def _sets(
    tables: Sequence[Boxes], weights: np.ndarray | None, skip_below: float
) -> Iterator[tuple[Boxes, np.ndarray]]:
    """The boxes of one frame and label, by descending weighted score, and the table each comes from."""
    boxes, model = Boxes.concat(tables), np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    has_area = (boxes.xyxy[:, 2:] > boxes.xyxy[:, :2]).all(1)
    rows = np.flatnonzero((boxes.score >= skip_below) & has_area)
    if weights is not None:
        boxes = boxes.replace(score=boxes.score * weights[model])
    rows = rows[np.lexsort((-boxes.score[rows], boxes.label[rows], boxes.frame[rows]))]
    boxes, model = boxes[rows], model[rows]
    new = np.diff(boxes.frame, prepend=-1).astype(bool) | np.diff(boxes.label, prepend=-1).astype(bool)
    edges = np.append(np.flatnonzero(new), len(boxes))
    for start, stop in zip(edges[:-1], edges[1:], strict=True):
        yield boxes[start:stop], model[start:stop]
