"""The reef competition's tables: in from train.csv, out as predictions and submission."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaggle_utils.boxes.formats import texts_from_boxes
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.competitions import reef
from kaggle_utils.tasks.boxes.tables import inside, read_boxes, table_faults, write_boxes


@pytest.fixture
def folder(tmp_path):
    """Two videos of three frames, written out of order; the image of frame 0-1 was not downloaded."""
    box = "[{'x': 1, 'y': 2, 'width': 30, 'height': 40}]"
    texts = {(0, 0): "[]", (0, 1): box, (0, 2): box, (1, 0): "[]", (1, 1): "[]", (1, 2): box}
    rows = [(v, 10 + v, f, f, f"{v}-{f}", text) for (v, f), text in texts.items()]
    pd.DataFrame(rows[::-1], columns=reef.FRAME_COLUMNS).to_csv(tmp_path / "train.csv", index=False)
    for video, frame in texts.keys() - {(0, 1)}:
        image = tmp_path / "train_images" / f"video_{video}" / f"{frame}.jpg"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.touch()
    return tmp_path


@pytest.fixture
def frames(folder):
    return reef.load(folder).table


def test_frames_come_in_order_of_video_and_time_whatever_the_order_of_the_file(folder):
    data = reef.load(folder)
    assert data.table["image_id"].tolist() == ["0-0", "0-1", "0-2", "1-0", "1-1", "1-2"]
    assert data.truth.frame.tolist() == [1, 2, 5]
    assert data.table["path"][2].endswith("train_images/video_0/2.jpg")


def test_frame_9_comes_before_frame_10(tmp_path):
    rows = [(0, 7, number, number, f"0-{number}", "[]") for number in (10, 9, 100)]
    pd.DataFrame(rows, columns=reef.FRAME_COLUMNS).to_csv(tmp_path / "train.csv", index=False)
    assert reef.load(tmp_path).table["video_frame"].tolist() == [9, 10, 100]


def test_missing_images_are_counted_by_video_and_not_refused(folder):
    data = reef.load(folder)
    assert data.report["present"].to_dict() == {0: 2, 1: 3}
    assert data.report["missing"].to_dict() == {0: 1, 1: 0}
    assert data.report["boxes"].to_dict() == {0: 2, 1: 1}
    assert str(data) == "6 frames, 3 with 3 boxes; 1 of their images are missing"


def test_a_folder_without_any_image_loads_and_has_no_present_frames(folder):
    for image in folder.glob("train_images/*/*.jpg"):
        image.unlink()
    data = reef.load(folder)
    assert data.report["missing"].sum() == 6
    assert len(data.present().table) == 0 == len(data.present().truth)


def test_present_renumbers_frames_and_boxes_alike(folder):
    data = reef.load(folder).present()
    assert data.table["image_id"].tolist() == ["0-0", "0-2", "1-0", "1-1", "1-2"]
    assert data.table["image_id"][data.truth.frame].tolist() == ["0-2", "1-2"]
    assert str(data).endswith("all images are there")


def test_take_follows_the_order_it_is_given(folder):
    data = reef.load(folder).take(np.array([5, 1]))
    assert data.table["image_id"].tolist() == ["1-2", "0-1"]
    assert sorted(data.truth.frame.tolist()) == [0, 1]


def test_a_table_that_is_not_of_the_reef_names_every_missing_column(tmp_path):
    pd.DataFrame({"video_id": [0], "image_id": ["0-0"]}).to_csv(tmp_path / "train.csv", index=False)
    with pytest.raises(ValueError, match="lacks the column 'sequence'.*lacks the column 'annotations'"):
        reef.load(tmp_path)


def test_an_image_that_stands_twice_is_refused_by_name(folder):
    table = pd.read_csv(folder / "train.csv")
    pd.concat([table, table[table["image_id"] == "1-1"]]).to_csv(folder / "train.csv", index=False)
    with pytest.raises(ValueError, match="image_id '1-1' stands more than once"):
        reef.load(folder)


def test_predictions_come_back_as_they_were_written_in_any_order_of_rows(frames, tmp_path):
    boxes = Boxes([4, 0, 4], [[1, 2, 3, 4], [0, 0, 7.25, 9], [5, 5, 6, 6]], [0.5, 0.25, 0.75])
    path = tmp_path / "runs" / "predictions.csv"
    write_boxes(path, frames["image_id"], boxes)
    pd.read_csv(path).iloc[::-1].to_csv(path, index=False)
    back = read_boxes(path, frames["image_id"])
    assert back.frame.tolist() == [0, 4, 4] and back.score.tolist() == [0.25, 0.75, 0.5]
    assert back.xyxy.tolist() == [[0, 0, 7.25, 9], [5, 5, 6, 6], [1, 2, 3, 4]]
    assert [file.name for file in path.parent.iterdir()] == ["predictions.csv"]


def test_predictions_may_leave_the_frame_as_a_tracker_s_guess_does(frames, tmp_path):
    write_boxes(tmp_path / "p.csv", frames["image_id"], Boxes([0], [[-5, 0, 9, 9]]))
    assert read_boxes(tmp_path / "p.csv", frames["image_id"]).xyxy.tolist() == [[-5, 0, 9, 9]]


def test_each_fault_of_a_predictions_table_is_named(frames):
    names = ["0-0", "0-0", "0-1", "0-2", "1-0", "7-7"]
    table = pd.DataFrame({"image_id": names, "annotations": ["", "", "0.9 1 2", "", "", ""]})
    assert table_faults(table, frames["image_id"]) == [
        "2 image_id missing: '1-1', '1-2'",
        "1 image_id unknown: '7-7'",
        "1 image_id doubled: '0-0'",
        "image_id 0-1: '0.9 1 2' is not groups of five numbers 'conf x y width height'",
    ]
    assert table_faults(table.rename(columns={"annotations": "boxes"}), frames["image_id"]) == [
        "the columns are ['image_id', 'boxes'], expected ['image_id', 'annotations']"
    ]


def test_reading_faulty_predictions_raises_with_the_file_s_name(frames, tmp_path):
    pd.DataFrame({"image_id": ["0-0"], "annotations": [""]}).to_csv(tmp_path / "few.csv", index=False)
    with pytest.raises(ValueError, match="few.csv: 5 image_id missing: '0-1', '0-2', '1-0', ..."):
        read_boxes(tmp_path / "few.csv", frames["image_id"])


def test_a_submission_from_files_has_the_api_s_header(folder, tmp_path):
    stream = reef.stream(reef.load(folder).present(), folder, tmp_path)
    for number, _ in stream:
        stream.take(number, Boxes([0], [[10, 20, 40, 60]], [0.5]) if number == 2 else Boxes.empty())
    assert stream.close().read_text() == "index,annotations\n0,\n1,\n2,0.5 10 20 30 40\n3,\n4,\n"


def test_frames_without_a_file_are_not_submitted(folder, tmp_path):
    with pytest.raises(ValueError, match="1 of 6 test frames are not there, the first is 0-1"):
        reef.stream(reef.load(folder), folder, tmp_path)


@pytest.mark.parametrize(
    "index, texts, fault",
    [
        ([0, 1], ["", ""], "1 index missing: '2'"),
        ([0, 1, 1], ["", "", ""], "1 index missing: '2'; 1 index doubled: '1'"),
        ([0, 1, 3], ["", "", ""], "1 index missing: '2'; 1 index unknown: '3'"),
        ([1, 0, 2], ["", "", ""], "row 0 has index '1', expected '0'"),
        ([0, 1, 2], ["", "sure 1 2 3 4", ""], "index 1: 'sure 1 2 3 4' is not groups of five numbers"),
        ([0, 1, 2], ["", "", "NaN 1 2 3 4"], "index 2: 'NaN 1 2 3 4'"),
        ([0, 1, 2], ["", "", "0.9 1 2 3"], "index 2: '0.9 1 2 3'"),
        ([0, 1, 2], ["", "0.9 -4 2 30 40", ""], "index 1: the box -4 2 30 40 leaves the frame"),
        ([0, 1, 2], ["0.9 1270 2 30 40 0.8 0 700 9 30", "", ""], "1270 2 30 40 leaves .* and so do 1 more"),
    ],
)
def test_each_fault_of_a_submission_is_named(index, texts, fault):
    table = pd.DataFrame({"index": index, "annotations": texts}).astype(str)
    assert re.search(fault, "; ".join(reef.faults(table, range(3))))


def test_the_example_s_header_is_not_a_submission_s(real_data):
    example = pd.read_csv(real_data / "input" / reef.SLUG / "example_sample_submission.csv")
    assert "columns are ['row_num', 'annotations'], expected ['index'" in reef.faults(example, range(3))[0]


def test_a_submission_with_faults_is_not_written(folder, tmp_path):
    stream = reef.stream(reef.load(folder).present(), folder, tmp_path / "out")
    for number, _ in stream:
        stream.take(number, Boxes([0], [[0, 0, 1281, 9]]))
    with pytest.raises(ValueError, match="leaves the frame"):
        stream.close()
    assert not (tmp_path / "out").exists()


corner = st.tuples(st.floats(-100, 1400), st.floats(-100, 900), st.floats(0, 300), st.floats(0, 300))


@settings(max_examples=50, deadline=None)
@given(st.lists(corner, min_size=1, max_size=8))
def test_boxes_cut_at_the_border_make_a_submission_without_faults(corners):
    x, y, w, h = np.array(corners).T
    boxes = inside(Boxes(np.arange(len(x)), np.stack([x, y, x + w, y + h], 1)), reef.KIND.size)
    table = pd.DataFrame({"index": range(len(x)), "annotations": texts_from_boxes(boxes, len(x))})
    assert reef.faults(table, range(len(x))) == []


def test_a_copy_of_the_truth_scores_one_and_each_empty_frame_s_false_box_costs(folder, tmp_path):
    data, path = reef.load(folder), tmp_path / "p.csv"
    write_boxes(path, data.table["image_id"], data.truth)
    assert reef.score_files(folder / "train.csv", path).f2 == 1
    extra = Boxes([0, 3], [[900, 600, 950, 650]] * 2, [0.3, 0.3])
    write_boxes(path, data.table["image_id"], Boxes.concat([data.truth, extra]))
    card = reef.score_files(folder / "train.csv", path)
    assert card.f2 == pytest.approx(5 * 3 / (4 * 3 + 5))  # at every threshold: 3 hits, 3 true, 5 predicted
    assert (card.best_f2, card.best_cut) == (1, 1)
    assert card.by_group == {0: pytest.approx(10 / (8 + 3)), 1: pytest.approx(5 / (4 + 2))}


def test_the_real_table_has_the_numbers_of_the_competition(real_data, tmp_path):
    table = (real_data / "tables" / "reef_train.csv").read_bytes()
    (tmp_path / "train.csv").write_bytes(table)
    data = reef.load(tmp_path)
    assert len(data) == 23_501
    assert data.report["rows"].to_dict() == {0: 6708, 1: 8232, 2: 8561}
    assert data.report["sequences"].to_dict() == {0: 8, 1: 8, 2: 4}
    assert data.report["with_boxes"].sum() == 4919 and len(data.truth) == 11_898
    assert np.bincount(data.truth.frame).max() == reef.MOST_BOXES == 18
    assert np.median(data.truth.xyxy[:, 2:] - data.truth.xyxy[:, :2], axis=0).tolist() == [45, 40]
    crossing = (data.truth.xyxy[:, 2:] > reef.KIND.size) | (data.truth.xyxy[:, :2] < 0)
    assert crossing.any(1).sum() == 20


def test_the_real_folder_is_a_partial_download_with_every_row_present(real_data):
    data = reef.load(real_data / "input" / reef.SLUG)
    assert data.report["present"].to_dict() == {0: 10, 1: 5, 2: 5} and data.report["missing"].sum() == 0
    assert str(data) == "20 frames, 7 with 7 boxes; all images are there"


def test_the_competitions_own_sizes_are_those_of_its_table(real_data):
    table = pd.read_csv(real_data / "tables" / "reef_train.csv", usecols=["video_id", "annotations"])
    filled = (table["annotations"] != "[]").groupby(table["video_id"]).sum()
    for video, size in reef.FULL.items():
        assert (size.train, size.valid) == (2 * filled.drop(video).sum(), (table["video_id"] == video).sum())


def test_the_frames_of_test_csv_are_known_and_not_there(folder):
    frames = pd.read_csv(folder / "train.csv")
    frames.drop(columns="annotations").iloc[:3].to_csv(folder / "test.csv", index=False)
    items = reef.test(folder)
    assert len(items) == 3 and not items.table["exists"].any() and len(items.truth) == 0
