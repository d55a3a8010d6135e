"""Passes over the predictions of all items: what a set says is read once, whatever is asked of it.

At full size a set is 4 GB, and eight of them are more than memory holds: a pass for each way to merge them would read
them from disk each time. Here an item's bytes are read, merged in every way that is asked for, and measured; its pixels
are forgotten before the next one comes. Items are shared out among the processor's cores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from kaggle_utils.evidence.merging import merged_bytes
from kaggle_utils.masks.statistics import ImageStatistics, MaskStatistics, Truth, checked, together
from kaggle_utils.tasks.masks.cache import planes
from kaggle_utils.tasks.masks.decision import Merge
from kaggle_utils.tasks.masks.out_of_fold import OutOfFold

Answer = TypeVar("Answer")

_AT_ONCE = 8  # items read together by a thread: of eight sets of clouds 47 MB


def measured(
    judged: OutOfFold,
    merges: Sequence[Merge],
    levels: Sequence[int],
    outlines: Sequence[str] = ("drawn",),
    progress: str | None = None,
) -> list[MaskStatistics]:
    """The statistics of each merge, in one pass; arguments as for :func:`kaggle_utils.masks.statistics.measure`."""
    levels, outlines = checked(levels, outlines)
    sets = list(dict.fromkeys(name for merge in merges for name in merge.sets))

    def looked_at(item: int, truth: np.ndarray, values: np.ndarray) -> list[ImageStatistics]:
        seen = Truth(truth, judged.pooled)
        return [seen.measured(merged(merge, sets, values), levels, outlines) for merge in merges]

    every, found = each_item(judged, sets, looked_at, progress), []
    for _ in merges:  # an item's own arrays go as soon as they are part of the whole
        found.append(together([images.pop(0) for images in every], levels, outlines))
    return found


def merged(merge: Merge, sets: Sequence[str], values: np.ndarray) -> np.ndarray:
    """(...) uint8 of (M, ...) by the M sets; a set that is alone stays as it lies on disk."""
    members = [sets.index(name) for name in merge.sets]
    return values[members[0]] if merge.leaves_as_it_is else merged_bytes(values, members, **merge.settings)


def each_item(
    judged: OutOfFold,
    sets: Sequence[str],
    look: Callable[[int, np.ndarray, np.ndarray], Answer],
    progress: str | None = None,
) -> list[Answer]:
    """What is seen of each item, in order.

    look: its place, truth (K, H, W) uint8, values (M, K, H, W) uint8 of M sets -> an answer; called by a thread a core,
        and the values are overwritten afterwards
    progress: what the bar over the items is called; None: no bar
    """
    from numba import config
    from tqdm import tqdm

    stores, workers = [judged.masks[name] for name in sets], config.NUMBA_NUM_THREADS
    answers: list = [None] * len(judged.rows)

    def every_so_often(first: int) -> None:
        values = np.empty((_AT_ONCE, len(stores), *stores[0].shape), np.uint8)
        for start in range(first * _AT_ONCE, len(answers), workers * _AT_ONCE):
            rows = judged.rows[start : start + _AT_ONCE]
            for number, store in enumerate(stores):
                store.fill(values[: len(rows), number], rows)
            for i, (bits, own) in enumerate(zip(judged.bits[start:], values[: len(rows)], strict=False), start):
                answers[i] = look(i, planes(bits, judged.classes), own)
            bar.update(len(rows))

    bar = tqdm(total=len(answers), desc=progress, disable=progress is None, unit="item")
    with bar, ThreadPoolExecutor(workers) as threads:
        list(threads.map(every_so_often, range(workers)))
    return answers
