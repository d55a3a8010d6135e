"""From a few items to all: lines through measurements, and what folds take and write together."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaggle_utils.platform.client.calls import KaggleFailure
from kaggle_utils.platform.client.process import CALLS
from kaggle_utils.platform.rehearsal import quota
from kaggle_utils.platform.rehearsal.projection import Line, gigabytes, line_through
from kaggle_utils.platform.rehearsal.quota import gpu_quota
from kaggle_utils.platform.rehearsal.report import projection_findings, submission_lines, training_lines
from kaggle_utils.platform.rehearsal.session import Run
from kaggle_utils.platform.rehearsal.submission import SubmissionReport
from kaggle_utils.platform.rehearsal.training import TrainingReport, training_findings
from kaggle_utils.platform.runtime import Limits
from kaggle_utils.tasks.competition import FoldSize
from kaggle_utils.tasks.cost import ModelCost, TrainingCost

costs = st.floats(0, 1e6)


@given(costs, costs, st.integers(2, 10_000))
def test_a_line_is_found_again_from_one_item_and_many(start, each, many):
    line = Line(start, each)
    found = line_through((1, line.at(1)), (many, line.at(many)))
    assert found.at(1) == pytest.approx(line.at(1), rel=1e-6, abs=1e-3)
    assert found.at(10 * many) == pytest.approx(line.at(10 * many), rel=1e-6, abs=1e-2)


@given(costs, costs, st.integers(1, 99), st.integers(1, 99))
def test_noise_never_makes_an_item_cost_less_than_nothing(one, other, few, more):
    found = line_through((few, one), (few + more, other))
    assert found.each >= 0 and found.start >= 0


def test_one_number_of_items_makes_no_line():
    with pytest.raises(ValueError, match="both measurements are of 1 items, expected different numbers"):
        line_through((1, 8.0), (1, 8.5))


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0.0 kB"), (99_000, "99.0 kB"), (1e5, "0.1 MB"), (99e6, "99.0 MB"), (1e8, "0.1 GB")]
)
def test_sizes_are_said_in_the_unit_that_fits(size, text):
    assert gigabytes(size) == text


RUN = Run(38.0, 0, None, 2_000_000_000, 0, 300, (("submission.csv", 300),), (), "")


FRAMES = SimpleNamespace(UNIT="frame", HIDDEN_ITEMS=13_000, CODE=True)


def report(each_s: float, each_bytes: float = 10.0) -> SubmissionReport:
    return SubmissionReport(
        10, RUN, Line(8.0, each_s), Line(0.0, each_bytes), ("F2", 0.5), (), "index,annotations\n0,\n1,\n"
    )


def test_a_fast_submission_has_no_finding_and_says_what_it_will_take():
    assert projection_findings(report(0.25), FRAMES, Limits.rerun(), like_kaggle=True) == []
    assert submission_lines(report(0.25), FRAMES, Limits.rerun()) == [
        "run:         10 frames in 38 s: 8.0 s to start and 250 ms a frame",
        "projected:   13,000 frames in 54.3 min of 9 h, at this machine's speed",
        "memory:      2.0 GB of 29.0 GB; no GPU was used",
        "output:      0.3 kB of 20.0 GB: submission.csv (0.3 kB)",
        "submission:  2 rows, F2 0.5000",
    ]


def test_slowness_is_a_note_where_the_gpu_is_lacking():
    [found] = projection_findings(report(3.0), FRAMES, Limits.rerun(), like_kaggle=False)
    assert not found.fatal and found.text.endswith("but this machine lacks the GPU that the kernel asks for")


def test_output_that_grows_beyond_the_limit_is_a_fault():
    [found] = projection_findings(report(0.1, each_bytes=2e6), FRAMES, Limits.rerun(), like_kaggle=True)
    assert found.text == "too much output: 13,000 frames would write 26.0 GB, Kaggle keeps 20.0 GB" and found.fatal


def trained(hours: float, folds: int = 5, output: float = 1e9, gpu: int = 10**9, once: float = 0.0) -> TrainingReport:
    run = Run(60.0, 0, None, 0, gpu, 0, (), (), "")
    sizes = dict.fromkeys(range(folds), FoldSize(1000, 0))
    model = ModelCost("unet", 1, 0, 0.0, 3.6 * hours, 0.0, 0.0, output / folds, {})
    return TrainingReport(run, FoldSize(100, 50), (), TrainingCost((model,), sizes, 3600 * once))


def said(report: TrainingReport, left: quota.Quota, like: bool = True) -> list[tuple[str, bool]]:
    return [(f.text, f.fatal) for f in training_findings(report, Limits(), left, like)]


def test_a_training_beyond_its_session_is_told_of_a_kernel_for_each_fold():
    [(text, fatal)] = said(trained(3.0), quota.Quota(30.0))
    assert text.startswith("too slow: 15.0 h, a session has 12 h; a kernel for each fold") and fatal


def test_what_is_spent_once_counts_once():
    # once 1 h: 5 folds in a session 1 + 5 * 2.5 = 13.5 h, each alone 3.5 h; 11.5 h a fold is too long by itself
    [(text, _)] = said(trained(2.5, once=1.0), quota.Quota(30.0))
    assert text.startswith("too slow: 13.5 h, a session has 12 h; a kernel for each fold")
    [(text, _)] = said(trained(11.5, folds=2, once=1.0), quota.Quota(30.0))
    assert text.startswith("too slow: 24.0 h, a session has 12 h; take fewer epochs")


def test_output_of_all_kinds_together_is_held_against_the_limit():
    report = trained(2.0, output=5e9)
    sets = replace(report.cost.models[0], predicted={"unet_identity": (0.0, 3.2e6)})
    sizes = dict.fromkeys(range(5), FoldSize(1000, 1000))
    report = replace(report, cost=replace(report.cost, models=(sets,), sizes=sizes))
    assert said(report, quota.Quota(30.0)) == [("too much output: 21.0 GB in all, Kaggle keeps 20.0 GB", True)]
    lines = training_lines(report, "picture", Limits(), quota.Quota(30.0))
    assert "all output:  21.0 GB of 20.0 GB: prediction sets 16.0 GB, weights 5.0 GB" in lines
    assert "projected:   5 folds of 1,000 pictures an epoch in 10.0 h of 12 h, one alone 2.0 h" in "\n".join(lines)


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
