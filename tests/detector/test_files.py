"""A YOLO dataset made of links: right labels, nothing copied, nothing stale."""

import os
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest

from kaggle_utils.boxes.formats import boxes_from_yolo_text
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.detector.files import thin_out_empties, write_yolo_dataset

TRUTH = Boxes([1, 1, 4], [[10, 20, 40, 60], [300, 150, 330, 190], [0, 0, 9, 9]])


@pytest.fixture
def frames(tmp_path):
    """Six frames of 320x180 in two video folders whose files have the same names."""
    rows = [(f"{v}-{f}", tmp_path / "input" / f"video_{v}" / f"{f}.jpg") for v in (0, 1) for f in range(3)]
    for _, path in rows:
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.zeros((180, 320, 3), np.uint8))
    return pd.DataFrame(rows, columns=["image_id", "path"]).astype(str)


def written(folder, frames, train, valid, classes=("star",), **how):
    names, paths = (frames[column].tolist() for column in ("image_id", "path"))
    return write_yolo_dataset(folder, names, paths, TRUTH, train, valid, classes=classes, **how)


def listing(folder):
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if not file.is_dir())


def test_images_are_links_and_labels_are_those_of_their_frame(frames, tmp_path):
    yaml = written(tmp_path / "yolo", frames, [0, 1, 2], [4])
    folder = yaml.parent
    assert listing(folder) == [
        "data.yaml",
        *(f"images/{name}.jpg" for name in ("train/0-0", "train/0-1", "train/0-2", "val/1-1")),
        *(f"labels/{name}.txt" for name in ("train/0-0", "train/0-1", "train/0-2", "val/1-1")),
    ]
    assert os.readlink(folder / "images/val/1-1.jpg") == frames["path"][4]
    back = boxes_from_yolo_text((folder / "labels/train/0-1.txt").read_text(), 320, 180)
    expected = [[10, 20, 40, 60], [300, 150, 320, 180]]  # the second is cut at the border
    assert np.allclose(back.xyxy, expected, atol=1e-5)
    assert (folder / "labels/train/0-0.txt").read_text() == ""


def test_ultralytics_reads_it(frames, tmp_path):
    with np.printoptions():  # which ultralytics changes for everybody
        reader = pytest.importorskip("ultralytics.data.utils")
    yaml = written(tmp_path / "yolo", frames, [0, 1, 2], [4], classes=["star", "fish"])
    data = reader.check_det_dataset(str(yaml), autodownload=False)
    assert data["names"] == {0: "star", 1: "fish"} and data["train"].endswith("images/train")


def test_writing_again_touches_nothing_and_another_choice_leaves_nothing_behind(frames, tmp_path):
    folder = written(tmp_path / "yolo", frames, [0, 1], [4]).parent
    (folder / "labels/train.cache").write_text("stale")
    names = [name for name in listing(folder) if name.endswith((".jpg", ".txt"))]
    times = {name: os.lstat(folder / name).st_mtime_ns for name in names}
    written(folder, frames, [0, 1], [4])
    assert {name: os.lstat(folder / name).st_mtime_ns for name in times} == times
    assert not (folder / "labels/train.cache").exists()
    written(folder, frames, [2], [4])
    assert listing(folder / "images") == ["train/0-2.jpg", "val/1-1.jpg"]
    assert listing(folder / "labels") == ["train/0-2.txt", "val/1-1.txt"]


def test_a_disk_without_links_gets_copies(frames, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr("kaggle_utils.detector.files.os.symlink", refuse)
    monkeypatch.setattr("kaggle_utils.detector.files.os.link", refuse)
    folder = written(tmp_path / "yolo", frames, [0], [4]).parent
    copy = folder / "images/train/0-0.jpg"
    assert not copy.is_symlink() and copy.read_bytes() == open(frames["path"][0], "rb").read()


def test_an_original_survives_when_its_dataset_is_removed(frames, tmp_path):
    folder = written(tmp_path / "yolo", frames, [0], [4]).parent
    shutil.rmtree(folder)
    assert all(os.path.exists(path) for path in frames["path"])


def test_a_missing_image_is_named(frames, tmp_path):
    os.unlink(frames["path"][2])
    with pytest.raises(FileNotFoundError, match="video_0/2.jpg is not there, expected the image of 0-2"):
        written(tmp_path / "yolo", frames, [0, 2], [4])


def test_empties_are_thinned_out_in_training_only(frames, tmp_path):
    folder = written(tmp_path / "yolo", frames, [0, 1, 2, 3], [4, 5], empties=0).parent
    assert listing(folder / "images") == ["train/0-1.jpg", "val/1-1.jpg", "val/1-2.jpg"]


@pytest.mark.parametrize("empties, expected", [(0, 1), (0.5, 1), (2, 3), (99, 6), (None, 6)])
def test_a_share_of_empties_is_of_the_frames_with_boxes(empties, expected):
    rows = thin_out_empties(range(6), Boxes([1], [[0, 0, 9, 9]]), empties)
    assert len(rows) == expected and 1 in rows and sorted(rows) == rows.tolist()


def test_the_seed_chooses_which_empties(seeds=(0, 0, 1)):
    kept = [thin_out_empties(range(200), Boxes([1], [[0, 0, 9, 9]]), 20, seed).tolist() for seed in seeds]
    assert kept[0] == kept[1] != kept[2]
