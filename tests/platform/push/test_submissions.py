"""Competitions that score a file: the kernel's table is fetched, checked and uploaded, once."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
from kernel_folders import COMPETITION

from kaggle_utils.platform.client.calls import KaggleFailure
from kaggle_utils.platform.push import submissions
from kaggle_utils.platform.push.push import push

pytest_plugins = ["kaggle_fixtures"]

TABLE = b"name,answer\na,1\n"


@pytest.fixture
def ready(service, order, monkeypatch):
    """A pond whose competition takes a file, with one row for each of the items a and b."""
    names = SimpleNamespace(CODE=False, SLUG=COMPETITION, DATASETS=(), test=lambda folder: ["a", "b"], faults=missing)
    monkeypatch.setattr(submissions.competitions, "find", lambda name: names)
    monkeypatch.setattr(submissions.competitions, "known", lambda: ["pond"])
    push("pond-2-train", order)
    service.outputs["me/pond-3-submit"] = {"submission.csv": TABLE, "log.txt": b"x"}
    return replace(order, submit=True, message="two folds")


def missing(table: pd.DataFrame, items: list[str]) -> list[str]:
    return [f"{name!r} is missing" for name in items if name not in set(table["name"])]


def test_the_kernels_table_is_uploaded_as_it_came(service, ready, news):
    push("pond-3-submit", ready)
    [sent] = service.submissions
    assert (sent["content"], sent["competitionName"]) == (TABLE, COMPETITION)
    assert re.fullmatch(r"two folds \[[0-9a-f]{12}\]", sent["submissionDescription"]) and "kernelSlug" not in sent
    assert "was checked by the notebook" in news[-3] and news[-1] == "submissions left today: 4"


def test_a_table_with_faults_is_not_uploaded(service, ready, tmp_path, monkeypatch):
    monkeypatch.setattr(submissions.runtime, "competition_dir", lambda slug, instead=(): tmp_path)
    with pytest.raises(ValueError, match="submission.csv: 'b' is missing"):
        push("pond-3-submit", ready)
    assert service.submissions == []


def test_an_upload_that_breaks_is_made_again_and_is_one_submission(service, ready):
    service.fail("PUT", 403)
    push("pond-3-submit", ready)
    assert len(service.submissions) == 1


def test_an_upload_that_never_succeeds_is_no_submission(service, ready):
    service.fail("PUT", 403, times=99)
    with pytest.raises(KaggleFailure, match="was not submitted to .*the same command submits it once"):
        push("pond-3-submit", ready)
    assert service.submissions == []


def test_a_table_is_submitted_once_however_often_it_is_asked_for(service, ready, news):
    for _ in range(2):
        push("pond-3-submit", ready)
    assert len(service.submissions) == 1 and "is submitted already" in news[-2]


def test_files_that_leave_the_table_out_are_told_before_anything_is_asked(service, ready):
    service.calls.clear()
    with pytest.raises(ValueError, match="--files is 'pth', expected it to take submission.csv"):
        push("pond-3-submit", replace(ready, files="pth"))
    assert service.calls == []


def test_a_kernel_that_wrote_no_table_is_told_by_name(service, ready):
    service.outputs["me/pond-3-submit"] = {"sub.csv": b""}
    with pytest.raises(KaggleFailure, match="wrote no submission.csv, so nothing was submitted; it wrote .*sub.csv"):
        push("pond-3-submit", ready)
