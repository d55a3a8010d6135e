"""Outputs of several training kernels: read together when they belong together, refused by name when not."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from reef_tables import BOX, table

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.competitions import reef
from kaggle_utils.competitions.reef_runs import (
    fingerprints,
    fold_of_frames,
    judged_only,
    read_runs,
    trained_folds,
    write_run,
)

PARAMETERS = {"imgsz": 640, "chain": ({"epochs": 2}, {}), "workers": 2}


@dataclass
class Result:
    """What the trainer hands to write_run, made up: one box in each judged frame."""

    fold: int
    rows: np.ndarray
    weights: Path
    f2: float = 0.5
    minutes: float = 1.0
    predictions: dict[str, Boxes] = field(default_factory=dict)


@pytest.fixture
def data(tmp_path) -> reef.ReefData:
    """Frames 0 to 5 of one video, a box in each."""
    table([(0, f // 2, f, BOX) for f in range(6)]).to_csv(tmp_path / "train.csv", index=False)
    return reef.load(tmp_path)


@pytest.fixture
def output(data, tmp_path):
    """Writes the output of a kernel that trained one fold; returns its folder."""

    def write(fold: int, rows: list[int], name: str = "", parameters: dict = PARAMETERS, **facts) -> Path:
        folder = tmp_path / (name or f"2_train-fold{fold}")
        weights = folder / f"fold{fold}" / "best.pth"
        weights.parent.mkdir(parents=True)
        weights.write_text(f"weights of fold {fold} in {name}")
        boxes = Boxes(rows, [[fold, 0, 10, 10]] * len(rows), [0.5] * len(rows))
        result = Result(fold, np.array(rows), weights, predictions={"identity@640": boxes})
        write_run(folder, data, [result], parameters, **facts)
        return folder

    return write


def test_folds_of_several_kernels_are_read_as_if_one_had_trained_them(data, output):
    runs = read_runs([output(1, [4, 1]), output(0, [0, 3])], data)
    assert runs.fold_of_frame.tolist() == [0, 1, -1, 0, 1, -1] and list(runs.weights) == [0, 1]
    boxes = runs.sets["identity@640"]
    assert sorted(zip(boxes.frame.tolist(), boxes.xyxy[:, 0].tolist(), strict=True)) == [(0, 0), (1, 1), (3, 0), (4, 1)]
    _, sets, folds = judged_only(data, runs)
    assert folds.tolist() == [0, 1, 0, 1] and sorted(sets["identity@640"].frame.tolist()) == [0, 1, 2, 3]


def test_a_frame_judged_by_two_folds_is_refused(data, output):
    folders = [output(0, [0, 1, 2]), output(1, [2, 3])]
    with pytest.raises(ValueError, match=r"frame '0-2' was judged by fold 0 \(.*fold0.* and by fold 1 \(.*fold1"):
        read_runs(folders, data)


@pytest.mark.parametrize(
    ("other", "said"),
    [({"imgsz": 1280}, "'imgsz' is 640 in .*fold0 and 1280 in .*fold1"), ({"lr": 0.1}, "'lr' is None in .*and 0.1 in")],
)
def test_folds_trained_with_other_parameters_are_refused(data, output, other, said):
    folders = [output(0, [0, 1]), output(1, [2, 3], parameters=PARAMETERS | other)]
    with pytest.raises(ValueError, match=said):
        read_runs(folders, data)


def test_what_changes_nothing_in_what_is_learnt_may_differ(data, output):
    folders = [output(0, [0, 1]), output(1, [2, 3], parameters=PARAMETERS | {"workers": 4, "cache": True})]
    assert list(read_runs(folders, data).weights) == [0, 1]


@pytest.mark.parametrize("read", [lambda folders, data: trained_folds(folders), read_runs], ids=["trained_folds", "read_runs"])
def test_the_same_fold_twice_is_refused(data, output, read):
    folders = [output(0, [0, 1], "one"), output(0, [2, 3], "other")]
    with pytest.raises(ValueError, match="fold 0 is in .*one.* and in .*other.*, expected it once"):
        read(folders, data)


def test_a_missing_run_json_names_its_folder_its_stage_and_what_lies_there(data, output):
    folder = output(3, [0, 1])
    (folder / "run.json").unlink()
    with pytest.raises(FileNotFoundError, match="2_train-fold3/run.json is missing, stage 2_train .*: fold3/best.pth, identity"):
        read_runs([folder], data)


def test_missing_weights_name_their_fold_and_stage(output):
    folder = output(3, [0, 1])
    (folder / "fold3" / "best.pth").unlink()
    with pytest.raises(FileNotFoundError, match="weights of fold 3 are missing, .*2_train wrote .*: identity@640.csv, run.json"):
        trained_folds([folder])


def test_the_samples_outputs_are_not_read_for_the_competitions_data(data, output):
    folder = output(0, [0, 1], sample=True)
    assert list(trained_folds([folder], sample=True)) == list(trained_folds([folder])) == [0]
    with pytest.raises(ValueError, match="run.json was made from the built-in sample, expected the competition's data"):
        read_runs([folder], data, sample=False)


def test_the_competitions_outputs_are_not_read_for_the_sample(data, output):
    with pytest.raises(ValueError, match="run.json was made from the competition's data, expected the built-in sample"):
        read_runs([output(0, [0, 1], sample=False)], data, sample=True)


def test_a_fingerprint_is_the_sha1_of_the_weights(output):
    folders = [output(1, [0, 1]), output(0, [2, 3])]
    assert fingerprints(folders) == {fold: hashlib.sha1(f"weights of fold {fold} in ".encode()).hexdigest() for fold in (0, 1)}


def folds_csv(folder: Path, text: str) -> Path:
    (folder / "folds.csv").write_text(text)
    return folder / "folds.csv"


def test_folds_are_found_by_name_whatever_the_order(data, tmp_path):
    path = folds_csv(tmp_path, "fold,image_id\n" + "".join(f"{n % 3},0-{n}\n" for n in (5, 3, 9, 0, 1, 2, 4)))
    found = fold_of_frames(data.frames, path)
    assert found.tolist() == [0, 1, 2, 0, 1, 2] and found.dtype == np.int64


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image_id,fold\n0-0,0\n0-1,0\n0-2,\n0-3,1\n0-5,1\n", "2 of 6 frames have no fold, the first is '0-2'"),
        ("image_id,group\n0-0,0\n", r"the columns are \['image_id', 'group'\], expected \['image_id', 'fold'\]"),
        ("image_id,fold\n0-0,0\n0-0,1\n", "image_id '0-0' stands more than once"),
    ],
)
def test_folds_of_other_data_are_refused(data, tmp_path, text, said):
    with pytest.raises(ValueError, match=f"folds.csv: {said}"):
        fold_of_frames(data.frames, folds_csv(tmp_path, text))
