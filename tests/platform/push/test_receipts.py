"""What was pushed last is known to the next stage."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from multiprocessing import get_context

import pytest

from kaggle_utils.platform.push.kernels import Pushed
from kaggle_utils.platform.push.receipts import recall, receipt_file, record
from kaggle_utils.platform.push.stamping import Stamp


def fold(k: int, version: int = 1) -> Pushed:
    return Pushed(f"me/pond-2-train-fold{k}", version, "https://x")


def record_fold(runs, k: int, version: int = 1, unsent: Sequence[int] = (), **values: object) -> None:
    stamps = {n: Stamp("me", {"fold": n} | values, f"fold{n}") for n in (k, *unsent)}
    record(runs, "pond-2-train", fold(k, version), stamps[k], [stamps[n] for n in unsent])


def kernels(runs, owner: str = "me") -> list[Pushed]:
    return recall(runs, owner, "pond-2-train").kernels


def test_without_a_push_there_is_nothing(tmp_path):
    assert kernels(tmp_path) == []


def test_the_folds_of_one_setting_stay_together_and_one_can_be_repaired(tmp_path):
    for k in range(3):
        record_fold(tmp_path, k, size=640)
    record_fold(tmp_path, 1, version=2, size=640)
    assert kernels(tmp_path) == [fold(0), fold(1, 2), fold(2)]


def test_folds_of_other_settings_are_not_mixed_in(tmp_path):
    for k in range(3):
        record_fold(tmp_path, k, size=640)
    record_fold(tmp_path, 0, version=2, size=1280)
    assert kernels(tmp_path) == [fold(0, 2)]


def test_a_single_kernel_replaces_a_fan_out_and_back(tmp_path):
    single = Pushed("me/pond-2-train", 7, "https://x")
    record_fold(tmp_path, 0)
    record(tmp_path, "pond-2-train", single, Stamp("me"))
    assert kernels(tmp_path) == [single]
    record_fold(tmp_path, 0)
    assert kernels(tmp_path) == [fold(0)]


def test_accounts_do_not_see_each_others_pushes(tmp_path):
    record_fold(tmp_path, 0)
    assert kernels(tmp_path, "you") == []


def test_the_folds_still_to_be_sent_are_noted_until_they_are(tmp_path):
    record_fold(tmp_path, 0, unsent=[1, 2], size=640)
    assert recall(tmp_path, "me", "pond-2-train").unsent == [1, 2]
    assert recall(tmp_path, "me", "pond-2-train").values() == {"size": 640}
    record_fold(tmp_path, 2, size=640)
    assert recall(tmp_path, "me", "pond-2-train").unsent == [1]
    record_fold(tmp_path, 0, size=1280)
    assert recall(tmp_path, "me", "pond-2-train").unsent == []


def test_receipts_of_older_versions_are_read(tmp_path):
    path = receipt_file(tmp_path, "me", "pond-2-train")
    path.parent.mkdir(parents=True)
    path.write_text('{"fanned": true, "settings": {}, "kernels": [["me/pond-2-train-fold0", 1, "https://x"]]}')
    assert kernels(tmp_path) == [fold(0)]


@pytest.mark.skipif(sys.platform == "win32", reason="file locks are POSIX")
def test_pushes_at_the_same_time_lose_no_fold(tmp_path):
    run = get_context("fork").Process
    pushes = [run(target=record_fold, args=(tmp_path, k)) for k in range(12)]
    for push in pushes:
        push.start()
    for push in pushes:
        push.join()
    assert len(kernels(tmp_path)) == 12
