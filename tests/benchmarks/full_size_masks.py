"""Stage 3 of clouds with eight prediction sets, step by step, and stage 4's writing."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np

from kaggle_utils.competitions import clouds
from kaggle_utils.evidence.candidates import Choice
from kaggle_utils.evidence.eight_bits import from_bytes
from kaggle_utils.learning.store import Joined, PredictionStore
from kaggle_utils.masks.rle import rle_from_mask
from kaggle_utils.tasks.decisions import Worth
from kaggle_utils.tasks.masks.cache import cached_truths
from kaggle_utils.tasks.masks.candidates import baseline, merged, with_rules
from kaggle_utils.tasks.masks.decision import Decision, Merge, decided, same_rule
from kaggle_utils.tasks.masks.items import RunLengthItems
from kaggle_utils.tasks.masks.out_of_fold import OutOfFold
from kaggle_utils.tasks.masks.ranking import thinned
from kaggle_utils.tasks.masks.weights import judged_weights, searched_weights
from kaggle_utils.tasks.submission import FileStream

from .bench_masks import fields

LEVELS = (40, 55, 70, 85, 100, 115, 128, 140, 155, 170, 185, 200)  # of notebook 3_decide
FOLDS, SKIES = 5, 24
SETS = tuple(f"{member}_{view}" for member in ("unet", "fpn", "linknet", "pspnet") for view in ("identity", "hflip"))


def steps(folder: Path, n: int) -> Generator[Any, Any, None]:
    """Each step in turn; sent what the last gave."""
    from .full_size import Step

    data, there, kind = some_data(n)
    shape = "x".join(map(str, clouds.SUBMISSION_SHAPE))
    title = f"{len(SETS)} sets of {n:,} images x 4 x {shape} written, truths decoded"
    yield Step(title, lambda: write_stores(folder, there, kind), counts=False)
    judged = yield Step("opened", lambda: opened(folder, data))
    yield from deciding(judged, folder)
    first = Decision(Merge(judged.sets[:2], (2.0, 1.0)), same_rule(4, min_size=9000, gate=0.4), True)
    tests = round(n * clouds.HIDDEN_ITEMS / clouds.TRAIN_IMAGES)
    yield Step(f"{4 * tests:,} masks decided and written", lambda: write(folder, judged, first, tests), counts=False)


def deciding(judged: OutOfFold, folder: Path) -> Generator[Any, Any, None]:
    """What 3_decide does."""
    from .full_size import Step

    first, plain, _ = yield Step("the baseline looked at and fitted", lambda: baseline(judged, LEVELS))
    choice = Choice(judged.ground, first, plain)
    masks = yield Step("all sets thinned", lambda: thinned(judged, folder))
    tried, offered = yield Step("merges ranked, the best looked at and fitted", lambda: merged(judged, LEVELS, masks))
    yield Step("the mean of all compared", lambda: choice.step("the mean of all", {"all": tried["all"]}))
    yield Step(f"{len(tried)} merges compared", lambda: choice.step("members and views", tried, offered))
    weights = yield Step("weights searched, 10 rounds", lambda: searched_weights(judged, LEVELS, folder, masks=masks))
    found = yield Step("weights judged", lambda: judged_weights(judged, weights, LEVELS))
    yield Step("weights compared", lambda: choice.step("weights", {"searched weights": found}))
    outlines = ("hull", "rectangle")
    yield Step(
        "gates and outlines", lambda: choice.step("rules", lambda base: with_rules(judged, base, LEVELS, outlines))
    )
    yield Step("the choice and its worth", lambda: (choice.table(), Worth.of(choice)))


def some_data(n: int) -> tuple[RunLengthItems, np.ndarray, np.ndarray]:
    """The data with the truths, a few skies; which masks are there and which sky each is, (n, 4)."""
    rng = np.random.default_rng(0)
    there, kind = rng.random((n, 4)) < 0.5335, rng.integers(0, SKIES, (n, 4))  # as many masks as in train.csv
    texts = np.array([rle_from_mask((sky > 165).repeat(4, 0).repeat(4, 1)) for sky in _skies(30, 0)], dtype=object)
    return RunLengthItems(_table(n), clouds.CLASSES, clouds.TRAIN_SHAPE, np.where(there, texts[kind], "")), there, kind


def _skies(sigma: float, seed: int) -> np.ndarray:
    return fields(SKIES, sigma, *clouds.SUBMISSION_SHAPE, seed=seed)


def _table(n: int) -> Any:
    import pandas as pd

    return pd.DataFrame({"image": [f"{i:07}.jpg" for i in range(n)], "exists": True})


def write_stores(folder: Path, there: np.ndarray, kind: np.ndarray) -> None:
    """Five folds of a store for each set. A member takes some masks for others; a view has noise of its own."""
    answers = _answers(there, kind)
    for number, name in enumerate(SETS):
        rng = np.random.default_rng(number)
        for k in range(FOLDS):
            rows = np.flatnonzero(np.arange(len(there)) % FOLDS == k)
            masks = PredictionStore.create(folder / name / f"masks{k}.npy", rows, (4, *clouds.SUBMISSION_SHAPE))
            labels = PredictionStore.create(folder / name / f"labels{k}.npy", rows, (4,))
            labels.write(rows, np.clip(0.35 * there[rows] + 0.65 * rng.random((len(rows), 4)), 0, 1))
            for some in np.array_split(rows, max(1, len(rows) // 16)):
                masks.write(some, from_bytes(np.stack([answers(i, number) for i in some])))


def _answers(there: np.ndarray, kind: np.ndarray) -> Callable[[int, int], np.ndarray]:
    """(4, 350, 525) uint8 of image i by a set."""
    smooth, rough, fine = (_skies(sigma, seed).astype(np.uint16) for seed, sigma in enumerate((30, 6, 3)))
    shares = np.arange(256) / 255
    sure = (255 / (1 + np.exp(-9 * (shares - 0.5))) + 0.5).astype(np.uint8)
    sure[sure < 8] = 0  # most pixels of a network are
    slips = [np.random.default_rng((7, m)).random(there.shape) < 0.1 + 0.02 * m for m in range(len(SETS) // 2)]

    def answer(i: int, number: int) -> np.ndarray:
        member, view = divmod(number, 2)
        weight = np.where(there[i], 205, 190)
        weight = np.where(there[i] ^ slips[member][i], weight, 80 + (7 * i + 13 * np.arange(4) + 31 * member) % 60)
        mixed = smooth[kind[i]] * weight[:, None, None].astype(np.uint16)
        mixed += np.roll(rough[(kind[i] + member) % SKIES], 7 * i + 40 * view, axis=2) * np.uint16(40)
        mixed += np.roll(fine[(i + number) % SKIES], 11 * i, axis=1) * np.uint16(10)
        return sure[mixed >> 8]

    return answer


def opened(folder: Path, data: RunLengthItems) -> OutOfFold:
    """The stores of all sets as one."""
    n = len(data)
    both = [
        {name: Joined([PredictionStore(folder / name / f"{what}{k}.npy") for k in range(FOLDS)]) for name in SETS}
        for what in ("masks", "labels")
    ]
    truths = cached_truths(clouds, data, folder, clouds.SUBMISSION_SHAPE[::-1])
    return OutOfFold(np.arange(n), np.arange(n) % FOLDS, np.arange(n), *both, truths, clouds.KIND.top_pixels)


def write(folder: Path, judged: OutOfFold, decision: Decision, n: int) -> None:
    """The masks of n images, as they are decided once the models have answered."""
    stream = FileStream(clouds, RunLengthItems(_table(n), clouds.CLASSES, clouds.SUBMISSION_SHAPE), folder / "submission.csv")
    for row in range(n):
        stores, item = (judged.masks, judged.labels), judged.rows[row % len(judged.rows)]
        masks, labels = ([store[name].read([item])[0] for name in decision.merge.sets] for store in stores)
        stream.take(row, decided(decision, masks, labels))
    stream.close()
