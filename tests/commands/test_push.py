"""``kaggle-utils push`` as it is typed."""

from __future__ import annotations

import pytest
from kernel_folders import write_kernel

from kaggle_utils.cli import main
from kaggle_utils.platform.client import calls
from kaggle_utils.platform.push import push as pushing
from kaggle_utils.platform.push import sending

pytest_plugins = ["kaggle_fixtures"]


@pytest.fixture
def typed(pond, tmp_path, monkeypatch):
    monkeypatch.setenv("KAGGLE_UTILS_RUNS", str(tmp_path / "runs"))

    def command(line: str) -> int:
        return main(["push", "--poll", "0.01", *line.split(), "--kernels", str(pond)])

    return command


def test_checking_needs_neither_account_nor_network(typed, capsys):
    assert typed("pond --all --check") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "pond-2-train: NvidiaTeslaP100, ../../notebooks/pond/2_train.ipynb"


def test_checking_shows_what_would_be_pushed(typed, capsys):
    assert typed("pond-2-train --check --set fold=0..1 --accelerator none") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"pond-2-train-fold{k}: CPU, ../../notebooks/pond/2_train.ipynb" for k in (0, 1)
    ]


def test_checking_tries_each_kernel_once(typed, capsys, monkeypatch):
    made, tried = pushing.made, []
    monkeypatch.setattr(pushing, "made", lambda folder, stamp: tried.append(stamp.kernel(folder.name)) or made(folder, stamp))
    assert typed("pond --all --check --owner me --set fold=0..1") == 0
    assert tried == ["me/pond-1-eda", "me/pond-2-train-fold0", "me/pond-2-train-fold1", "me/pond-3-submit"]


@pytest.mark.parametrize("how", ["pond --all --check", "pond-2-train --check", "pond --all"])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--set nosuch=1", "parameter 'nosuch'"),
        ("--set image_size=large", "'image_size' is 'large', expected the kind of the notebook's 640"),
        ("--accelerator bogus", "accelerator 'bogus' is unknown"),
        ("--owner m/e", "expected owner/slug"),
        ("--files [", "--files is '[', expected a regular expression"),
        ("--poll 0", "(--poll) is 0 s, expected more than 0"),
        ("--no-run --wait", "--no-run only saves"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_asked(typed, capsys, monkeypatch, how, options, said):
    monkeypatch.setattr(calls, "subprocess", None)
    assert typed(f"{how} {options}") == 1
    assert said in capsys.readouterr().err


def test_a_fan_out_that_is_to_be_submitted_is_told_by_checking(typed, capsys):
    assert typed("pond-2-train --check --submit --set fold=0..1") == 1
    assert "pond-2-train is 2 kernels, only one can be submitted" in capsys.readouterr().err


def test_a_fault_is_one_line_on_stderr_and_exit_code_1(typed, pond, capsys):
    write_kernel(pond, "pond-2-train", enable_internett=False)
    assert typed("pond-2-train --check") == 1
    [line] = capsys.readouterr().err.splitlines()
    assert "enable_internett is no key Kaggle knows and would be ignored, enable_internet is one" in line


def test_a_whole_session_from_the_shell(service, quick_client, typed, capsys):
    service.outputs["me/pond-3-submit"] = {"submission.csv": b"x"}
    assert typed("pond --all --set fold=0..1 image_size=1280 --submit --message two_folds") == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert shown.out.splitlines()[-1] == "submissions left today: 4"
    assert service.submissions[0]["submissionDescription"].endswith("] two_folds")


def test_stopping_it_is_no_traceback_and_the_same_line_goes_on(service, quick_client, typed, capsys, monkeypatch):
    service.outputs["me/pond-3-submit"] = {"submission.csv": b"x"}
    service.script = ["QUEUED", "RUNNING", "COMPLETE"]
    line, sleep = "pond --all --submit --message 7b --accelerator none --set image_size=1280", sending.time.sleep

    def stop(seconds: float) -> None:
        raise KeyboardInterrupt

    for stage in range(3):
        monkeypatch.setattr(
            sending.time, "sleep", lambda seconds, stage=stage: (sleep if len(service.kernels) <= stage else stop)(seconds)
        )
        assert typed(line) == 130
        assert capsys.readouterr().out.splitlines()[-1] == "stopped; what was sent runs on, and the same command goes on here"
    monkeypatch.setattr(sending.time, "sleep", sleep)
    assert typed(line) == 0
    assert {kernel: len(sent) for kernel, sent in service.kernels.items()} == {
        "me/pond-1-eda": 1,
        "me/pond-2-train": 1,
        "me/pond-3-submit": 1,
    }
    assert len(service.submissions) == 1


def test_a_refused_push_exits_with_1_where_the_client_exits_with_0(service, typed, capsys):
    service.push_error = "quota exceeded"
    assert typed("pond-1-eda") == 1
    assert capsys.readouterr().err == ("kaggle-utils push: me/pond-1-eda was not pushed: Kaggle says 'quota exceeded'\n")


def test_the_key_is_never_shown(service, typed, monkeypatch, capfd):
    monkeypatch.setenv("VERBOSE", "1")
    typed("pond-1-eda --wait")
    monkeypatch.setenv("KAGGLE_KEY", "another-secret")
    typed("pond-1-eda")
    shown = "".join(capfd.readouterr())
    assert "HTTP 401" not in shown and "Kaggle does not know you" in shown
    assert service.key not in shown and "another-secret" not in shown
