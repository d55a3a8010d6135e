"""``kaggle-utils wheels`` through the real kaggle client, against a server of ours on the loopback interface."""

from __future__ import annotations

from pathlib import Path

import pytest
from wheel_makers import make_wheel

from kaggle_utils.cli import main
from kaggle_utils.commands import wheels as wheels_command
from kaggle_utils.platform.client.calls import KaggleFailure, push_dataset
from kaggle_utils.platform.wheels.wheelhouse import build

pytest.importorskip("kaggle.api.kaggle_api_extended")
pytest_plugins = ["kaggle_fixtures"]

REF = "me/kaggle-utils-wheels"


def small_build(folder, owner, pythons, gpu=None, also=(), python37=None):
    """Two wheels, those that are asked for, and no pip."""
    fetch = lambda requirement, python, folder: make_wheel(folder, requirement)  # noqa: E731
    kit = lambda folder: make_wheel(folder, "kaggle-utils")  # noqa: E731
    return build(folder, owner, pythons, gpu, also=["norfair", *also], fetch=fetch, kit=kit, python37=python37)


def run(monkeypatch, tmp_path: Path, *words: str) -> int:
    monkeypatch.setattr(wheels_command, "build", small_build)
    return main(["wheels", "--folder", str(tmp_path / "house"), *words])


@pytest.fixture
def house(tmp_path) -> Path:
    small_build(tmp_path / "house", "me", ["3.13"])
    return tmp_path / "house"


def test_without_push_a_folder_is_made_and_nobody_is_called(service, monkeypatch, tmp_path, capsys):
    assert run(monkeypatch, tmp_path) == 0
    assert service.calls == []
    assert "2 wheels in" in capsys.readouterr().out
    assert sorted(p.suffix for p in (tmp_path / "house").iterdir()) == [".json", ".whl", ".whl"]


def test_more_packages_can_be_asked_for(service, monkeypatch, tmp_path):
    assert run(monkeypatch, tmp_path, "--also", "scipy-extra", "mmh3", "--also", "lap") == 0
    names = {path.name.split("-")[0] for path in (tmp_path / "house").glob("*.whl")}
    assert names == {"kaggle_utils", "norfair", "scipy_extra", "mmh3", "lap"}


def test_a_prefix_without_a_cpython_37_is_one_line_and_exit_code_one(monkeypatch, tmp_path, capsys):
    assert run(monkeypatch, tmp_path, "--python37", str(tmp_path)) == 1
    assert capsys.readouterr().err.endswith("expected the prefix of a CPython 3.7\n")


def test_the_first_push_makes_a_private_dataset_of_wheels_alone(service, monkeypatch, tmp_path, capsys):
    del service.datasets[REF]
    assert run(monkeypatch, tmp_path, "--push") == 0
    assert sorted(service.datasets[REF][0]) == ["kaggle_utils-1.0-py3-none-any.whl", "norfair-1.0-py3-none-any.whl"]
    assert service.dataset_settings[REF]["isPrivate"] is True
    assert f"https://www.kaggle.com/datasets/{REF}" in capsys.readouterr().out


def test_the_next_push_is_a_version_of_it(service, house):
    push_dataset(house, "again")
    assert "CreateDatasetVersion" in service.names() and "CreateDataset" not in service.names()
    assert len(service.datasets[REF]) == 2


def test_the_uploaded_wheels_are_the_built_ones_byte_for_byte(service, house):
    push_dataset(house, "again")
    assert all((house / name).read_bytes() == body for name, body in service.datasets[REF][-1].items())


def test_a_file_that_does_not_arrive_makes_no_dataset(service, house):
    del service.datasets[REF]
    service.fail("PUT", 400)
    with pytest.raises(KaggleFailure, match="1 of 2 files arrived"):
        push_dataset(house, "first")
    assert REF not in service.datasets


def test_an_error_inside_a_good_answer_is_a_failure(service, house, monkeypatch):
    monkeypatch.setattr(service, "_CreateDatasetVersion", lambda request: {"status": "error", "error": "too many files"})
    with pytest.raises(KaggleFailure, match="did not take the dataset: too many files"):
        push_dataset(house, "again")


def test_wrong_credentials_are_one_line_and_exit_code_one(service, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("KAGGLE_KEY", "wrong")
    assert run(monkeypatch, tmp_path, "--push") == 1
    assert capsys.readouterr().err.startswith("kaggle-utils wheels: Kaggle does not know you")


def test_a_server_that_dies_in_the_middle_is_told(service, house):
    service.die("GetDatasetStatus")
    with pytest.raises(KaggleFailure, match="no answer from Kaggle") as caught:
        push_dataset(house, "again")
    assert caught.value.passing
