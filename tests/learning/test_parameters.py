"""The trainer's switches: what they mean on this machine, and which of them are part of a training."""

import os

import pytest

torch = pytest.importorskip("torch")

from training_fixtures import Session, equal, one_thread, tried, weights  # noqa: E402, F401

from kaggle_utils.learning.parameters import TrainingParameters  # noqa: E402


@pytest.mark.parametrize(("cores", "cards", "expected"), [(4, 2, 2), (4, 1, 4), (16, 1, 16), (2, 4, 0)])
def test_cards_that_train_at_the_same_time_share_the_cores(monkeypatch, cores, cards, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    assert TrainingParameters().processes("cuda:1") == TrainingParameters().processes(torch.device("cuda")) == expected
    assert TrainingParameters(workers=1).processes("cuda:0") == 1 and TrainingParameters().processes("cpu") == 0


def test_a_number_that_is_given_holds_on_a_cpu_too():
    assert [TrainingParameters(workers=n).processes("cpu") for n in (0, 1, 5)] == [0, 1, 5]


def test_a_training_goes_on_with_another_number_of_workers_to_the_same_result(tmp_path, monkeypatch):
    whole = tried(tmp_path / "whole", workers=0)
    cut = tried(tmp_path / "cut", workers=0, seconds_left=Session(calls=9))
    assert not cut.finished
    monkeypatch.setattr(TrainingParameters, "processes", lambda self, device: 1)  # what None would mean beside a card
    again = tried(tmp_path / "cut", workers=None)
    assert again.finished and again.history == whole.history
    assert equal(weights(tmp_path / "cut" / "best.pth"), weights(tmp_path / "whole" / "best.pth"))
