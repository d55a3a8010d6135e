"""Stage 3 of reef with eight prediction sets, step by step."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np

from kaggle_utils.boxes.fusion import METHODS
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.competitions import reef
from kaggle_utils.evidence.candidates import Choice
from kaggle_utils.tasks.boxes.candidates import alone, fused, over_time
from kaggle_utils.tasks.boxes.items import VideoItems
from kaggle_utils.tasks.boxes.out_of_fold import OutOfFold
from kaggle_utils.tasks.boxes.weights import judged_weights, searched_weights
from kaggle_utils.tasks.decisions import Worth

MEMBERS, VIEWS, FOLDS, CLIP = 4, 2, 3, 200
BOXES = 20  # of a set and frame, most of them hardly believed
BUSY = 12  # stars that swim through a clip, each for some 19 frames


def steps(n: int) -> Generator[Any, Any, None]:
    """Each step in turn; sent what the last gave."""
    from .full_size import Step

    title = f"{MEMBERS * VIEWS} sets of {BOXES} boxes in each of {n:,} frames made"
    judged = yield Step(title, lambda: some_predictions(n), counts=False)
    first = next(iter(judged.sets))
    single = yield Step("each set alone, NMS", lambda: alone(judged, 0.5))
    choice = Choice(judged.ground, first, single[first])
    yield Step("compared, with intervals", lambda: choice.step("sets alone", single))
    tried = yield Step("fused by NMS, Soft-NMS, NMW and WBF: members, views, all, all but one", lambda: fused(judged, METHODS, 0.5))
    yield Step(f"{len(tried)} fusions compared", lambda: choice.step("fusion", tried))
    weighed = {}
    for method in METHODS:
        own = {"method": method, "iou": 0.5}
        weights = yield Step(f"weights and cut searched, {method}", lambda f=own: searched_weights(judged, f))
        weighed[method] = yield Step(f"judged, {method}", lambda f=own, w=weights: judged_weights(judged, w, f))
    yield Step("compared, with intervals", lambda: choice.step("weights", weighed))
    yield Step(
        "attention, tracking, and both",
        lambda: choice.step("time", lambda base: over_time(judged, base, {"gain": 0.3}, {"lift": 0.5, "longest": 1})),
    )
    yield Step("the choice and its worth", lambda: (choice.table(), Worth.of(choice)))


def some_predictions(n: int, seed: int = 0) -> OutOfFold:
    """Stars that drift through clips; each set sees most of them, and much else that others see, too, or that none does."""
    import pandas as pd

    rng, height = np.random.default_rng(seed), reef.KIND.size[1]
    frame, centre, size = _stars(n, rng)
    truth = Boxes(frame, np.hstack([centre - size / 2, centre + size / 2]))
    hard = rng.normal(0, 1, len(frame))
    weeds = np.repeat(np.arange(n), 6), rng.uniform(40, height - 40, (6 * n, 2)), rng.uniform(20, 60, (6 * n, 2))
    sets = {}
    for number in range(MEMBERS * VIEWS):
        member, view = divmod(number, VIEWS)
        own = np.random.default_rng((seed, number))
        sure = 1 / (1 + np.exp(-(0.6 - 0.25 * member + hard + own.normal(0, 1, len(frame)))))
        again = own.random(6 * n) < 0.7
        alone = own.integers(0, n, (BOXES - 5) * n)
        frames = np.concatenate([frame, weeds[0][again], alone])
        spots = np.concatenate([centre, weeds[1][again], own.uniform(40, height - 40, (len(alone), 2))])
        sizes = np.concatenate([size, weeds[2][again], own.uniform(20, 60, (len(alone), 2))])
        spots, sizes = spots + own.normal(0, 3, spots.shape), sizes * own.uniform(0.85, 1.15, sizes.shape)
        doubt = np.minimum(
            0.01 + own.exponential(np.where(np.arange(again.sum() + len(alone)) < again.sum(), 0.06, 0.025)), 0.95
        )
        order = np.argsort(frames, kind="stable")
        table = Boxes(frames, np.hstack([spots - sizes / 2, spots + sizes / 2]), np.concatenate([sure, doubt]))
        sets[f"m{member}_{('identity', 'hflip')[view]}"] = table[order]
    clip = np.arange(n) // CLIP
    return OutOfFold(VideoItems(pd.DataFrame({"clip": clip, "group": clip}), truth), sets, clip % FOLDS, clip % FOLDS, reef.KIND.size)


def _stars(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """frame (M,), centre and size (M, 2) of all stars in all frames; a fifth of the frames have some."""
    frames, centres, sizes = [], [], []
    for start in range(0, n, CLIP):
        for _ in range(rng.poisson(BUSY) if rng.random() < 0.35 else 0):
            begin = start + int(rng.integers(0, CLIP - 30))
            own = np.arange(begin, min(begin + int(rng.integers(8, 31)), n))
            drift = np.outer(np.arange(len(own)), rng.normal(0, 4, 2)) + rng.normal(0, 3, (len(own), 2)).cumsum(0)
            frames.append(own)
            centres.append(np.clip(rng.uniform(100, 620, 2) + drift, 40, 680))
            sizes.append(np.tile(rng.uniform(25, 70, 2), (len(own), 1)))
    return np.concatenate(frames), np.concatenate(centres), np.concatenate(sizes)
