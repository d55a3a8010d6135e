"""Kernels sent one after another: no room for all of them, lost connections, Ctrl-C."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest
from kaggle_http import Silence

from kaggle_utils.platform.push import sending
from kaggle_utils.platform.push.client import KaggleFailure
from kaggle_utils.platform.push.push import push

pytest_plugins = ["kaggle_fixtures"]

FOLDS = ["me/pond-2-train-fold0", "me/pond-2-train-fold1"]


@pytest.fixture
def two_rooms(service) -> list[str]:
    """A service that runs two sessions at a time; every training is in its queue, then runs, then ends."""
    service.rooms = 2
    kernels = [f"me/pond-2-train-fold{k}" for k in range(5)]
    service.sessions |= {kernel: ["QUEUED", *["RUNNING"] * 4, "COMPLETE"] for kernel in kernels}
    return kernels


def test_folds_that_there_is_no_room_for_are_sent_when_others_have_ended(service, order, two_rooms, news):
    pushed = push("pond-2-train", replace(order, overrides=["fold=0..4"], wait=True))
    assert [p.kernel for p in pushed] == two_rooms
    assert [len(service.kernels[kernel]) for kernel in two_rooms] == [1] * 5
    [full] = [line for line in news if "session count of 2" in line and "fold2" in line]
    assert full.endswith("trying again until there is room")
    assert (order.runs / "kaggle/pond/2_train-fold4").is_dir()


def test_a_fold_that_fails_while_others_wait_for_room_is_told_then(service, order, two_rooms, news):
    service.sessions[two_rooms[0]] = ["RUNNING", "RUNNING", "ERROR"]
    service.failures[two_rooms[0]] = "out of memory"
    with pytest.raises(KaggleFailure, match="fold0 ended with ERROR"):
        push("pond-2-train", replace(order, overrides=["fold=0..2"], wait=True))
    early = "me/pond-2-train-fold0 ended with ERROR: out of memory"
    assert news.count(early) == 1
    assert news.index(early) < news.index(next(line for line in news if "fold2 version 1 pushed" in line))


def test_a_connection_lost_while_waiting_for_room_is_sat_out(service, order, two_rooms):
    answer = service._SaveKernel
    lost = []

    def cut_once_when_full(request: dict) -> dict:
        told = answer(request)
        if "error" in told and len(lost) < 2:
            lost.append(told)
            if len(lost) == 2:
                raise Silence
        return told

    service._SaveKernel = cut_once_when_full
    push("pond-2-train", replace(order, overrides=["fold=0..2"], wait=True))
    assert len(lost) == 2 and len(service.kernels[two_rooms[2]]) == 1


def test_a_push_that_arrived_while_the_connection_was_lost_is_not_sent_again(service, order, two_rooms):
    answer, third = service._SaveKernel, two_rooms[2]

    def cut_when_taken(request: dict) -> dict:
        told = answer(request)
        if third in service.kernels:
            service.die("GetKernelSessionStatus", times=2)
            raise Silence
        return told

    service._SaveKernel = cut_when_taken
    with pytest.raises(KaggleFailure, match="fold2 was not pushed: .*may have arrived all the same: look at https"):
        push("pond-2-train", replace(order, overrides=["fold=0..2"], wait=True))
    assert len(service.kernels[third]) == 1


def test_who_does_not_wait_is_told_what_was_not_sent_and_the_next_stage_is_not_sent_without_it(
    service, order, two_rooms
):
    service.sessions |= {kernel: ["RUNNING"] for kernel in two_rooms}
    with pytest.raises(KaggleFailure, match="folds 2, 3, 4 were not sent: `kaggle-utils push pond-2-train --resume --owner"):
        push("pond-2-train", replace(order, overrides=["fold=0..4", "image_size=1280"], accelerator="NvidiaL4"))
    with pytest.raises(ValueError, match="pond-2-train: folds 2, 3, 4 were not sent yet; .*me/pond-2-train.json"):
        push("pond-3-submit", order)
    service.rooms = 5
    pushed = push("pond-2-train", replace(order, resume=True, wait=False))
    assert [p.kernel for p in pushed] == two_rooms
    last = service.kernels[two_rooms[4]][0]
    assert "fold = 4" in last["text"] and "image_size = 1280" in last["text"] and last["machineShape"] == "NvidiaL4"
    push("pond-3-submit", order)
    assert service.kernels["me/pond-3-submit"][0]["kernelDataSources"] == two_rooms


def test_a_refusal_of_another_kind_is_not_waited_for(service, order):
    service.push_error = "Your weekly GPU quota is used up"
    with pytest.raises(KaggleFailure, match="quota is used up") as caught:
        push("pond-2-train", replace(order, overrides=["fold=0..1"], wait=True))
    assert "not sent:" not in str(caught.value)  # nothing was, and nothing is noted
    assert service.names() == ["SaveKernel"]


def test_a_push_that_is_stopped_while_it_is_sent_is_noted_and_not_sent_twice(service, order, news, monkeypatch):
    send = sending.send
    monkeypatch.setattr(sending, "send", lambda *given: (signal.raise_signal(signal.SIGINT), send(*given))[1])
    with pytest.raises(KeyboardInterrupt):
        push("pond-2-train", replace(order, overrides=["fold=0..1"]))
    monkeypatch.setattr(sending, "send", send)
    assert "kaggle-utils push pond-2-train --resume" in news[-1]
    push("pond-2-train", replace(order, resume=True))
    assert [len(service.kernels[kernel]) for kernel in FOLDS] == [1, 1]


def test_who_stops_a_push_that_fails_is_told_the_failure_and_no_more_is_sent(service, order, monkeypatch):
    service.push_error = "Maximum batch GPU session count of 2 reached."
    send = sending.send
    monkeypatch.setattr(sending, "send", lambda *given: (signal.raise_signal(signal.SIGINT), send(*given))[1])
    monkeypatch.setattr(sending.time, "sleep", lambda seconds: pytest.fail("it goes on"))
    with pytest.raises(KaggleFailure, match="session count of 2 reached"):
        push("pond-2-train", replace(order, wait=True))
    assert service.names() == ["SaveKernel"]
