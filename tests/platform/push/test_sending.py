"""Kernels sent one after another: no room for all of them, cut lines, answers that are none of Kaggle's, signals."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest
from kaggle_http import Page, Refusal, Silence

from kaggle_utils.platform.client.calls import KaggleFailure
from kaggle_utils.platform.client.once import LOOKS
from kaggle_utils.platform.push import sending
from kaggle_utils.platform.push.push import push

pytest_plugins = ["kaggle_fixtures"]

TRAIN = "me/pond-2-train"
FOLDS = [f"me/pond-2-train-fold{k}" for k in range(5)]


@pytest.fixture
def two_rooms(service) -> None:
    """A service that runs two sessions at a time; every training is in its queue, then runs, then ends."""
    service.rooms = 2
    service.script = ["QUEUED", *["RUNNING"] * 4, "COMPLETE"]


def test_folds_that_there_is_no_room_for_are_sent_when_others_have_ended(service, order, two_rooms, news):
    pushed = push("pond-2-train", replace(order, overrides=["fold=0..4"], wait=True))
    assert [p.kernel for p in pushed] == FOLDS
    assert [len(service.kernels[kernel]) for kernel in FOLDS] == [1] * 5
    [full] = [line for line in news if "session count of 2" in line and "fold2" in line]
    assert full.endswith("trying again")
    assert (order.runs / "kaggle/pond/2_train-fold4").is_dir()


def test_a_fold_that_fails_while_others_wait_for_room_is_told_then(service, order, two_rooms, news):
    answer = service._SaveKernel

    def ends_badly(request: dict) -> dict:
        told = answer(request)
        if request["slug"] == FOLDS[0]:
            service.sessions[FOLDS[0]] = ["RUNNING", "RUNNING", "ERROR"]
        return told

    service._SaveKernel = ends_badly
    service.failures[FOLDS[0]] = "out of memory"
    with pytest.raises(KaggleFailure, match="fold0 version 1 ended with ERROR"):
        push("pond-2-train", replace(order, overrides=["fold=0..2"], wait=True))
    early = "me/pond-2-train-fold0 version 1 ended with ERROR: out of memory"
    assert news.count(early) == 1
    assert news.index(early) < news.index(next(line for line in news if "fold2 version 1 pushed" in line))


def test_who_does_not_wait_is_told_what_was_not_sent_and_the_next_stage_is_not_sent_without_it(service, order, two_rooms):
    service.script = ["RUNNING"]
    order = replace(order, overrides=["fold=0..4", "image_size=1280"], accelerator="NvidiaL4")
    unsent = (
        "not sent yet: me/pond-2-train-fold2, .*fold4; the same command goes on as soon as there is room, --wait waits for it"
    )
    with pytest.raises(KaggleFailure, match=unsent):
        push("pond-2-train", order)
    last = replace(order, overrides=[], accelerator=None)
    with pytest.raises(KaggleFailure, match="pond-2-train: .*fold2, .*fold3, .*fold4 not sent yet: push them as before"):
        push("pond-3-submit", last)
    service.rooms = 5
    assert [p.kernel for p in push("pond-2-train", order)] == FOLDS
    assert [len(service.kernels[kernel]) for kernel in FOLDS] == [1] * 5
    sent = service.kernels[FOLDS[4]][0]
    assert "fold = 4" in sent["text"] and "image_size = 1280" in sent["text"] and sent["machineShape"] == "NvidiaL4"
    service.sessions.update(dict.fromkeys(FOLDS, ["COMPLETE"]))
    push("pond-3-submit", last)
    assert service.kernels["me/pond-3-submit"][0]["kernelDataSources"] == FOLDS


def test_again_takes_what_there_is_of_a_fan_out(service, order, two_rooms):
    service.script = ["COMPLETE"]
    push("pond-2-train", replace(order, overrides=["fold=0..1"]))
    del service.kernels[FOLDS[1]]
    push("pond-3-submit", replace(order, again=True))
    assert service.kernels["me/pond-3-submit"][0]["kernelDataSources"] == FOLDS[:1]


def test_a_refusal_of_another_kind_is_not_waited_for(service, order):
    service.push_error = "Your weekly GPU quota is used up"
    with pytest.raises(KaggleFailure, match="quota is used up") as caught:
        push("pond-2-train", replace(order, overrides=["fold=0..1"], wait=True))
    assert "not sent yet" not in str(caught.value)
    assert service.names().count("SaveKernel") == 1


CUTS = {
    "cut": Silence(),
    "empty": Page(200, "{}"),
    "list": Page(200, "[]"),
    "gateway": Refusal(504, "Gateway Timeout"),
    "page": Page(200, "<html>"),
    "404": Page(404, "<html>"),
}


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("late", [0, 3])
def test_a_push_without_an_answer_is_looked_for_and_sent_once(service, order, wait, arrives, cut, late):
    answer = service._SaveKernel

    def without(request: dict) -> dict:
        service._SaveKernel = answer
        if arrives:
            answer(request)
        raise CUTS[cut]

    service._SaveKernel = without
    service.late = late
    [pushed] = push("pond-2-train", replace(order, wait=wait))
    assert (pushed.version, len(service.kernels[TRAIN])) == (1, 1)


@pytest.mark.parametrize("page", ["not JSON", "[]", "{}"])
def test_while_waiting_pages_and_cuts_and_404s_are_sat_out(service, order, page):
    service.sessions[TRAIN] = ["RUNNING", "RUNNING", "COMPLETE"]
    push("pond-2-train", order)
    for number in range(3):
        service.show("GetKernelSessionStatus", page, times=1 + number)
        service.show("GetKernel", status=407)
        service.fail("GetKernel", 404)
        service.die("GetKernel")
    [pushed] = push("pond-2-train", replace(order, wait=True))
    assert pushed.complete and len(service.kernels[TRAIN]) == 1


@pytest.mark.parametrize(("status", "said"), [(404, "shows no kernel"), (503, "HTTP 503")])
def test_what_does_not_pass_names_the_kernel_and_says_how_to_go_on(service, order, status, said):
    service.sessions[TRAIN] = ["RUNNING"]
    answer, looks = service._GetKernel, []

    def gone(request: dict) -> dict:
        if request["kernelSlug"] == "pond-2-train" and service.names().count("GetKernelSessionStatus") > 3:
            looks.append(request)
            raise Refusal(status, "gone")
        return answer(request)

    service._GetKernel = gone
    with pytest.raises(KaggleFailure, match=f"me/pond-2-train.*{said}.*; the same command goes on$"):
        push("pond-2-train", replace(order, wait=True))
    assert sending.PATIENCE < len(looks)


def test_another_version_is_not_taken_for_the_one_that_is_waited_for(service, order):
    service.sessions[TRAIN] = ["RUNNING"] * 3 + ["COMPLETE"]
    answer = service._GetKernelSessionStatus

    def pushed_meanwhile(request: dict) -> dict:
        if request["kernelSlug"] == "pond-2-train" and len(service.kernels.get(TRAIN, "no")) < 2:
            service.kernels[TRAIN].append(service.kernels[TRAIN][0])
        return answer(request)

    service._GetKernelSessionStatus = pushed_meanwhile
    with pytest.raises(KaggleFailure, match="me/pond-2-train version 1 is waited for, and there is version 2 by now"):
        push("pond-2-train", replace(order, wait=True))


def test_an_unreachable_kaggle_is_told_at_once_to_who_does_not_wait(service, order):
    service.die("ListKernels", times=99)
    with pytest.raises(KaggleFailure, match="no answer from Kaggle"):
        push("pond-2-train", order)
    assert service.names() == ["ListKernels"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_push_that_is_stopped_while_it_is_sent_is_not_sent_twice(service, order, number):
    answer = service._SaveKernel
    before = signal.signal(number, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    service._SaveKernel = lambda request: (signal.raise_signal(number), answer(request))[1]
    try:
        with pytest.raises(KeyboardInterrupt):
            push("pond-2-train", replace(order, overrides=["fold=0..1"]))
    finally:
        signal.signal(number, before)
    service._SaveKernel = answer
    push("pond-2-train", replace(order, overrides=["fold=0..1"]))
    assert [len(service.kernels[kernel]) for kernel in FOLDS[:2]] == [1, 1]


def test_who_stops_a_push_that_fails_is_told_the_failure_and_no_more_is_sent(service, order, monkeypatch):
    answer = service._SaveKernel
    service.push_error = "Maximum batch GPU session count of 2 reached."
    service._SaveKernel = lambda request: (signal.raise_signal(signal.SIGINT), answer(request))[1]
    monkeypatch.setattr(sending.time, "sleep", lambda seconds: pytest.fail("it goes on"))
    with pytest.raises(KaggleFailure, match="session count of 2 reached"):
        push("pond-2-train", replace(order, wait=True))
    assert service.names().count("SaveKernel") == 1


def test_what_never_comes_is_given_up_and_the_next_push_finds_out(service, order):
    answer = service._SaveKernel

    def swallowed(request: dict) -> dict:
        raise Silence

    service._SaveKernel = swallowed
    with pytest.raises(KaggleFailure, match="me/pond-2-train.*the same command goes on$"):
        push("pond-2-train", order)
    assert service.names().count("SaveKernel") == 2  # of which the second was not looked for to the end
    service._SaveKernel = answer
    service.late = LOOKS
    [pushed] = push("pond-2-train", order)
    assert len(service.kernels[TRAIN]) == 1
