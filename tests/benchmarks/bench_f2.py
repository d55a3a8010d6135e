"""F2 over boxes beside the loops one would write first and beside COCO evaluators.

The evaluators get what they read best (columns, one class, one range of areas) before the clock
starts; timed is matching and counting. Their hits are compared with ours through recall at each IoU
threshold: they ask for "at least" and we for "above", which random boxes cannot tell apart.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kaggle_utils.boxes.f2 import IOU_THRESHOLDS, F2Counts, F2Curve, f2_counts, f2_curve
from kaggle_utils.boxes.table import Boxes, xywh_from_xyxy
from tests.references.matching import match

from . import Job, Peer, job


def scene(n_frames: int, true: int, predicted: int, share: float = 1.0, seed: int = 0) -> tuple[Boxes, Boxes]:
    """True boxes in a share of the frames and predictions around and beside them, frame by frame.

    true: per frame that has any; predicted: per frame, spread over all frames
    """
    rng = np.random.default_rng(seed)
    frame = np.repeat(np.flatnonzero(rng.random(n_frames) < share), true)
    corner, size = rng.uniform(0, 600, (len(frame), 2)), rng.uniform(20, 80, (len(frame), 2))
    truth = Boxes(frame, np.concatenate([corner, corner + size], axis=1))
    rows = rng.integers(0, len(truth), n_frames * predicted)
    noisy = truth.xyxy[rows] + rng.normal(0, 6, (len(rows), 4))
    xyxy = np.concatenate([np.minimum(noisy[:, :2], noisy[:, 2:]), np.maximum(noisy[:, :2], noisy[:, 2:])], axis=1)
    elsewhere = rng.random(len(rows)) < 0.3
    frames = np.where(elsewhere, rng.integers(0, n_frames, len(rows)), truth.frame[rows])
    order = np.argsort(frames, kind="stable")
    return truth, Boxes(frames[order], xyxy[order], rng.random(len(rows)))


def natural_loop(truth: Boxes, predictions: Boxes) -> Callable[[], F2Counts]:
    """What public notebooks do: thresholds, frames, predictions, and NumPy for one against the true boxes left."""
    order = predictions.order()
    n_frames = 1 + max(truth.frame.max(), predictions.frame.max())
    true = [truth.xyxy[truth.frame == frame] for frame in range(n_frames)]
    predicted = np.split(predictions.xyxy[order], np.searchsorted(predictions.frame[order], np.arange(1, n_frames)))

    def run() -> F2Counts:
        tp = [sum(_array_hits(t, p, level) for t, p in zip(true, predicted, strict=True)) for level in IOU_THRESHOLDS]
        return F2Counts(np.array(tp), len(truth), len(predictions))

    return run


def _array_hits(left: np.ndarray, predicted: np.ndarray, threshold: float) -> int:
    hits = 0
    for box in predicted:
        if len(left):
            overlaps = _array_iou(box, left)
            best = overlaps.argmax()
            if overlaps[best] > threshold:
                left, hits = np.delete(left, best, axis=0), hits + 1
    return hits


def _array_iou(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    width = np.maximum(0, np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0]))
    height = np.maximum(0, np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1]))
    common = width * height
    area = (box[2] - box[0]) * (box[3] - box[1])
    return common / (area + (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1]) - common)


def loop_over_lists(truth: Boxes, predictions: Boxes) -> Callable[[], F2Counts]:
    """The rule in plain Python, on one list of boxes a frame."""
    n_frames = 1 + max(truth.frame.max(), predictions.frame.max())
    true, predicted = ([[] for _ in range(n_frames)] for _ in range(2))
    for frame, box in zip(truth.frame, truth.xyxy.tolist(), strict=True):
        true[frame].append(box)
    for frame, score, box in zip(predictions.frame, predictions.score, predictions.xyxy.tolist(), strict=True):
        predicted[frame].append((score, box))

    def run() -> F2Counts:
        tp = [sum(_hits(t, p, threshold) for t, p in zip(true, predicted, strict=True)) for threshold in IOU_THRESHOLDS]
        return F2Counts(np.array(tp), len(truth), len(predictions))

    return run


def _hits(true: list, predicted: list, threshold: float) -> int:
    left = list(true)
    for _, box in sorted(predicted, key=lambda pair: -pair[0]):
        overlaps = [_iou(box, other) for other in left]
        if overlaps and max(overlaps) > threshold:
            del left[overlaps.index(max(overlaps))]
    return len(true) - len(left)


def _iou(a: list[float], b: list[float]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def counts_in_numpy(truth: Boxes, predictions: Boxes) -> F2Counts:
    """All pairs of a frame at once."""
    return F2Counts(match(truth, predictions).hits.sum(0), len(truth), len(predictions))


def hotcoco_evaluation(truth: Boxes, predictions: Boxes) -> Callable[[], np.ndarray]:
    """hotcoco: matching, then accumulation; returns the recall at each threshold."""
    from hotcoco import COCO, COCOeval

    frames = np.unique(np.concatenate([truth.frame, predictions.frame])).tolist()
    images = [{"id": frame, "width": 1280, "height": 720} for frame in frames]
    ones = np.ones(len(truth), np.int64)
    gt = COCO.from_arrays(images, [{"id": 1, "name": "cots"}], truth.frame, ones, xywh_from_xyxy(truth.xyxy))
    return _evaluation(COCOeval, gt, gt.loadRes(_rows(predictions)))


def pycocotools_evaluation(truth: Boxes, predictions: Boxes) -> Callable[[], np.ndarray]:
    """pycocotools: as above."""
    import contextlib
    import io

    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    xywh = xywh_from_xyxy(truth.xyxy)
    boxes = [
        {"id": i, "image_id": frame, "category_id": 1, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
        for i, (frame, box) in enumerate(zip(truth.frame.tolist(), xywh.tolist(), strict=True), start=1)
    ]
    frames = np.unique(np.concatenate([truth.frame, predictions.frame])).tolist()
    gt = COCO()
    gt.dataset = {"images": [{"id": f} for f in frames], "categories": [{"id": 1}], "annotations": boxes}
    with contextlib.redirect_stdout(io.StringIO()):
        gt.createIndex()
        run = _evaluation(COCOeval, gt, gt.loadRes(_rows(predictions)))

    def quiet() -> np.ndarray:
        with contextlib.redirect_stdout(io.StringIO()):
            return run()

    return quiet


def _rows(predictions: Boxes) -> np.ndarray:
    ones = np.ones(len(predictions))
    return np.column_stack([predictions.frame, xywh_from_xyxy(predictions.xyxy), predictions.score, ones])


def _evaluation(evaluator: type, gt: object, dt: object) -> Callable[[], np.ndarray]:
    evaluation = evaluator(gt, dt, "bbox")
    evaluation.params.iouThrs = np.array(IOU_THRESHOLDS)
    evaluation.params.maxDets = [1000]
    evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]

    def run() -> np.ndarray:
        evaluation.evaluate()
        evaluation.accumulate()
        return np.asarray(evaluation.eval["recall"]).reshape(-1)  # (T,)

    return run


def same_counts(ours: F2Counts, theirs: F2Counts) -> bool:
    """Equal to the last hit."""
    return bool((ours.tp == theirs.tp).all()) and (ours.truths, ours.predictions) == (theirs.truths, theirs.predictions)


def same_recall(ours: F2Counts, recall: np.ndarray) -> bool:
    """Equal to the last hit, where the peer tells hits / true boxes."""
    return bool((np.rint(recall * ours.truths) == ours.tp).all())


def same_end(ours: F2Curve, recall: np.ndarray) -> bool:
    """The curve's last point pools the peer's recalls."""
    return abs(ours.recall[-1] - recall.mean()) < 1e-12


def first_call() -> None:
    """The kernel on one box."""
    box = Boxes([0], [[0, 0, 9, 9]])
    f2_counts(box, box)


@job
def f2_of_5000_frames() -> Job:
    """Counting, the inner call of every search."""
    tables = scene(n_frames=5000, true=3, predicted=10)
    return Job(
        title="F2 counts, 5,000 frames x 3 true x 10 predicted x 11 IoUs",
        ours=lambda: f2_counts(*tables),
        peers=[
            Peer("natural loop, NumPy", lambda: natural_loop(*tables), target=1500, same=same_counts, rounds=3),
            Peer("natural loop, lists", lambda: loop_over_lists(*tables), same=same_counts, rounds=3),
            Peer("hotcoco", lambda: hotcoco_evaluation(*tables), ("hotcoco",), target=5, same=same_recall),
            Peer("pycocotools", lambda: pycocotools_evaluation(*tables), ("pycocotools",), same=same_recall, rounds=3),
            Peer("our referee, NumPy", lambda: lambda: counts_in_numpy(*tables), same=same_counts),
        ],
        first_call=first_call,
    )


@job
def f2_curve_of_the_reef() -> Job:
    """F2 at every confidence, for a table of the reef's size."""
    tables = scene(n_frames=23501, true=2, predicted=3, share=0.21)
    tables = tables[0], tables[1][:60000]
    return Job(
        title="F2 at each of 60,000 confidences, 23,501 frames",
        ours=lambda: f2_curve(*tables),
        peers=[Peer("hotcoco, at one", lambda: hotcoco_evaluation(*tables), ("hotcoco",), target=1, same=same_end)],
    )
