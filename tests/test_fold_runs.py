"""Folds: nothing of one survives into the next, and two devices work side by side."""

import gc
import weakref

import pytest

torch = pytest.importorskip("torch")

from training_fixtures import one_thread, small_model, tried  # noqa: E402, F401

from kaggle_utils.fold_runs import each_fold  # noqa: E402


def test_no_model_of_a_fold_survives_into_the_next(tmp_path):
    seen: list[weakref.ref] = []

    def run(fold, device):
        assert [ref() for ref in seen] == [None] * len(seen)
        model = small_model()
        seen.extend(weakref.ref(p) for p in model.parameters())
        ring = [model]
        ring.append(ring)  # what holds itself goes only when it is looked for
        return tried(tmp_path / str(fold), model, epochs=1, ema=0.5,
                     callbacks=[lambda e: seen.append(weakref.ref(e.model))]).best  # fmt: skip

    assert len(each_fold([0, 1, 2], run)) == 3
    gc.collect()
    assert len(seen) == 3 * 9 and all(ref() is None for ref in seen)


def test_an_answer_that_holds_its_model_is_caught_by_the_same_test():
    answers = each_fold([0], lambda fold, device: small_model())
    assert weakref.ref(answers[0])() is not None


def test_side_by_side_each_device_has_one_fold_at_a_time():
    import threading

    busy, meet = [], threading.Barrier(2, timeout=10)

    def run(fold, device):
        assert device not in busy
        busy.append(device)
        meet.wait()  # passes only if two run at once
        busy.remove(device)
        return fold, device

    answers = each_fold([0, 1, 2, 3], run, devices=["cpu", "cpu:0"])
    assert [fold for fold, _ in answers] == [0, 1, 2, 3] and {device for _, device in answers} == {"cpu", "cpu:0"}


def test_an_error_names_itself():
    with pytest.raises(ZeroDivisionError):
        each_fold([0, 1], lambda fold, device: 1 // fold, devices=["cpu", "cpu:0"])
