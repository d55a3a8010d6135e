"""Weights: searched on thinned masks, judged on whole ones by what has not seen them."""

import numpy as np
import pytest

pytest.importorskip("torch")

from clouds_fixtures import Trained, trained  # noqa: E402, F401

from kaggle_utils.evidence.crossfit import CrossFit  # noqa: E402
from kaggle_utils.tasks.masks.candidates import fitted, look  # noqa: E402
from kaggle_utils.tasks.masks.weights import judged_weights, merge_of, searched_weights  # noqa: E402

LEVELS = (60, 128, 190)


def test_weights_are_found_for_all_sets_and_leave_nothing_behind(trained: Trained, tmp_path) -> None:  # noqa: F811
    found = searched_weights(trained.judged, LEVELS, tmp_path / "temp", rounds=3)
    assert len(found.decision) == 4 and set(found.decisions) == {0, 1} and 0 < found.cross_fitted <= 1
    assert list((tmp_path / "temp").iterdir()) == []


def test_an_item_is_judged_by_weights_and_a_rule_that_have_not_seen_it(trained: Trained) -> None:  # noqa: F811
    judged, weights = trained.judged, CrossFit((1, 0, 0, 0), 0.0, {0: (0, 2, 1, 0), 1: (1, 0, 0, 0)}, 0.0)
    found = judged_weights(judged, weights, LEVELS)
    assert found.decision.merge == merge_of(judged.sets, (1, 0, 0, 0))
    for part, chosen in weights.decisions.items():
        alone, rows = fitted(look(judged, merge_of(judged.sets, chosen), LEVELS), judged.part), judged.part == part
        assert np.array_equal(found.counts[rows], alone.counts[rows])
