"""Folds: nothing of one survives into the next, and two devices work side by side."""

import gc
import os
import time
import weakref

import pytest

torch = pytest.importorskip("torch")

from training_fixtures import one_thread, small_model, tried  # noqa: E402, F401

from kaggle_utils.fold_runs import each_fold  # noqa: E402


def test_no_model_of_a_fold_survives_into_the_next(tmp_path):
    seen: list[weakref.ref] = []

    def run(fold, devices):
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
    answers = each_fold([0], lambda fold, devices: small_model())
    assert weakref.ref(answers[0])() is not None


def named(job, devices):
    return f"{job} on {devices[0]}", os.getpid(), time.sleep(0.5)


def one_over(job, devices):
    return 1 // job


def test_side_by_side_each_device_has_one_job_at_a_time_in_a_process_of_its_own():
    answers = each_fold(list("abcd"), named, devices=["cpu", "cpu:0"])
    assert [name[0] for name, *_ in answers] == list("abcd")
    assert {name[5:] for name, *_ in answers} == {"cpu", "cpu:0"}  # while one sleeps the other is free
    assert len({pid for _, pid, _ in answers}) == 2 and os.getpid() not in {pid for _, pid, _ in answers}


def test_a_single_job_gets_all_devices():
    assert each_fold([7], lambda job, devices: (job, devices), devices=["cpu", "cpu:0"]) == [(7, ("cpu", "cpu:0"))]


def test_an_error_names_itself():
    with pytest.raises(ZeroDivisionError):
        each_fold([0, 1], one_over, devices=["cpu", "cpu:0"])
