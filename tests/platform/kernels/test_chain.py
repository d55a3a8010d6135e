"""Stages found by folder, and the links between them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from kernel_folders import write_kernel

from kaggle_utils.platform.kernels.chain import check, every_stage, kernels_root, stage, stages
from kaggle_utils.platform.kernels.metadata import read

pytest_plugins = ["kaggle_fixtures"]


def test_competitions_are_the_folders_there_are(pond):
    (pond / "rsna-2024-1-eda").mkdir()
    (pond / "rsna-2024-1-eda/kernel-metadata.json").write_text("{}")
    (pond / "drafts").mkdir()
    assert [s.name for s in stages("pond", pond)] == ["pond-1-eda", "pond-2-train", "pond-3-submit"]
    assert [(s.number, s.runs_as) for s in stages("rsna-2024", pond)] == [(1, "1_eda")]


def test_an_unknown_name_is_answered_with_those_that_exist(pond):
    with pytest.raises(ValueError, match="no kernels of competition 'lake'.*there are: pond"):
        stages("lake", pond)
    with pytest.raises(ValueError, match="no kernel 'pond-2-trian'.*pond-2-train"):
        stage("pond-2-trian", pond)


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("pond-3-submit", {"kernel_sources": []}, "kernel_sources lacks the stage before, OWNER/pond-2-train"),
        ("pond-3-submit", {"kernel_sources": ["OWNER/pond-1-eda"]}, "lacks the stage before, OWNER/pond-2-train"),
        ("pond-1-eda", {"kernel_sources": ["OWNER/pond-2-train"]}, "pond-2-train, which does not run before pond-1"),
        ("pond-2-train", {"id": "OWNER/pond-2-fit", "title": "Pond 2 fit"}, "the folder's name 'pond-2-train'"),
        ("pond-1-eda", {"competition_sources": []}, "expected exactly one competition"),
        ("pond-1-eda", {"competition_sources": None}, "expected exactly one competition"),
    ],
)
def test_a_broken_link_is_named(pond, name, changes, said):
    write_kernel(pond, name, **changes)
    with pytest.raises(ValueError, match=said):
        check(stage(name, pond), pond)


def write_member(pond: Path, title: str, takes: list[str]) -> None:
    folder = write_kernel(pond, "pond-2-train", id=f"OWNER/pond-2-{title}", title=f"Pond 2 {title}", kernel_sources=takes)
    shutil.move(folder, pond / f"pond-2-{title}")
    write_kernel(pond, "pond-2-train")


def test_a_kernel_stands_behind_those_of_its_stage_that_it_takes(pond):
    write_member(pond, "after", ["OWNER/pond-1-eda", "OWNER/pond-2-train", "OWNER/pond-2-zoo"])
    write_member(pond, "zoo", ["OWNER/pond-1-eda"])
    names = ["pond-1-eda", "pond-2-train", "pond-2-zoo", "pond-2-after", "pond-3-submit"]
    assert [s.name for s in stages("pond", pond)] == names
    assert all(check(found, pond) for found in stages("pond", pond))


def test_kernels_that_take_one_another_are_named(pond):
    write_member(pond, "after", ["OWNER/pond-1-eda", "OWNER/pond-2-zoo"])
    write_member(pond, "zoo", ["OWNER/pond-1-eda", "OWNER/pond-2-after"])
    with pytest.raises(ValueError, match="in a circle: pond-2-(after|zoo) takes pond-2-(after|zoo) takes pond-2-(after|zoo)"):
        stages("pond", pond)


def test_every_kernel_of_the_repository_may_be_pushed(tmp_path):
    root = shutil.copytree(kernels_root(), tmp_path / "kernels")
    for found in every_stage(root):
        notebook = found.folder / read(found.folder)["code_file"]
        notebook.parent.mkdir(parents=True, exist_ok=True)
        notebook.write_text('{"cells": []}')
        content = check(found, root)
        assert content["is_private"] is True
        assert content["enable_internet"] is False


def test_a_folder_called_kernels_without_any_does_not_hide_those_of_the_package(tmp_path, monkeypatch, pond):
    monkeypatch.chdir(tmp_path)
    assert kernels_root() == Path("kernels")  # the pond's
    (tmp_path / "cuda/kernels").mkdir(parents=True)
    (tmp_path / "cuda/kernels/nms.cu").write_text("__global__ void nms() {}")
    monkeypatch.chdir(tmp_path / "cuda")
    assert stage("reef-2-train", kernels_root()).competition == "reef"


def test_a_missing_folder_of_kernels_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no folder of kernels: looked for"):
        kernels_root(tmp_path / "nowhere")
