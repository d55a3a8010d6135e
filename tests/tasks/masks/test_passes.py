"""One pass over the predictions for many merges gives what a look at each of them alone gives."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from clouds_fixtures import Trained, trained  # noqa: E402, F401

from kaggle_utils.evidence.eight_bits import as_bytes  # noqa: E402
from kaggle_utils.learning.store import ensemble  # noqa: E402
from kaggle_utils.masks.statistics import measure  # noqa: E402
from kaggle_utils.tasks.masks.candidates import looks, merges_of  # noqa: E402
from kaggle_utils.tasks.masks.decision import Merge  # noqa: E402
from kaggle_utils.tasks.masks.out_of_fold import OutOfFold  # noqa: E402
from kaggle_utils.tasks.masks.passes import each_item, measured  # noqa: E402

LEVELS, OUTLINES = (60, 128, 190), ("drawn", "hull")


def merged_one_by_one(judged: OutOfFold, merge: Merge) -> Iterator[np.ndarray]:
    """(K, height, width) uint8 of each item in turn, merged as floats."""
    stores = [judged.masks[name] for name in merge.sets]
    for _, masks in ensemble(stores, judged.rows, **merge.settings, chunk=1):
        yield as_bytes(np.clip(masks[0], 0, 1))


def test_merges_are_measured_together_as_each_alone(trained: Trained) -> None:
    judged = trained.judged
    merges = {"alone": Merge(tuple(judged.sets[1:2])), **merges_of(judged.sets[:3])}
    found = looks(judged, merges, LEVELS, OUTLINES)
    for name, merge in merges.items():
        alone, own = measure(merged_one_by_one(judged, merge), judged.truths(), LEVELS, OUTLINES), found[name]
        assert own.merge == merge and np.array_equal(own.labels, judged.merged_labels(merge))
        for column in ("pixels", "empty", "drawn"):
            assert np.array_equal(getattr(own.statistics, column), getattr(alone, column))
        for one, other in zip(own.statistics.steps, alone.steps, strict=True):
            assert all(
                np.array_equal(getattr(one, column), getattr(other, column)) for column in ("start", "image", "area", "gain")
            )


def test_items_come_in_their_order_with_their_truth(trained: Trained) -> None:
    judged = trained.judged
    seen = each_item(judged, judged.sets[2:], lambda item, truth, values: (item, truth.sum(), values.copy()))
    assert [(item, true) for item, true, _ in seen] == list(enumerate(truth.sum() for truth in judged.truths()))
    expected = np.stack([judged.masks[name].read_bytes(judged.rows) for name in judged.sets[2:]], axis=1)
    assert np.array_equal([values for *_, values in seen], expected)


def test_what_goes_wrong_in_a_thread_is_told(trained: Trained) -> None:
    with pytest.raises(ValueError, match="row 99 is in none"):
        measured(replace(trained.judged, rows=np.array([0, 99])), [Merge(tuple(trained.judged.sets[:1]))], LEVELS)
