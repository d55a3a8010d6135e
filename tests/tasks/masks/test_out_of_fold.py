"""Out-of-fold predictions: read as one, beside the truth they are judged by."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")

from clouds_fixtures import Trained, trained  # noqa: E402, F401

from kaggle_utils.competitions import clouds  # noqa: E402

SETS = ("96x64_identity", "96x64_hflip")


def test_folds_are_read_as_one(trained: Trained) -> None:
    judged = trained.judged
    assert tuple(judged.sets)[:2] == SETS and len(judged.sets) == 4 and judged.rows.tolist() == list(range(10))
    assert (judged.part == trained.fold_of_item).all() and judged.top_pixels == clouds.KIND.top_pixels
    assert judged.group.tolist() == trained.data.table["image"].tolist()


def test_truths_are_the_competitions_in_the_shape_of_its_submission(trained: Trained) -> None:
    for row, masks in zip(range(10), trained.judged.truths(), strict=True):
        assert masks.shape == (4, *clouds.SUBMISSION_SHAPE) and (masks == clouds.truth(trained.data, row)).all()


def test_truths_are_decoded_once(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = trained.judged
    monkeypatch.setattr(clouds, "truth", lambda *a: pytest.fail("decoded again"))
    assert all((one == other).all() for one, other in zip(judged.truths(), trained.judged.truths(), strict=True))


def test_parts_may_be_finer_than_folds_and_one_fold_alone_has_them(trained: Trained) -> None:
    """Of ten pictures the five that fold 1 left out, in two parts."""
    from dataclasses import replace

    runs, names = trained.runs, trained.data.table["image"]
    alone = replace(runs, jobs=tuple(job for job in runs.jobs if job.fold == 1))
    folds = pd.DataFrame({"part": [0, 0, 0, 0, 0, 0, 0, 1, 0, 1]}, index=names)
    judged = clouds.KIND.out_of_fold(clouds, trained.data, alone, folds, trained.cache)
    assert judged.rows.tolist() == [1, 3, 5, 7, 9] and judged.part.tolist() == [0, 0, 0, 1, 1]
    assert judged.group.tolist() == names[judged.rows].tolist()
    assert [masks.any() for masks in judged.truths()] == [clouds.truth(trained.data, row).any() for row in judged.rows]


def test_predictions_of_other_items_are_refused(trained: Trained) -> None:
    turned = trained.data.take(np.arange(9, -1, -1))
    folds = pd.DataFrame({"part": trained.fold_of_item}, index=turned.table["image"])
    with pytest.raises(ValueError, match="96x64 fold 0 was trained on other items"):
        clouds.KIND.out_of_fold(clouds, turned, trained.runs, folds, trained.cache)
