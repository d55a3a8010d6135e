"""What was pushed last is known to the next stage."""

from __future__ import annotations

from kaggle_utils.platform.kernels import Pushed
from kaggle_utils.platform.receipts import recall, record


def fold(k: int, version: int = 1) -> Pushed:
    return Pushed(f"me/pond-2-train-fold{k}", version, "https://x")


def record_fold(runs, k: int, version: int = 1, **values: object) -> None:
    record(runs, "me", "pond-2-train", fold(k, version), {"fold": k} | values, fanned=True)


def test_without_a_push_there_is_nothing(tmp_path):
    assert recall(tmp_path, "me", "pond-2-train") == []


def test_the_folds_of_one_setting_stay_together_and_one_can_be_repaired(tmp_path):
    for k in range(3):
        record_fold(tmp_path, k, size=640)
    record_fold(tmp_path, 1, version=2, size=640)
    assert recall(tmp_path, "me", "pond-2-train") == [fold(0), fold(1, 2), fold(2)]


def test_folds_of_other_settings_are_not_mixed_in(tmp_path):
    for k in range(3):
        record_fold(tmp_path, k, size=640)
    record_fold(tmp_path, 0, version=2, size=1280)
    assert recall(tmp_path, "me", "pond-2-train") == [fold(0, 2)]


def test_a_single_kernel_replaces_a_fan_out_and_back(tmp_path):
    single = Pushed("me/pond-2-train", 7, "https://x")
    record_fold(tmp_path, 0)
    record(tmp_path, "me", "pond-2-train", single, {}, fanned=False)
    assert recall(tmp_path, "me", "pond-2-train") == [single]
    record_fold(tmp_path, 0)
    assert recall(tmp_path, "me", "pond-2-train") == [fold(0)]


def test_accounts_do_not_see_each_others_pushes(tmp_path):
    record_fold(tmp_path, 0)
    assert recall(tmp_path, "you", "pond-2-train") == []
