"""Batches: an order that seed and epoch decide, and predictions in the order of rows."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training_fixtures import Halves, one_thread, small_model  # noqa: E402, F401

from kaggle_utils.learning.batches import in_order, shuffled  # noqa: E402
from kaggle_utils.learning.predict import predict, probabilities  # noqa: E402


def test_every_row_comes_once_in_an_order_that_epoch_and_seed_decide():
    def epoch(seed, number, rows=range(7)):
        loader = shuffled(Halves(), rows, batch=3, seed=seed)
        loader.batch_sampler.epoch = number
        return [rows.tolist() for rows, _ in loader]

    first = epoch(0, 0)
    assert sorted(sum(first, [])) == list(range(7)) and [len(b) for b in first] == [2, 3, 2]
    assert first == epoch(0, 0, rows=[6, 5, 4, 3, 2, 1, 0]) and first != epoch(0, 1) and first != epoch(1, 0)


def test_no_batch_has_a_single_row():
    assert min(len(rows) for rows, _ in shuffled(Halves(), range(17), batch=16, seed=0)) == 8


def test_processes_share_each_batch_and_its_draws():
    def pairs(part):
        examples = Halves()
        return [rows.tolist() for rows, _ in shuffled(examples, range(7), batch=3, seed=4, part=part)], examples.asked

    (whole, asked), (first, asked_first), (second, asked_second) = pairs((0, 1)), pairs((0, 2)), pairs((1, 2))
    assert [sorted(one + two) for one, two in zip(first, second, strict=True)] == [sorted(rows) for rows in whole]
    assert sorted(asked_first + asked_second) == sorted(asked)


def test_a_batch_has_a_row_for_every_process():
    with pytest.raises(ValueError, match="batch=4 makes batches of 3 rows, expected one for each of 4 devices"):
        shuffled(Halves(), range(7), batch=4, seed=0, part=(0, 4))


def test_predictions_come_in_the_order_of_rows():
    model = small_model()
    parts = list(predict(model, Halves(), [9, 2, 5], batch=2))
    assert np.concatenate([rows for rows, _ in parts]).tolist() == [2, 5, 9]
    images = torch.stack([torch.from_numpy(Halves()[row, None][0]) for row in (2, 5, 9)])
    with torch.no_grad():
        assert np.allclose(np.concatenate([p for _, p in parts]), probabilities(model.eval(), images).numpy(), atol=1e-6)


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        in_order(Halves(), [], batch=2)
