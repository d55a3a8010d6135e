"""Folds: nothing of one survives into the next, and two devices work side by side."""

import gc
import os
import subprocess
import sys
import time
import weakref
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from training_fixtures import one_thread, small_model, tried  # noqa: E402, F401

from kaggle_utils.learning.devices import each_fold  # noqa: E402


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


def fails_at_one(job, devices):
    """Job 1 fails as soon as job 0 has begun; the others last until after that."""
    notes = Path(os.environ["FOLD_NOTES"])
    (notes / str(job)).touch()
    if job == 1:
        wait_for(lambda: list(notes.glob("0")), 1)
        (notes / "failed").touch()
        raise ZeroDivisionError("job 1")
    wait_for(lambda: list(notes.glob("failed")), 1)
    time.sleep(1.0)


def test_side_by_side_each_device_has_one_job_at_a_time_in_a_process_of_its_own():
    answers = each_fold(list("abcd"), named, devices=["cpu", "cpu:0"])
    assert [name[0] for name, *_ in answers] == list("abcd")
    assert {name[5:] for name, *_ in answers} == {"cpu", "cpu:0"}  # while one sleeps the other is free
    assert len({pid for _, pid, _ in answers}) == 2 and os.getpid() not in {pid for _, pid, _ in answers}


def test_a_single_job_gets_all_devices():
    assert each_fold([7], lambda job, devices: (job, devices), devices=["cpu", "cpu:0"]) == [(7, ("cpu", "cpu:0"))]


def test_an_error_names_itself_and_keeps_later_jobs_from_beginning(tmp_path, monkeypatch):
    monkeypatch.setenv("FOLD_NOTES", str(tmp_path))
    with pytest.raises(ZeroDivisionError, match="job 1"):
        each_fold(list(range(6)), fails_at_one, devices=["cpu", "cpu:0"])
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1", "failed"}


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked up in Linux's /proc")
def test_folds_end_with_a_killed_parent(tmp_path):
    """Else they would go on beside the next run, on its cards and in its files."""
    code = "import sys, test_devices as t; t.each_fold([0, 2], t.sleeps, devices=['cpu', 'cpu:0'])"
    here = Path(__file__).parent
    environment = {**os.environ, "FOLD_NOTES": str(tmp_path), "PYTHONPATH": f"{here}{os.pathsep}{here.parent}"}
    parent = subprocess.Popen([sys.executable, "-c", code], env=environment)
    children = wait_for(lambda: [int(path.name) for path in tmp_path.iterdir()], 2)
    parent.kill()
    parent.wait()
    assert wait_for(lambda: [child for child in children if not Path(f"/proc/{child}").exists()], 2)


def sleeps(job, devices):
    (Path(os.environ["FOLD_NOTES"]) / str(os.getpid())).touch()
    time.sleep(60)


def wait_for(found, n):
    end = time.monotonic() + 50
    while len(found()) < n:
        assert time.monotonic() < end
        time.sleep(0.1)
    return found()
