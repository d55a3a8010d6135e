"""Stages pushed one by one: fan-out, what the next stage takes, going on later, submission."""

from __future__ import annotations

import json
import signal
from dataclasses import replace

import pytest
from kernel_folders import COMPETITION, write_kernel

from kaggle_utils.platform.push import kernels, sending, submissions
from kaggle_utils.platform.push.client import KaggleFailure
from kaggle_utils.platform.push.order import Order
from kaggle_utils.platform.push.push import push

pytest_plugins = ["kaggle_fixtures"]

FOLDS = ["me/pond-2-train-fold0", "me/pond-2-train-fold1"]


def test_a_push_does_not_wait_unless_asked(service, order, news):
    [pushed] = push("pond-2-train", order)
    assert (pushed.kernel, service.names()) == ("me/pond-2-train", ["SaveKernel"])
    assert "the session runs on NvidiaTeslaT4: two T4s" in news[0]
    assert news[1] == "me/pond-2-train version 1 pushed: https://www.kaggle.com/code/me/pond-2-train"


def test_what_is_wrong_at_home_stops_before_anything_is_sent(service, order, pond):
    write_kernel(pond, "pond-2-train", enable_internet=None)
    with pytest.raises(ValueError, match="pond-2-train/kernel-metadata.json: enable_internet is missing"):
        push("pond-2-train", order)
    assert service.calls == []


def test_the_accelerator_of_the_order_replaces_the_declared_one(service, order, news):
    push("pond-2-train", replace(order, accelerator="NvidiaL4"))
    assert service.kernels["me/pond-2-train"][0]["machineShape"] == "NvidiaL4"
    assert "P100" not in " ".join(news)


def test_a_range_of_folds_becomes_a_kernel_each_and_the_next_stage_takes_them_all(service, order, news):
    pushed = push("pond-2-train", replace(order, overrides=["fold=0..1", "image_size=1280"]))
    assert [p.kernel for p in pushed] == FOLDS
    for fold, kernel in enumerate(FOLDS):
        injected = json.loads(service.kernels[kernel][0]["text"])["cells"][1]["source"]
        assert f"fold = {fold}\nimage_size = 1280\n" in injected
    push("pond-3-submit", order)
    assert service.kernels["me/pond-3-submit"][0]["kernelDataSources"] == FOLDS
    assert "pond-3-submit takes me/pond-2-train-fold0, me/pond-2-train-fold1" in news


def test_pushing_the_whole_stage_again_ends_the_fan_out(service, order):
    push("pond-2-train", replace(order, overrides=["fold=0..1"]))
    push("pond-2-train", order)
    push("pond-3-submit", order)
    assert service.kernels["me/pond-3-submit"][0]["kernelDataSources"] == ["me/pond-2-train"]


def test_only_folds_fan_out_for_only_folds_are_found_again(service, order):
    with pytest.raises(ValueError, match="image_size cannot be fanned out, only fold can"):
        push("pond-2-train", replace(order, overrides=["image_size=640..641"]))
    assert service.calls == []


def test_folds_are_numbered_from_0(service, order):
    with pytest.raises(ValueError, match="fold -1 cannot be pushed"):
        push("pond-2-train", replace(order, overrides=["fold=-1..1"]))
    assert service.calls == []


def test_a_mistyped_parameter_stops_before_anything_is_sent(service, order):
    with pytest.raises(ValueError, match=r"'imagesize' \(= 1280\)"):
        push("pond-2-train", replace(order, overrides=["imagesize=1280"]))
    assert service.calls == []


def test_a_push_is_resumed_without_pushing_again(service, order):
    push("pond-2-train", order)
    service.calls.clear()
    [pushed] = push("pond-2-train", replace(order, resume=True, wait=True))
    assert pushed.version == 1
    assert service.names()[:2] == ["GetKernelSessionStatus", "ListKernelSessionOutput"]


def test_what_is_resumed_is_what_was_pushed(service, order):
    push("pond-2-train", replace(order, overrides=["fold=0..1", "image_size=1280"], accelerator="NvidiaL4"))
    again = replace(order, resume=True)
    push("pond-2-train", replace(again, overrides=["fold=1..1", "image_size=1280"], accelerator="NvidiaL4"))
    for name, value in {"nosuch": 1, "image_size": 640, "fold": 2}.items():
        said = f"goes on with pond-2-train as it was pushed, .* not with {name} = {value}: leave"
        with pytest.raises(ValueError, match=said):
            push("pond-2-train", replace(again, overrides=[f"{name}={value}"]))
    with pytest.raises(ValueError, match="not with NvidiaTeslaT4"):
        push("pond-2-train", replace(again, accelerator="NvidiaTeslaT4"))
    assert service.names() == ["SaveKernel"] * 2


