"""Clouds' decision and submission at the competition's full size: seconds and memory of each step.

Run as ``python -m tests.benchmarks.full_size``; ``--images 500`` for a quick look. Writes prediction stores of
smooth random fields, 4 GB for 5,546 images, to a temporary folder and removes them in the end. Memory is the
largest RssAnon seen in the step, every 20 ms: what the process holds itself, without the files it has mapped.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from kaggle_utils.competitions import clouds
from kaggle_utils.evidence.eight_bits import from_bytes
from kaggle_utils.learning.store import Joined, PredictionStore
from kaggle_utils.masks.rle import rle_from_mask
from kaggle_utils.tasks.masks.cache import cached_truths
from kaggle_utils.tasks.masks.candidates import look, rules
from kaggle_utils.tasks.masks.decision import Decision, Merge, decided
from kaggle_utils.tasks.masks.items import RunLengthItems
from kaggle_utils.tasks.masks.out_of_fold import OutOfFold
from kaggle_utils.tasks.masks.weights import searched_weights
from kaggle_utils.tasks.submission import FileStream

from .bench_masks import fields

LEVELS = (40, 55, 70, 85, 100, 115, 128, 140, 155, 170, 185, 200)  # of notebook 3_decide
FOLDS, SKIES = 5, 24
_LIMIT = 1000  # MB


def main(arguments: list[str] | None = None) -> None:
    """Prints a Markdown table of the steps."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.full_size", description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=clouds.TRAIN_IMAGES, help="training images (default: all 5,546)")
    n = parser.parse_args(arguments).images
    tests = round(n * clouds.HIDDEN_ITEMS / clouds.TRAIN_IMAGES)
    print("| step | seconds | RssAnon, MB |\n|---|---|---|")
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for title, seconds, peak in _steps(Path(folder), n, tests):
            peaks.append(peak)
            print(f"| {title} | {seconds:.1f} | {peak:.0f} |", flush=True)
    print(f"\nPeak {max(peaks):.0f} MB, limit {_LIMIT} MB{'' if max(peaks) < _LIMIT else ': **missed**'}.")


def _steps(folder: Path, n: int, tests: int) -> Iterator[tuple[str, float, float]]:
    """(title, seconds, MB) of each step of stages 3 and 4 in turn."""
    probabilities, data = _sky(n)
    judged, *made = _measured(lambda: _judged(folder, probabilities, data))
    yield (f"{n:,} images x 4 x 350x525 written, truths decoded", *made)
    first, *looked = _measured(lambda: look(judged, Merge(("a", "b")), LEVELS))
    yield ("two sets merged and looked at", *looked)
    steps, *ruled = _measured(lambda: rules(first, judged.part))
    yield ("rules, cross-fitted, gates of two kinds", *ruled)
    weights, *searched = _measured(lambda: searched_weights(judged, LEVELS, folder))
    yield ("weights of two sets searched, 10 rounds", *searched)
    decision = Decision(Merge(("a", "b"), (2.0, 1.0)), steps["gate"].decision.rule, labels=True)
    _, *written = _measured(lambda: _write(folder, judged, decision, tests))
    yield (f"{4 * tests:,} masks decided and written", *written)


def _measured(step: Callable[[], Any]) -> tuple[Any, float, float]:
    """(answer, seconds, MB) of a call."""
    with _watched() as peak:
        start = time.perf_counter()
        answer = step()
        return answer, time.perf_counter() - start, max(peak) / 1e3


@contextmanager
def _watched() -> Iterator[list[float]]:
    """A list that grows by the process's own memory in kB every 20 ms."""
    seen, done = [_anonymous()], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            seen.append(_anonymous())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def _anonymous() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("RssAnon")))


def _sky(n: int) -> tuple[Callable[[int], np.ndarray], RunLengthItems]:
    """probabilities(i) (4, 350, 525) uint8 of image i, and the data with the truths: a few skies, shifted."""
    smooth, rough = (fields(SKIES, sigma, *clouds.SUBMISSION_SHAPE, seed=seed) for seed, sigma in enumerate((30, 6)))
    rng = np.random.default_rng(0)
    there, kind = rng.random((n, 4)) < 0.5335, rng.integers(0, SKIES, (n, 4))  # as many masks as in train.csv
    texts = np.array([rle_from_mask((sky > 165).repeat(4, 0).repeat(4, 1)) for sky in smooth], dtype=object)
    images = _table(n)

    def probabilities(i: int) -> np.ndarray:
        weight = np.where(there[i], 0.8, 0.5)[:, None, None]
        mixed = weight * smooth[kind[i]] + 0.2 * np.roll(rough[kind[i, ::-1]], 7 * i, axis=2)
        return mixed.astype(np.uint8)

    return probabilities, RunLengthItems(images, clouds.CLASSES, clouds.TRAIN_SHAPE, np.where(there, texts[kind], ""))


def _table(n: int) -> Any:
    import pandas as pd

    return pd.DataFrame({"image": [f"{i:07}.jpg" for i in range(n)], "exists": True})


def _judged(folder: Path, probabilities: Callable[[int], np.ndarray], data: RunLengthItems) -> OutOfFold:
    """Five folds of a store each, under two names."""
    n, rng = len(data), np.random.default_rng(1)
    fold = np.arange(n) % FOLDS
    scores = np.clip(0.35 * data.labels + 0.65 * rng.random((n, 4)), 0, 1)
    masks, labels = [], []
    for k in range(FOLDS):
        rows = np.flatnonzero(fold == k)
        masks.append(PredictionStore.create(folder / f"masks{k}.npy", rows, (4, *clouds.SUBMISSION_SHAPE)))
        labels.append(PredictionStore.create(folder / f"labels{k}.npy", rows, (4,)))
        labels[-1].write(rows, scores[rows])
        for part in np.array_split(rows, max(1, len(rows) // 16)):
            masks[-1].write(part, from_bytes(np.stack([probabilities(i) for i in part])))
    both = [{name: Joined(stores) for name in ("a", "b")} for stores in (masks, labels)]
    truths = cached_truths(clouds, data, folder, clouds.SUBMISSION_SHAPE[::-1])
    return OutOfFold(np.arange(n), fold, np.arange(n), *both, truths, clouds.KIND.top_pixels)


def _write(folder: Path, judged: OutOfFold, decision: Decision, n: int) -> None:
    """The masks of n images, as they are decided once the models have answered."""
    stream = FileStream(clouds, RunLengthItems(_table(n), clouds.CLASSES, clouds.SUBMISSION_SHAPE), folder / "submission.csv")
    for row in range(n):
        stores = (judged.masks, judged.labels)
        masks, labels = ([store[name].read([row])[0] for name in decision.merge.sets] for store in stores)
        stream.take(row, decided(decision, masks, labels))
    stream.close()


if __name__ == "__main__":
    main()
