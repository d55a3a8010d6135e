"""From a few items to all: lines through measurements, and what folds write together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaggle_utils.competitions import reef_rehearsal
from kaggle_utils.platform import quota
from kaggle_utils.platform.client import KaggleFailure
from kaggle_utils.platform.client_process import CALLS
from kaggle_utils.platform.projection import Limits, Line, gigabytes, line_through, output_of_folds
from kaggle_utils.platform.quota import gpu_quota
from kaggle_utils.platform.rehearsal import SubmissionReport
from kaggle_utils.platform.rehearsal_report import projected, submission_lines
from kaggle_utils.platform.rehearsal_training import TrainingReport, training_findings
from kaggle_utils.platform.session import Run

costs = st.floats(0, 1e6)


@given(costs, costs, st.integers(2, 10_000))
def test_a_line_is_found_again_from_one_item_and_many(start, each, many):
    line = Line(start, each)
    found = line_through((1, line.at(1)), (many, line.at(many)))
    assert found.at(1) == pytest.approx(line.at(1), rel=1e-6, abs=1e-3)
    assert found.at(10 * many) == pytest.approx(line.at(10 * many), rel=1e-6, abs=1e-2)


@given(costs, costs, st.integers(1, 99), st.integers(1, 99))
def test_noise_never_makes_an_item_cost_less_than_nothing(one, other, few, many):
    found = line_through((few, one), (many, other))
    assert found.each >= 0 and found.start >= 0


def test_tables_grow_with_frames_and_weights_with_folds():
    written = [("fold0/best.pth", 1000), ("run.json", 10), ("fold0/identity@640.csv", 20), ("curve.png", 5)]
    assert output_of_folds(written, folds=2, growth=10) == 2 * (1000 + 5 + 10 * (10 + 20))


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0.0 kB"), (99_000, "99.0 kB"), (1e5, "0.1 MB"), (99e6, "99.0 MB"), (1e8, "0.1 GB")]
)
def test_sizes_are_said_in_the_unit_that_fits(size, text):
    assert gigabytes(size) == text


RUN = Run(38.0, 0, None, 2_000_000_000, 0, 300, (("submission.csv", 300),), (), "")


def report(each_s: float, each_bytes: float = 10.0) -> SubmissionReport:
    return SubmissionReport(
        10, RUN, Line(8.0, each_s), Line(0.0, each_bytes), ("F2", 0.5), (), "index,annotations\n0,\n1,\n"
    )


def test_a_fast_submission_has_no_finding_and_says_what_it_will_take():
    assert projected(report(0.25), reef_rehearsal, Limits.rerun(), like_kaggle=True) == []
    assert submission_lines(report(0.25), reef_rehearsal, Limits.rerun()) == [
        "run:         10 frames in 38 s: 8.0 s to start and 250 ms a frame",
        "projected:   13,000 frames in 54.3 min of 9 h, at this machine's speed",
        "memory:      2.0 GB of 29.0 GB; no GPU was used",
        "output:      0.3 kB of 20.0 GB: submission.csv (0.3 kB)",
        "submission:  2 rows, F2 0.5000",
    ]


def test_slowness_is_a_note_where_the_gpu_is_lacking():
    [found] = projected(report(3.0), reef_rehearsal, Limits.rerun(), like_kaggle=False)
    assert not found.fatal and found.text.endswith("but this machine lacks the GPU that the kernel asks for")


def test_output_that_grows_beyond_the_limit_is_a_fault():
    [found] = projected(report(0.1, each_bytes=2e6), reef_rehearsal, Limits.rerun(), like_kaggle=True)
    assert found.text == "too much output: 13,000 frames would write 26.0 GB, Kaggle keeps 20.0 GB" and found.fatal


def trained(hours: float, folds: int = 5, output: float = 1e9, gpu: int = 10**9) -> TrainingReport:
    run = Run(60.0, 0, None, 0, gpu, 0, (), (), "")
    return TrainingReport(run, 100, {fold: hours for fold in range(folds)}, output, ())


def said(report: TrainingReport, left: quota.Quota, like: bool = True) -> list[tuple[str, bool]]:
    return [(f.text, f.fatal) for f in training_findings(report, Limits(), left, like)]


def test_a_training_beyond_its_session_is_told_of_a_kernel_for_each_fold():
    [(text, fatal)] = said(trained(3.0), quota.Quota(30.0))
    assert text.startswith("too slow: 15.0 h, a session has 12 h; a kernel for each fold") and fatal


def test_a_training_beyond_the_week_is_a_fault_only_where_kaggle_said_so():
    assert said(trained(2.0), quota.Quota(9.5)) == [("too slow: 10.0 GPU hours, 9.5 h left this week", True)]
    assumed = quota.Quota(9.5, "no credentials")
    assert said(trained(2.0), assumed) == [("too slow: 10.0 GPU hours, 9.5 h a week assumed (no credentials)", False)]


def test_a_training_that_fits_says_nothing_but_that_no_card_was_tried():
    assert said(trained(2.0), quota.Quota(30.0)) == []
    [(text, fatal)] = said(trained(2.0, gpu=0), quota.Quota(30.0))
    assert text == "no GPU was used here: whether 16.0 GB of a card are enough is not tried" and not fatal


def test_the_week_is_asked_for_and_assumed_where_nobody_answers(monkeypatch):
    monkeypatch.setattr(quota, "ask", lambda call, limit_s: 12.5)
    assert str(gpu_quota()) == "12.5 h left this week"

    def refuse(call, limit_s):
        raise KaggleFailure("credentials", "no credentials found")

    monkeypatch.setattr(quota, "ask", refuse)
    assert str(gpu_quota()) == "30.0 h a week assumed (no credentials)"


def test_the_clients_answer_is_hours():
    from datetime import timedelta
    from types import SimpleNamespace as Fake

    gpu = Fake(time_used=timedelta(hours=20, minutes=30), total_time_allowed=timedelta(hours=30))
    assert CALLS["gpu_hours_left"](Fake(quota_view=lambda: Fake(gpu_quota=gpu))) == 9.5
    assert CALLS["gpu_hours_left"](Fake(quota_view=lambda: Fake(gpu_quota=None))) is None
