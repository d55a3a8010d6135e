"""A hidden test, cut, turned and judged; frames are empty files, for nobody looks at them here."""

from __future__ import annotations

import pandas as pd
import pytest
from reef_tables import BOX, images, table

from kaggle_utils.competitions import reef
from kaggle_utils.images.listing import frame_paths
from kaggle_utils.tasks.hidden import HiddenTest, hidden_truth
from kaggle_utils.tasks.runs import Job, Runs
from kaggle_utils.tasks.submission import held_out


@pytest.fixture
def hidden(tmp_path):
    """Frames 8, 9, 10 of one sequence and 20, 21 of another; a box in frame 9 and in frame 21."""
    frames = table([(3, 1, 8, "[]"), (3, 1, 9, BOX), (3, 1, 10, "[]"), (3, 2, 20, "[]"), (3, 2, 21, BOX)])
    frames.to_csv(tmp_path / "truth.csv", index=False)
    folder = images(tmp_path / "test_images", frames)
    return hidden_test(folder)


def hidden_test(folder) -> HiddenTest:
    return HiddenTest(reef, reef.hidden(folder), known=hidden_truth(folder) is not None)


def names(test) -> list[str]:
    return [path.rpartition("/")[2].removesuffix(".jpg") for path in test.items.table["path"]]


def submission(*texts: str) -> pd.DataFrame:
    return pd.DataFrame({"index": [str(i) for i in range(len(texts))], "annotations": list(texts)})


def test_frames_come_in_order_with_their_clips_and_their_truth(hidden):
    assert names(hidden) == ["8", "9", "10", "20", "21"]
    assert hidden.clips.tolist() == [0, 0, 0, 1, 1]
    assert hidden.items.truth.frame.tolist() == [1, 4]


def test_without_truth_clips_are_read_from_the_names(tmp_path):
    folder = images(tmp_path / "test_images", table([(1, 1, 4, ""), (1, 1, 5, ""), (1, 1, 9, ""), (2, 1, 10, "")]))
    found = hidden_test(folder)
    assert found.clips.tolist() == [0, 0, 1, 2] and not found.known
    assert found.score(submission("", "", "", "")) is None


def test_a_truth_that_lacks_a_frame_is_refused(hidden, tmp_path):
    (tmp_path / "test_images" / "video_3" / "99.jpg").touch()
    with pytest.raises(ValueError, match="lacks the frame '3-99', expected all 6 of the hidden test"):
        hidden_test(tmp_path / "test_images")


def test_taken_frames_keep_their_truth_under_their_new_numbers(hidden):
    turned = hidden.take([4, 3, 1])
    assert names(turned) == ["21", "20", "9"] and turned.items.truth.frame.tolist() == [2, 0]


def test_the_other_order_turns_the_clips_and_not_the_time_within(hidden):
    assert hidden.other_order(at_most=99) == [3, 4, 0, 1, 2]
    assert hidden.other_order(at_most=4) == [3, 4, 0, 1]
    assert hidden.take([0, 1, 2]).other_order(99) == []  # one clip has no other place


def test_some_frames_are_the_starts_of_several_clips(hidden):
    assert names(hidden.some(4)) == ["8", "9", "20", "21"] and names(hidden.some(3)) == ["8", "20"]
    assert names(hidden.some(1)) == ["8"] and names(hidden.some(5)) == names(hidden)


def test_what_is_laid_out_is_served_in_that_order(hidden, tmp_path):
    turned = hidden.take([3, 4, 0, 1, 2])
    turned.write(tmp_path / "turned")
    assert [path.stem for path in frame_paths(tmp_path / "turned")] == names(turned)
    assert all(path.resolve().is_file() for path in frame_paths(tmp_path / "turned"))


def test_a_submission_is_judged_to_its_last_row_and_scored(hidden):
    sound = submission("", "0.9 10 20 30 40", "", "0.9 500 500 9 9", "")
    assert hidden.faults(sound) == []
    assert hidden.score(sound) == ("F2", pytest.approx(5 / (5 + 4 + 1)))  # a hit, a miss, a false alarm
    assert hidden.faults(submission("", "", "", "", "0.9 1279 0 2 2")) == [
        "index 4: the box 1279 0 2 2 leaves the frame of 1280 x 720 pixels"
    ]
    assert hidden.faults(sound[:4]) == ["1 index missing: '4'"]


def test_in_place_of_a_hidden_test_come_frames_that_a_fold_has_not_seen(tmp_path):
    frames = table([(0, s, 10 * s + f, BOX if f else "[]") for s in range(3) for f in range(4)])
    images(tmp_path / "train_images", frames)
    frames.to_csv(tmp_path / "train.csv", index=False)
    judged = tuple(f"0-{10 * s + f}" for s in (0, 2) for f in range(4))
    trained = Runs((Job("yolov5t", 0, judged, 0.5, 1.0, "", {}, {}, {}),))
    test = HiddenTest(reef, held_out(reef, reef.load(tmp_path).present(), trained)).some(5)
    assert names(test) == ["0", "1", "20", "21"] and test.clips.tolist() == [0, 0, 1, 1]
    assert test.items.truth.frame.tolist() == [1, 3]
