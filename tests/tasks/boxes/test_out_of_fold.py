"""Outputs of several training kernels: read together when they belong together, refused by name when not."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from reef_tables import BOX, table

from kaggle_utils.boxes.matching import IOU_THRESHOLDS
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.competitions import reef
from kaggle_utils.tasks.boxes.decision import Decision, FrameByFrame
from kaggle_utils.tasks.boxes.items import VideoItems
from kaggle_utils.tasks.boxes.out_of_fold import out_of_fold
from kaggle_utils.tasks.boxes.tables import write_boxes
from kaggle_utils.tasks.runs import Job, PredictionSet, read_folds, read_runs, write_run

PARAMETERS = {"imgsz": 640, "chain": [{"epochs": 2}, {}], "workers": 2}


@pytest.fixture
def data(tmp_path) -> VideoItems:
    """Frames 0 to 5 of one video, a box in each."""
    table([(0, f // 2, f, BOX) for f in range(6)]).to_csv(tmp_path / "train.csv", index=False)
    return reef.load(tmp_path)


@pytest.fixture
def output(data, tmp_path):
    """Writes the output of a kernel that trained one fold; returns its folder."""

    def write(
        fold: int, rows: list[int], name: str = "", parameters: dict = PARAMETERS, views=("identity",), member="plain", **facts
    ) -> Path:
        folder = tmp_path / (name or f"2_train-fold{fold}")
        place = folder / member / f"fold{fold}"
        place.mkdir(parents=True)
        (place / "best.pth").write_text(f"weights of fold {fold} in {name}")
        names = data.table["image_id"].iloc[rows].reset_index(drop=True)
        sets = {}
        for view in views:
            one = PredictionSet(member, view, dtype="text")
            boxes = Boxes(range(len(rows)), [[fold, 0, 10, 10]] * len(rows), [0.5] * len(rows))
            write_boxes(place / f"{one.name}.csv", names, boxes)
            sets[one.name] = (one, (place / f"{one.name}.csv",))
        job = Job(member, fold, tuple(names), 0.5, 1.0, "", {"best": place / "best.pth"}, sets, parameters)
        write_run(folder, [job], **facts)
        return folder

    return write


def test_folds_of_several_kernels_are_read_as_if_one_had_trained_them(data, output):
    runs = read_runs([output(1, [4, 1]), output(0, [0, 3])])
    assert runs.fold_of_item(data.table["image_id"].tolist()).tolist() == [0, 1, -1, 0, 1, -1] and runs.folds == [0, 1]
    judged = out_of_fold(data, "image_id", runs, np.zeros(len(data), int), (1280, 720), IOU_THRESHOLDS)
    boxes = judged.sets["plain_identity"]
    assert list(zip(boxes.frame.tolist(), boxes.xyxy[:, 0].tolist(), strict=True)) == [(0, 0), (1, 1), (2, 0), (3, 1)]
    assert judged.fold.tolist() == [0, 1, 0, 1] and judged.items.table["image_id"].tolist() == ["0-0", "0-1", "0-3", "0-4"]
    assert judged.truth.frame.tolist() == [0, 1, 2, 3] and judged.clips.tolist() == [0, 0, 1, 2]  # a gap is a cut


def test_two_members_of_two_kernels_are_fused_as_if_one_had_trained_them(data, output):
    halves, other = ((0, [0, 1]), (1, [2, 3])), {"parameters": PARAMETERS | {"imgsz": 1280}, "member": "large"}
    folders = {output(fold, rows, name, **how) for fold, rows in halves for name, how in (("2_train", {}), ("2_train-large", other))}
    runs = read_runs(sorted(folders))
    judged = out_of_fold(data, "image_id", runs, np.zeros(len(data), int), (1280, 720), IOU_THRESHOLDS)
    assert list(judged.sets) == ["plain_identity", "large_identity"] and runs.parameters("large")["imgsz"] == 1280
    assert judged.sets["plain_identity"].frame.tolist() == judged.sets["large_identity"].frame.tolist() == [0, 1, 2, 3]
    both = FrameByFrame(Decision(sets=tuple(judged.sets), fusion={"method": "nms", "iou": 0.5}, cut=0.1), (1280, 720))
    assert len(both.update([boxes[boxes.frame == 0] for boxes in judged.sets.values()])) == 1


def test_a_set_that_a_fold_lacks_is_left_out(data, output):
    runs = read_runs([output(0, [0, 1], views=("identity", "hflip")), output(1, [2, 3])])
    assert list(out_of_fold(data, "image_id", runs, np.zeros(len(data), int), (1280, 720), IOU_THRESHOLDS).sets) == ["plain_identity"]


def test_outputs_without_a_common_set_are_refused(data, output):
    runs = read_runs([output(0, [0, 1], views=("hflip",)), output(1, [2, 3])])
    with pytest.raises(ValueError, match="no prediction set has all of the folds"):
        out_of_fold(data, "image_id", runs, np.zeros(len(data), int), (1280, 720), IOU_THRESHOLDS)


def test_a_frame_that_is_not_in_the_table_is_refused(data, output):
    runs = read_runs([output(0, [0, 5])])
    with pytest.raises(ValueError, match="plain fold 0 was judged on '0-5', which is not in this data"):
        out_of_fold(data.take(range(5)), "image_id", runs, np.zeros(5, int), (1280, 720), IOU_THRESHOLDS)


def test_a_frame_judged_by_two_folds_is_refused(output):
    with pytest.raises(ValueError, match="'0-2' was judged by plain fold 0 and by plain fold 1"):
        read_runs([output(0, [0, 1, 2]), output(1, [2, 3])])


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"imgsz": 1280}, "'imgsz' is 640 in plain fold 0 and 1280 in plain fold 1"),
        ({"lr": 0.1}, "'lr' is None in .*and 0.1 in"),
    ],
)
def test_folds_trained_with_other_parameters_are_refused(output, other, said):
    with pytest.raises(ValueError, match=said):
        read_runs([output(0, [0, 1]), output(1, [2, 3], parameters=PARAMETERS | other)])


def test_what_changes_nothing_in_what_is_learnt_may_differ(output):
    others = PARAMETERS | {"workers": 4, "cache": True, "prediction_sets": ["identity", "rot180"]}
    assert read_runs([output(0, [0, 1]), output(1, [2, 3], parameters=others)]).folds == [0, 1]


def test_the_same_fold_twice_is_refused(output):
    with pytest.raises(ValueError, match="plain fold 0 was trained twice, in .*one.* and in .*other.*, expected it once"):
        read_runs([output(0, [0, 1], "one"), output(0, [2, 3], "other")])


def test_a_missing_run_json_names_its_folder_its_stage_and_what_lies_there(output):
    folder = output(3, [0, 1])
    (folder / "run.json").unlink()
    with pytest.raises(FileNotFoundError, match="2_train-fold3/run.json is missing, stage 2_train .*: plain/fold3/best.pth"):
        read_runs([folder])


def test_missing_weights_name_their_fold_and_stage(output):
    folder = output(3, [0, 1])
    (folder / "plain" / "fold3" / "best.pth").unlink()
    with pytest.raises(FileNotFoundError, match="best weights of plain fold 3 are missing, .*2_train wrote .*plain_identity.csv"):
        read_runs([folder]).weights("plain")


def test_the_samples_outputs_are_not_read_for_the_competitions_data(output):
    folder = output(0, [0, 1], sample=True)
    assert read_runs([folder], sample=True).folds == read_runs([folder]).folds == [0]
    with pytest.raises(ValueError, match="run.json was made from the built-in sample, expected the competition's data"):
        read_runs([folder], sample=False)


def test_the_competitions_outputs_are_not_read_for_the_sample(output):
    with pytest.raises(ValueError, match="run.json was made from the competition's data, expected the built-in sample"):
        read_runs([output(0, [0, 1], sample=False)], sample=True)


def test_a_fingerprint_is_the_sha1_of_the_weights(output):
    runs = read_runs([output(1, [0, 1]), output(0, [2, 3])])
    expected = {str(fold): hashlib.sha1(f"weights of fold {fold} in ".encode()).hexdigest() for fold in (0, 1)}
    assert runs.fingerprints() == {"plain best": expected}


def folds_csv(folder: Path, text: str) -> Path:
    (folder / "folds.csv").write_text(text)
    return folder / "folds.csv"


def test_folds_are_found_by_name_whatever_the_order(data, tmp_path):
    rows = "".join(f"{n % 3},0-{n},{n}\n" for n in (5, 3, 9, 0, 1, 2, 4))
    found = read_folds(folds_csv(tmp_path, "fold,image_id,part\n" + rows), data.table["image_id"])
    assert found["fold"].tolist() == [0, 1, 2, 0, 1, 2] and found["part"].tolist() == list(range(6))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image_id,fold,part\n0-0,0,0\n0-1,0,0\n0-2,,\n0-3,1,1\n0-5,1,1\n", "2 of 6 have no fold, the first is '0-2'"),
        ("image_id,group\n0-0,0\n", r"the columns are \['image_id', 'group'\], expected \['image_id', 'fold', 'part'\]"),
        ("image_id,fold,part\n0-0,0,0\n0-0,1,1\n", "image_id '0-0' stands more than once"),
    ],
)
def test_folds_of_other_data_are_refused(data, tmp_path, text, said):
    with pytest.raises(ValueError, match=f"folds.csv: {said}"):
        read_folds(folds_csv(tmp_path, text), data.table["image_id"])