def stop(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_wait_that_is_stopped_says_how_to_go_on(service, order, news, monkeypatch):
    monkeypatch.setattr(kernels.time, "sleep", stop)
    service.sessions["me/pond-2-train"] = ["RUNNING"]
    with pytest.raises(KeyboardInterrupt):
        push("pond-2-train", replace(order, wait=True))
    command = f"kaggle-utils push pond-2-train --resume --wait --owner me --kernels {order.kernels}"
    assert news[-1] == f"stopped; on Kaggle it runs on, and `{command}` goes on here"


def test_stopped_before_anything_was_sent_there_is_nothing_to_go_on_with(service, order, news, monkeypatch):
    monkeypatch.setattr(sending, "send", stop)
    with pytest.raises(KeyboardInterrupt):
        push("pond-1-eda", replace(order, wait=True))
    assert "stopped" not in " ".join(news)


def test_there_is_nothing_to_resume_before_a_push(service, order):
    with pytest.raises(ValueError, match="pond-2-train was not pushed from here by me"):
        push("pond-2-train", replace(order, resume=True))


@pytest.fixture
def ready(service, order) -> Order:
    push("pond-2-train", order)
    service.outputs["me/pond-3-submit"] = {"submission.csv": b"index,annotations\n"}
    return replace(order, submit=True)


def test_the_finished_version_is_submitted_and_the_rest_of_the_day_shown(service, ready, news):
    service.sessions["me/pond-3-submit"] = ["RUNNING", "COMPLETE"]
    push("pond-3-submit", replace(ready, message="five folds"))
    assert service.submissions == [
        {
            "competitionName": COMPETITION,
            "kernelOwner": "me",
            "kernelSlug": "pond-3-submit",
            "kernelVersion": 1,
            "fileName": "submission.csv",
            "submissionDescription": "five folds",
        }
    ]
    assert news[-2:] == [f"Successfully submitted to {COMPETITION}", "submissions left today: 4"]


def test_a_submission_that_a_gateway_did_not_answer_may_have_been_counted(service, ready):
    service.fail("CreateCodeSubmission", 502)
    with pytest.raises(KaggleFailure, match="was not submitted to .*it may have been counted all the same"):
        push("pond-3-submit", ready)


def test_a_submission_that_is_stopped_is_told_as_it_ended(service, ready, news, monkeypatch):
    submit = submissions.submit
    monkeypatch.setattr(submissions, "submit", lambda *given: (signal.raise_signal(signal.SIGINT), submit(*given))[1])
    with pytest.raises(KeyboardInterrupt):
        push("pond-3-submit", ready)
    assert len(service.submissions) == 1 and news[-1].startswith("Successfully submitted")


def test_a_submission_that_was_counted_is_no_failure_when_the_rest_of_the_day_is_not_told(service, ready, news):
    service.fail("GetSubmissionLimits", 500)
    push("pond-3-submit", ready)
    assert len(service.submissions) == 1
    assert news[-1].startswith("it is submitted; how many submissions are left today was not told: ")


def test_a_kernel_that_failed_is_not_submitted(service, ready):
    service.sessions["me/pond-3-submit"] = ["ERROR"]
    with pytest.raises(KaggleFailure, match="pond-3-submit ended with ERROR"):
        push("pond-3-submit", ready)
    assert service.submissions == []


def test_a_kernel_without_a_submission_file_is_not_submitted(service, ready):
    service.outputs["me/pond-3-submit"] = {"sub.csv": b""}
    with pytest.raises(KaggleFailure, match="wrote no submission.csv, so nothing was submitted; it wrote .*sub.csv"):
        push("pond-3-submit", ready)
    assert service.submissions == []


def test_a_day_without_submissions_left_is_named_and_can_be_resumed_tomorrow(service, ready):
    service.allowed_today = 0
    with pytest.raises(KaggleFailure, match="version 1 was not submitted to .*used its submissions for today"):
        push("pond-3-submit", ready)
    service.allowed_today = 5
    push("pond-3-submit", replace(ready, resume=True))
    assert len(service.kernels["me/pond-3-submit"]) == 1
    assert service.allowed_today == 4


def test_a_fan_out_cannot_be_submitted(service, ready):
    with pytest.raises(ValueError, match="pond-2-train is 2 kernels, only one can be submitted"):
        push("pond-2-train", replace(ready, overrides=["fold=0..1"]))
    assert "me/pond-2-train-fold0" not in service.kernels
