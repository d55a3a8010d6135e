"""Where a notebook runs and where its files lie: both of Kaggle's layouts, and home."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import pytest

from kaggle_utils.platform import runtime
from kaggle_utils.platform.gpu import Gpu

REEF = "tensorflow-great-barrier-reef"


def folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


@pytest.mark.parametrize("value, expected", [("Interactive", "interactive"), ("Batch", "batch"), (None, "home")])
def test_the_run_type_says_where_we_are(home, monkeypatch, value, expected):
    if value:
        monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", value)
    assert runtime.place() == expected


def test_a_rerun_is_known_by_a_variable_that_may_be_empty(kaggle, monkeypatch):
    assert not runtime.is_rerun()
    monkeypatch.setenv("KAGGLE_IS_COMPETITION_RERUN", "")
    assert runtime.is_rerun()


@pytest.mark.parametrize("layout", [f"competitions/{REEF}", REEF])
def test_a_competition_is_found_in_both_layouts(kaggle, layout):
    expected = folder(kaggle / "input" / layout)
    assert runtime.competition_dir(REEF) == expected


@pytest.mark.parametrize("layout", ["datasets/ann/unpacked", "unpacked", f"datasets/ann/{REEF}"])
def test_a_dataset_in_place_of_the_competition_comes_first(kaggle, layout):
    folder(kaggle / "input" / "competitions" / REEF)
    expected = folder(kaggle / "input" / layout)
    assert runtime.competition_dir(REEF, ("unpacked",)) == expected


def test_missing_competition_on_kaggle_lists_what_is_attached(kaggle):
    for there in ("competitions/digits", "datasets/ann/wheels", "notebooks/ann/reef-1-eda", "old-style"):
        folder(kaggle / "input" / there)
    with pytest.raises(runtime.NotAttached) as caught:
        runtime.competition_dir(REEF)
    assert "competitions/digits, datasets/ann/wheels, notebooks/ann/reef-1-eda, old-style" in str(caught.value)
    assert f'"competition_sources": ["{REEF}"]' in str(caught.value)


def test_missing_competition_with_nothing_attached_says_nothing(kaggle):
    with pytest.raises(runtime.NotAttached, match="attached: nothing"):
        runtime.competition_dir(REEF)


def test_at_home_without_data_there_is_no_folder(home):
    assert runtime.competition_dir(REEF) is None


def test_at_home_the_input_folder_may_hold_many_competitions(home, monkeypatch):
    expected = folder(home / "data" / REEF)
    monkeypatch.setenv("KAGGLE_UTILS_INPUT", str(home / "data"))
    assert runtime.competition_dir(REEF) == expected
    assert runtime.competition_dir("another") is None


def test_at_home_the_input_folder_may_be_the_competition_itself(home, monkeypatch):
    (folder(home / "reef") / "train.csv").write_text("")
    monkeypatch.setenv("KAGGLE_UTILS_INPUT", str(home / "reef"))
    assert runtime.competition_dir(REEF) == home / "reef"


def test_at_home_an_input_folder_that_is_not_there_is_an_error(home, monkeypatch):
    monkeypatch.setenv("KAGGLE_UTILS_INPUT", "elsewhere")
    with pytest.raises(runtime.NotAttached, match="'elsewhere', expected a folder"):
        runtime.competition_dir(REEF)


@pytest.mark.parametrize("layout", ["notebooks/ann", "datasets/ann", "."])
def test_an_earlier_stage_is_found_in_both_layouts(kaggle, layout):
    expected = folder(kaggle / "input" / layout / "reef-1-eda")
    folder(kaggle / "input" / layout / "reef-1-eda-old")
    assert runtime.stage_dir("reef", "1_eda") == expected


def test_folds_come_in_the_order_of_their_numbers(kaggle):
    for fold in (10, 2, 0):
        folder(kaggle / "input" / "notebooks" / "ann" / f"reef-2-train-fold{fold}")
    names = [p.name for p in runtime.stage_dirs("reef", "2_train")]
    assert names == ["reef-2-train-fold0", "reef-2-train-fold2", "reef-2-train-fold10"]


def test_kernels_of_members_are_found_and_stages_do_not_mix(kaggle):
    others = ("reef-2-trainer", "reef-2-train_old", "reef-2-train-", "reef-1-eda-fpn", "clouds-2-train-fpn")
    for name in ("reef-2-train-unet-fold1", "reef-2-train-fpn-fold10", "reef-2-train-fpn-fold2", "reef-2-train", *others):
        folder(kaggle / "input" / "notebooks" / "ann" / name)
    names = [p.name for p in runtime.stage_dirs("reef", "2_train")]
    assert names == ["reef-2-train", "reef-2-train-fpn-fold2", "reef-2-train-fpn-fold10", "reef-2-train-unet-fold1"]


def test_samples_and_smoke_runs_have_folders_of_their_own_at_home(home):
    for variant in ("", "-sample", "-sample-smoke"):
        assert runtime.output_dir("reef", "1_eda", variant) == Path(f"runs/reef{variant}/1_eda")
        assert runtime.stage_dirs("reef", "1_eda", variant) == [Path(f"runs/reef{variant}/1_eda")]
    with pytest.raises(runtime.NotAttached, match="no output of stage 1_eda of reef-smoke: run"):
        runtime.stage_dir("reef", "1_eda", "-smoke")


def test_one_output_is_asked_for_and_several_are_there(kaggle):
    for fold in (0, 1):
        folder(kaggle / "input" / f"reef-2-train-fold{fold}")
    with pytest.raises(ValueError, match=r"left 2 outputs \(reef-2-train-fold0, reef-2-train-fold1\), expected one"):
        runtime.stage_dir("reef", "2_train")


def test_a_missing_stage_on_kaggle_names_the_notebook_to_attach(kaggle):
    with pytest.raises(runtime.NotAttached, match='"kernel_sources": \\["<owner>/reef-3-decide"\\]'):
        runtime.stage_dir("reef", "3_decide")


def test_at_home_a_stage_reads_what_the_stage_before_wrote(home):
    written = runtime.output_dir("reef", "1_eda")
    assert written.is_dir()
    assert runtime.stage_dirs("reef", "1_eda") == [written] == [Path("runs/reef/1_eda")]


def test_at_home_a_stage_not_yet_run_says_so(home, monkeypatch):
    monkeypatch.setenv("KAGGLE_UTILS_RUNS", "mine")
    with pytest.raises(runtime.NotAttached, match="run stage 1_eda of reef first, or set KAGGLE_UTILS_RUNS"):
        runtime.stage_dirs("reef", "1_eda")


def test_on_kaggle_everything_is_written_to_working_and_temp(kaggle):
    assert runtime.output_dir("reef", "1_eda") == kaggle / "working"
    assert runtime.temp_dir() == kaggle / "temp"


def test_anywhere_in_the_checkout_the_runs_are_the_checkouts(monkeypatch):
    monkeypatch.delenv("KAGGLE_UTILS_RUNS", raising=False)
    monkeypatch.delenv("KAGGLE_KERNEL_RUN_TYPE", raising=False)
    for place, expected in ((".", "runs"), ("notebooks/reef", "../../runs")):
        monkeypatch.chdir(runtime.CHECKOUT / place)
        assert runtime.runs_dir() == Path(expected) and runtime.runs_dir().resolve() == runtime.CHECKOUT / "runs"
        assert runtime.sample_dir("reef").resolve() == runtime.CHECKOUT / "runs/samples/reef"
    monkeypatch.setenv("KAGGLE_UTILS_RUNS", "elsewhere")
    assert runtime.runs_dir() == Path("elsewhere")


def test_at_home_what_need_not_be_kept_lies_beside_the_runs(home):
    assert runtime.temp_dir() == Path("runs/temp")


def test_at_home_there_is_no_deadline(home):
    assert runtime.deadline() == math.inf == runtime.seconds_left()


@pytest.mark.parametrize("rerun, hours", [(False, 12), (True, 9)])
def test_a_session_has_twelve_hours_and_a_rerun_nine(kaggle, monkeypatch, rerun, hours):
    if rerun:
        monkeypatch.setenv("KAGGLE_IS_COMPETITION_RERUN", "1")
    assert runtime.seconds_left() == pytest.approx(hours * 3600, abs=60)


def test_the_deadline_stands_once_it_is_asked_for_and_workers_inherit_it(kaggle):
    first = runtime.deadline()
    assert runtime.deadline() == first == float(os.environ["KAGGLE_UTILS_DEADLINE"])


def test_a_given_deadline_holds_at_home_too(home, monkeypatch):
    monkeypatch.setenv("KAGGLE_UTILS_DEADLINE", str(time.time() - 10))
    assert runtime.seconds_left() < 0


def test_a_deadline_that_is_no_number_is_named(home, monkeypatch):
    monkeypatch.setenv("KAGGLE_UTILS_DEADLINE", "noon")
    with pytest.raises(ValueError, match="'noon', expected Unix time"):
        runtime.deadline()


def test_at_home_the_description_says_so_and_ends_without_a_deadline(home):
    parts = runtime.describe().split(" | ")
    assert len(parts) == 5 and (parts[0], parts[1].split()[0], parts[-1]) == ("at home", "Python", "no deadline")


def test_the_description_is_one_line(kaggle, monkeypatch):
    monkeypatch.setenv("KAGGLE_IS_COMPETITION_RERUN", "1")
    cards = [Gpu(n, "Tesla T4", (7, 5)) for n in range(2)]
    monkeypatch.setattr(runtime, "gpus", lambda: cards)
    line = runtime.describe()
    assert line.startswith("Kaggle (batch, rerun) | Python 3.")
    assert "| 2 x Tesla T4 | ends " in line and line.endswith("9.0 h left") and "\n" not in line
