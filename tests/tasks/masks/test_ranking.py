"""Merges are ranked on thinned masks, and what is looked at for a part is chosen without it."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from clouds_fixtures import Trained, trained  # noqa: E402, F401

from kaggle_utils.masks.thinned import best_dice, dice_by_fold  # noqa: E402
from kaggle_utils.tasks.masks.candidates import merges_of  # noqa: E402
from kaggle_utils.tasks.masks.decision import Merge  # noqa: E402
from kaggle_utils.tasks.masks.ranking import ranked, thinned  # noqa: E402
from kaggle_utils.tasks.masks.weights import searched_weights  # noqa: E402

LEVELS = (60, 128, 190)


def test_the_best_by_the_cheap_rule_are_named_first(trained: Trained, tmp_path) -> None:
    judged, merges = trained.judged, merges_of(trained.judged.sets)
    masks = thinned(judged, tmp_path)
    names, worth = ranked(masks, judged, merges, LEVELS, best=4)
    counts = dice_by_fold(masks, judged.part, LEVELS)
    mean = best_dice(counts(np.full((1, 4), 0.25))[0].sum(0))
    assert list(worth) == list(merges) and worth["mean"] == pytest.approx(mean, abs=2e-3)  # rounded once less
    assert names[None] == sorted(merges, key=lambda name: -worth[name])[:4] and names.keys() == {None, 0, 1}


@pytest.mark.parametrize("part", [0, 1])
def test_a_parts_truth_has_no_say_in_what_is_looked_at_without_it(trained: Trained, tmp_path, part: int) -> None:
    judged, merges = trained.judged, {name: Merge((name,)) for name in trained.judged.sets}
    other = np.array(judged.bits)
    other[judged.part == part] = 15 - other[judged.part == part]
    turned = replace(judged, bits=other)
    before, after = (ranked(thinned(one, tmp_path), one, merges, LEVELS)[0] for one in (judged, turned))
    assert before[part] == after[part]


def test_a_copy_that_is_there_serves_the_search_for_weights_too(trained: Trained, tmp_path) -> None:
    judged = trained.judged
    masks = thinned(judged, tmp_path)
    assert searched_weights(judged, LEVELS, tmp_path, 2, masks=masks) == searched_weights(judged, LEVELS, tmp_path, 2)
