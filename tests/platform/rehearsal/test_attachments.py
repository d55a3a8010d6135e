"""Only what the metadata names is attached, each at its place in a session."""

from __future__ import annotations

import json
import re

import pytest
from kernel_folders import write_kernel
from wheel_makers import make_wheel

from kaggle_utils.platform.kernels import chain
from kaggle_utils.platform.rehearsal.attachments import attachments, competition_mounts
from kaggle_utils.platform.runtime import NotAttached
from kaggle_utils.platform.wheels.wheelhouse import describe_dataset


@pytest.fixture
def attach(tmp_path, monkeypatch):
    """What a kernel of the ponds has attached; earlier stages have left outputs."""
    root, runs = tmp_path / "kernels", tmp_path / "runs"
    monkeypatch.setenv("KAGGLE_UTILS_RUNS", str(runs))
    monkeypatch.chdir(tmp_path)
    for name in ("pond-1-eda", "pond-2-train"):
        write_kernel(root, name)
    for stage in ("1_eda", "2_train-fold0", "2_train-fold1"):
        (runs / "pond" / stage).mkdir(parents=True)

    def found(name: str, datasets: dict | None = None, variant: str = "", **changes: object):
        content = json.loads((write_kernel(root, name, **changes) / "kernel-metadata.json").read_text())
        return attachments(chain.stage(name, root), root, content, datasets or {}, variant)

    return found


def test_an_earlier_stage_lies_where_its_notebook_would(attach, tmp_path):
    assert attach("pond-2-train").mounts == {"input/notebooks/me/pond-1-eda": tmp_path / "runs/pond/1_eda"}


def test_a_stage_that_was_fanned_out_has_all_its_folds_attached(attach):
    found = attach("pond-3-submit")
    assert list(found.mounts) == [f"input/notebooks/me/pond-2-train-fold{k}" for k in (0, 1)]
    assert [path.name for path in found.stages["2_train"]] == ["2_train-fold0", "2_train-fold1"]


def test_a_smoke_run_has_what_smoke_runs_left(attach, tmp_path):
    (tmp_path / "runs/pond-smoke/1_eda").mkdir(parents=True)
    expected = {"input/notebooks/me/pond-1-eda": tmp_path / "runs/pond-smoke/1_eda"}
    assert attach("pond-2-train", variant="-smoke").mounts == expected


def test_a_stage_that_the_metadata_does_not_name_is_not_attached(attach):
    assert attach("pond-3-submit", kernel_sources=[]).mounts == {}


def test_a_stage_that_has_not_run_is_refused_with_the_way_to_run_it(attach, tmp_path):
    (tmp_path / "runs/pond/1_eda").rmdir()
    with pytest.raises(NotAttached, match="no output of stage 1_eda of pond: run stage 1_eda of pond first"):
        attach("pond-2-train")


def test_what_is_not_here_is_said_and_no_fault(attach):
    found = attach("pond-2-train", dataset_sources=["you/weights"], kernel_sources=["you/other"])
    assert found.mounts == {} and not any(finding.fatal for finding in found.findings)
    assert [finding.text for finding in found.findings] == [
        "you/other is not simulated: its output is not here",
        "the dataset weights is not here, give its folder with --dataset weights=DIR",
    ]


def test_wheels_are_looked_for_beside_what_stages_leave(attach, tmp_path):
    found = attach("pond-1-eda")
    [said] = [finding.text for finding in found.findings]
    assert said == f"the dataset kaggle-utils-wheels is not in {tmp_path}/runs/wheels, the kit of this checkout is used"


def test_a_dataset_is_a_folder_that_is_named(attach, tmp_path):
    found = attach("pond-1-eda", {"weights": tmp_path}, dataset_sources=["you/weights"])
    assert found.mounts == {"input/datasets/you/weights": tmp_path} and not found.findings


@pytest.mark.parametrize(("python", "attached"), [("3.13.1", True), ("3.10.2", False)])
def test_wheels_are_attached_where_they_fit_and_only_looked_at_elsewhere(attach, tmp_path, monkeypatch, python, attached):
    make_wheel(tmp_path / "runs/wheels", "norfair")
    monkeypatch.setattr("platform.python_version", lambda: python)
    found = attach("pond-1-eda")
    assert (found.mounts == {"input/datasets/me/kaggle-utils-wheels": tmp_path / "runs/wheels"}) is attached
    why = ["this is Python 3.10, the wheels are for 3.12 and 3.13: looked at, not installed"]
    assert [finding.text for finding in found.findings] == ([] if attached else why)


@pytest.mark.parametrize(("python", "attached"), [("3.13.1", True), ("3.12.9", False)])
def test_wheels_for_one_python_are_judged_by_that_one_alone(attach, tmp_path, monkeypatch, python, attached):
    wheels = tmp_path / "runs/wheels"
    make_wheel(wheels, "fast", tag="cp313-cp313-manylinux_2_28_x86_64")
    (wheels / "dataset-metadata.json").write_text(json.dumps(describe_dataset("me", ["3.13"])))
    monkeypatch.setattr("platform.python_version", lambda: python)
    found = attach("pond-1-eda")
    assert bool(found.mounts) is attached
    why = ["this is Python 3.12, the wheels are for 3.13: looked at, not installed"]
    assert [finding.text for finding in found.findings] == ([] if attached else why)


def test_a_wheel_of_an_older_kit_than_the_checkouts_is_worth_a_note(attach, tmp_path, monkeypatch):
    monkeypatch.setattr("platform.python_version", lambda: "3.13.1")
    make_wheel(tmp_path / "runs/wheels", "kaggle-utils")
    [note] = attach("pond-1-eda").findings
    what = r"kaggle_utils-1.0-py3-none-any.whl is not the kit of this checkout, which is rehearsed"
    assert re.match(rf"{what}: kaggle_utils/__init__.py and \d+ more differ. `kaggle-utils wheels --push`", note.text)
    assert not note.fatal


def test_a_wheel_that_would_replace_one_of_the_image_is_a_fault(attach, tmp_path):
    make_wheel(tmp_path / "runs/wheels", "numpy", "2.4.0")
    said = [finding.text for finding in attach("pond-1-eda").findings if finding.fatal]
    assert "numpy-2.4.0-py3-none-any.whl would replace numpy 2.1.3 of the image (Python 3.13)" in said


def test_entries_of_a_swapped_folder_take_the_place_of_the_competitions(tmp_path):
    for path in ("own/train.csv", "own/test/1.png", "swapped/test/9.png", "swapped/sample.csv"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    own, swapped = tmp_path / "own", tmp_path / "swapped"
    assert competition_mounts("pond", own) == {"input/competitions/pond": own}
    assert competition_mounts("pond", own, swapped) == {
        "input/competitions/pond/sample.csv": swapped / "sample.csv",
        "input/competitions/pond/test": swapped / "test",
        "input/competitions/pond/train.csv": own / "train.csv",
    }
