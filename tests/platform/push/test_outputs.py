"""Outputs brought home: where they land, what comes although something fails, what is set aside."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kaggle_utils.platform.client.calls import KaggleFailure
from kaggle_utils.platform.push.order import Order
from kaggle_utils.platform.push.push import push

pytest_plugins = ["kaggle_fixtures"]

FOLDS = ["me/pond-2-train-fold0", "me/pond-2-train-fold1"]


def test_outputs_come_home_in_the_layout_of_stages(service, order, news):
    for kernel in FOLDS:
        service.outputs[kernel] = {"weights.pt": kernel.encode()}
        service.sessions[kernel] = ["QUEUED", "RUNNING", "COMPLETE"]
    push("pond-2-train", replace(order, overrides=["fold=0..1"], wait=True))
    folder = order.runs / "kaggle/pond/2_train-fold1"
    assert (folder / "weights.pt").read_bytes() == b"me/pond-2-train-fold1"
    assert news[-1] == f"me/pond-2-train-fold1 version 1 complete, 2 files in {folder}"


def test_stages_at_home_find_what_came_from_kaggle(service, order, monkeypatch):
    from kaggle_utils.platform.runtime import stage_dirs

    push("pond-2-train", replace(order, overrides=["fold=0..1"], wait=True))
    monkeypatch.setenv("KAGGLE_UTILS_RUNS", str(order.runs / "kaggle"))
    assert [folder.name for folder in stage_dirs("pond", "2_train")] == ["2_train-fold0", "2_train-fold1"]


def test_a_fold_that_fails_does_not_keep_the_others_from_coming_home(service, order, news):
    service.sessions[FOLDS[0]] = ["ERROR"]
    service.logs[FOLDS[0]] = "out of memory"
    with pytest.raises(KaggleFailure, match="fold0 version 1 ended with ERROR.*\nout of memory$"):
        push("pond-2-train", replace(order, overrides=["fold=0..1"], wait=True))
    assert news[-1].startswith("me/pond-2-train-fold1 version 1 complete, 1 files in")
    assert [path.name for path in (order.runs / "kaggle/pond").iterdir()] == ["2_train-fold1"]


def test_outputs_that_do_not_come_are_named_and_fetched_later(service, order, news):
    service.outputs |= {kernel: {"best.pt": b"w"} for kernel in FOLDS}
    service.fail("GET", 403)
    with pytest.raises(KaggleFailure) as caught:
        push("pond-2-train", replace(order, overrides=["fold=0..1"], wait=True))
    said = str(caught.value)
    assert said.startswith("me/pond-2-train-fold0 version 1 completed, but its outputs did not come: ")
    assert "the file best.pt" in said and said.endswith("; the same command fetches them")
    assert news[-1].startswith("me/pond-2-train-fold1 version 1 complete")
    push("pond-2-train", replace(order, overrides=["fold=0..1"], wait=True))
    assert (order.runs / "kaggle/pond/2_train-fold0/best.pt").is_file()


def test_outputs_that_do_not_come_leave_what_was_there(service, order):
    service.outputs["me/pond-2-train"] = {"best.pth": b"first"}
    push("pond-2-train", replace(order, wait=True))
    service.fail("GET", 403)
    with pytest.raises(KaggleFailure, match="the file best.pth"):
        push("pond-2-train", replace(order, wait=True, again=True))
    assert (order.runs / "kaggle/pond/2_train/best.pth").read_bytes() == b"first" and at_home(order) == ["2_train"]


def at_home(order: Order) -> list[str]:
    place = order.runs / "kaggle/pond"
    return sorted(path.parent.relative_to(place).as_posix() for path in place.rglob("*.log"))


def test_folds_of_an_earlier_experiment_are_set_aside_when_the_new_ones_come_home(service, order, news):
    push("pond-2-train", replace(order, overrides=["fold=0..2"], wait=True))
    push("pond-2-train", replace(order, overrides=["fold=0..1", "image_size=1280"], wait=True))
    earlier = [f"earlier/2_train-fold{k}" for k in range(3)]
    assert at_home(order) == ["2_train-fold0", "2_train-fold1", *earlier]
    aside = order.runs / "kaggle/pond/earlier/2_train-fold2"
    assert news[-1].endswith(f"2_train-fold2 is of an earlier push: set aside as {aside}")
    push("pond-2-train", replace(order, wait=True))
    push("pond-2-train", replace(order, overrides=["fold=2..2"], wait=True))
    replaced = ["earlier/2_train", "earlier/2_train-fold0.2", "earlier/2_train-fold1.2"]
    assert at_home(order) == sorted(["2_train-fold2", *earlier, *replaced])


def test_the_other_folds_stay_when_one_is_repaired_and_all_stay_when_nothing_comes(service, order):
    push("pond-2-train", replace(order, overrides=["fold=0..2"], wait=True))
    push("pond-2-train", replace(order, overrides=["fold=1..1"], wait=True, again=True))
    stay = ["2_train-fold0", "2_train-fold1", "2_train-fold2", "earlier/2_train-fold1"]
    assert at_home(order) == stay
    service.sessions["me/pond-2-train"] = ["ERROR"]
    with pytest.raises(KaggleFailure):
        push("pond-2-train", replace(order, overrides=["image_size=512"], wait=True))
    assert at_home(order) == stay


def test_an_older_fold_does_not_stand_in_for_a_new_one_that_failed(service, order):
    push("pond-2-train", replace(order, overrides=["fold=0..1"], wait=True))
    service.sessions[FOLDS[0]] = ["ERROR"]
    with pytest.raises(KaggleFailure):
        push("pond-2-train", replace(order, overrides=["fold=0..1"], wait=True, again=True))
    assert at_home(order) == ["2_train-fold1", "earlier/2_train-fold0", "earlier/2_train-fold1"]


def test_a_second_push_deletes_nothing_of_the_first(service, order, news):
    service.outputs["me/pond-2-train"] = {"best.pth": b"first"}
    push("pond-2-train", replace(order, wait=True))
    service.outputs["me/pond-2-train"] = {"best.pth": b"second"}
    push("pond-2-train", replace(order, overrides=["image_size=1280"], wait=True))
    place = order.runs / "kaggle/pond"
    assert (place / "2_train/best.pth").read_bytes() == b"second"
    assert (place / "earlier/2_train/best.pth").read_bytes() == b"first"
    assert news[-2].endswith(f"2_train is of an earlier push: set aside as {place / 'earlier/2_train'}")


def test_files_of_the_same_version_fetched_later_join_those_that_are_there(service, order):
    service.outputs["me/pond-2-train"] = {"best.pth": b"weights", "oof/scores.csv": b"0.7"}
    push("pond-2-train", replace(order, wait=True, files=r"\.csv$"))
    folder = order.runs / "kaggle/pond/2_train"
    assert not (folder / "best.pth").exists()
    for _ in range(2):
        service.calls.clear()
        push("pond-2-train", replace(order, wait=True))
        assert (folder / "best.pth").read_bytes() == b"weights" and (folder / "oof/scores.csv").read_bytes() == b"0.7"
    assert "GET" not in service.names()  # what is at home is not fetched again
    assert at_home(order) == ["2_train"]


def test_a_fetch_that_was_killed_is_made_anew(service, order):
    service.outputs["me/pond-2-train"] = {"best.pth": b"weights"}
    place = order.runs / "kaggle/pond"
    (place / ".2_train.part").mkdir(parents=True)
    (place / ".2_train.part/best.pth").write_bytes(b"wei")
    (place / "2_train").mkdir()
    (place / "2_train/best.pth").write_bytes(b"w")
    push("pond-2-train", replace(order, wait=True))
    assert (place / "2_train/best.pth").read_bytes() == b"weights"
    assert (place / "earlier/2_train/best.pth").read_bytes() == b"w" and not (place / ".2_train.part").exists()


def test_outputs_of_another_version_are_not_taken_for_those_that_were_asked_for(service, order):
    service.outputs["me/pond-2-train"] = {"best.pth": b"of version 2"}
    answer = service._ListKernelSessionOutput

    def pushed_meanwhile(request: dict) -> dict:
        service.kernels["me/pond-2-train"].append(service.kernels["me/pond-2-train"][0])
        return answer(request)

    service._ListKernelSessionOutput = pushed_meanwhile
    with pytest.raises(KaggleFailure, match="Kaggle has version 2 of me/pond-2-train by now"):
        push("pond-2-train", replace(order, wait=True))
    assert at_home(order) == []
