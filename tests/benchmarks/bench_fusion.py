"""Fusion and Seq-NMS: whole tables against ensemble_boxes frame by frame, and time against links."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

import tests.references.seqnms as plain
from kaggle_utils.boxes import fusion
from kaggle_utils.boxes.seqnms import seq_nms
from kaggle_utils.boxes.table import Boxes

from . import Job, Peer, job

SIDE = 2048  # what the peer's coordinates are divided by
PEERS = {"nms": "nms", "soft_nms": "soft_nms", "nmw": "non_maximum_weighted", "wbf": "weighted_boxes_fusion"}
OPTIONS = {"soft_nms": {"decayed": False}}  # the peer returns the scores as they came


def some_models(n_models: int, n_boxes: int, n_frames: int, seed: int = 0) -> list[Boxes]:
    """Predictions at a low confidence: about half true objects that all models see, half their own mistakes."""
    rng = np.random.default_rng(seed)
    n_objects = max(n_boxes // 2, 1)
    objects = rng.uniform(60, 1800, (n_frames, n_objects, 2)), rng.uniform(30, 110, (n_frames, n_objects, 2))
    tables = []
    for _ in range(n_models):
        seen = np.tile(np.arange(n_boxes) < n_objects, n_frames)
        frame, which = np.repeat(np.arange(n_frames), n_boxes), np.tile(np.arange(n_boxes) % n_objects, n_frames)
        centre = np.where(seen[:, None], objects[0][frame, which], rng.uniform(60, 1800, (len(frame), 2)))
        centre += rng.normal(0, 4, centre.shape)
        size = objects[1][frame, which] * rng.uniform(0.85, 1.15, centre.shape)
        xyxy = np.hstack([centre - size / 2, centre + size / 2]).clip(0, SIDE)  # the peer clips, too
        tables.append(Boxes(frame, xyxy, rng.random(len(frame))))
    return tables


def lists_of(tables: Sequence[Boxes]) -> list[tuple[list, list, list]]:
    """For each frame the boxes (0 to 1), scores and labels of each model, as ensemble_boxes wants them."""
    models = [dict(table.by_frame()) for table in tables]
    return [
        ([b.xyxy / SIDE for b in there], [b.score for b in there], [b.label for b in there])
        for there in zip(*(model.values() for model in models), strict=True)
    ]


def same(ours: Boxes, theirs: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> bool:
    """Whether boxes and scores agree to 1e-6 (coordinates from 0 to 1)."""
    xyxy, score = np.concatenate([boxes for boxes, _, _ in theirs]), np.concatenate([s for _, s, _ in theirs])
    frame = np.repeat(np.arange(len(theirs)), [len(s) for _, s, _ in theirs])
    if len(frame) != len(ours):
        return False
    one, other = np.lexsort((-ours.score, ours.frame)), np.lexsort((-score, frame))
    apart = np.abs(ours.xyxy[one] / SIDE - xyxy[other]).max(), np.abs(ours.score[one] - score[other]).max()
    return bool((ours.frame[one] == frame[other]).all() and max(apart) < 1e-6)


ONE = [Boxes([0], [[0, 0, 9, 9]])]


def first_nms() -> None:
    """Its kernels once."""
    fusion.nms(ONE)


def first_soft_nms() -> None:
    """Its kernels once."""
    fusion.soft_nms(ONE)


def first_cluster() -> None:
    """The kernels of NMW and WBF once."""
    fusion.wbf(ONE)


def fusion_job(method: str, title: str, tables: list[Boxes], first: Callable[[], None] | None = None) -> Job:
    options = OPTIONS.get(method, {})

    def theirs() -> Callable[[], list]:
        import ensemble_boxes

        fuse, frames = getattr(ensemble_boxes, PEERS[method]), lists_of(tables)
        return lambda: [fuse(*lists, iou_thr=0.5) for lists in frames]

    return Job(
        title=f"{method}, {title}",
        ours=lambda: fusion.fuse(tables, method, iou=0.5, **options),
        peers=[Peer("ensemble_boxes", theirs, needs=("ensemble_boxes",), target=30, same=same)],
        first_call=first,
    )


def crowded(method: str, first: Callable[[], None] | None = None) -> Job:
    return fusion_job(method, "5 models x 50 boxes x 200 frames", some_models(5, 50, 200), first)


def reef_like(method: str) -> Job:
    return fusion_job(method, "5 models x 3 boxes x 5,000 frames", some_models(5, 3, 5000))


@job
def fusion_nms() -> Job:
    return crowded("nms", first_nms)


@job
def fusion_nms_reef() -> Job:
    return reef_like("nms")


@job
def fusion_soft_nms() -> Job:
    return crowded("soft_nms", first_soft_nms)


@job
def fusion_soft_nms_reef() -> Job:
    return reef_like("soft_nms")


@job
def fusion_nmw() -> Job:
    return crowded("nmw")


@job
def fusion_nmw_reef() -> Job:
    return reef_like("nmw")


@job
def fusion_wbf() -> Job:
    return crowded("wbf", first_cluster)


@job
def fusion_wbf_reef() -> Job:
    return reef_like("wbf")


def some_film(n_frames: int, n_objects: int = 3, n_boxes: int = 2, seed: int = 0) -> tuple[Boxes, np.ndarray]:
    """Objects that drift through one clip, each with n_boxes boxes in every frame."""
    rng = np.random.default_rng(seed)
    frame = np.repeat(np.arange(n_frames), n_objects * n_boxes)
    which = np.tile(np.repeat(np.arange(n_objects), n_boxes), n_frames)
    path = np.cumsum(rng.normal(0, 3, (n_frames, n_objects, 2)), axis=0) + rng.uniform(0, 9000, (n_objects, 2))
    corner = path[frame, which] + rng.normal(0, 3, (len(frame), 2))
    return Boxes(frame, np.hstack([corner, corner + [45, 40]]), rng.random(len(frame))), np.zeros(n_frames, np.int64)


def first_path() -> None:
    """The kernel of Seq-NMS once."""
    seq_nms(*some_film(3))


@job
def seq_nms_links() -> Job:
    """Linear in its links: with an eighth of them it should take about an eighth of the time, not less."""
    film, clip = some_film(16_000)

    def part(share: int) -> Peer:
        shorter, its_clip = some_film(16_000 // share)
        n_links = len(plain.links_of(shorter, its_clip, 0.5, 0.3).earlier)
        return Peer(f"itself with {n_links:,} links", lambda: lambda: seq_nms(shorter, its_clip), target=0.75 / share)

    n_links = len(plain.links_of(film, clip, 0.5, 0.3).earlier)
    return Job(
        title=f"Seq-NMS, {len(film):,} boxes in one clip, {n_links:,} links",
        ours=lambda: seq_nms(film, clip),
        peers=[part(2), part(4), part(8)],
        first_call=first_path,
    )


@job
def seq_nms_plain() -> Job:
    """Against summing up all that is left after each path, on clips of 100 frames."""
    film, _ = some_film(2000)
    clip = np.arange(2000) // 100
    return Job(
        title=f"Seq-NMS, {len(film):,} boxes, clips of 100 frames",
        ours=lambda: seq_nms(film, clip),
        peers=[
            Peer(
                "the plain algorithm",
                lambda: lambda: plain.seq_nms(film, clip),
                same=lambda one, other: np.array_equal(one.xyxy, other.xyxy) and np.allclose(one.score, other.score),
            )
        ],
    )
