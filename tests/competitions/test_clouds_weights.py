"""Clouds' weights: searched on thinned masks, judged on whole ones by what has not seen them."""

import numpy as np
import pytest

pytest.importorskip("torch")

from clouds_fixtures import Trained, trained  # noqa: E402, F401
from kaggle_utils.competitions.clouds_comparison import fitted, look  # noqa: E402
from kaggle_utils.competitions.clouds_weights import judged_weights, merge_of, searched_weights  # noqa: E402

from kaggle_utils.competitions import clouds_runs  # noqa: E402
from kaggle_utils.evidence.crossfit import CrossFit  # noqa: E402

LEVELS = (60, 128, 190)


def test_weights_are_found_for_all_sets_and_leave_nothing_behind(trained: Trained, tmp_path) -> None:  # noqa: F811
    runs = clouds_runs.read_runs([trained.output], trained.data)
    found = searched_weights(runs, trained.data, LEVELS, tmp_path / "temp", rounds=3)
    assert len(found.decision) == 4 and set(found.decisions) == {0, 1} and 0 < found.cross_fitted <= 1
    assert list((tmp_path / "temp").iterdir()) == []


def test_an_image_is_judged_by_weights_and_a_rule_that_have_not_seen_it(trained: Trained) -> None:  # noqa: F811
    runs = clouds_runs.read_runs([trained.output], trained.data)
    weights, sets = CrossFit((1, 0, 0, 0), 0.0, {0: (0, 2, 1, 0), 1: (1, 0, 0, 0)}, 0.0), list(runs.masks)
    judged = judged_weights(runs, trained.data, weights, LEVELS)
    assert judged.decision.merge == merge_of(sets, (1, 0, 0, 0))
    for fold, chosen in weights.decisions.items():
        alone = fitted(look(runs, trained.data, merge_of(sets, chosen), LEVELS), runs.fold_of_row)
        assert np.array_equal(judged.dice[runs.fold_of_row == fold], alone.dice[runs.fold_of_row == fold])
