"""Files between stages: found, read as one, refused by name; and what a run says of them."""

import json

import pandas as pd
import pytest

from kaggle_utils.tasks.handover import (
    folds_table,
    require_same_source,
    require_weights,
    stage_lines,
    training_outputs,
    write_run_json,
)

STAGES = ("3_decide", "4_submit")


def test_a_run_comes_back_from_its_file_without_what_json_has_not(tmp_path):
    path = write_run_json(tmp_path, {0: {"score": float("nan")}}, {"lr": 0.1, "size": (2, 1)}, sample=True)
    expected = {"folds": {"0": {"score": None}}, "parameters": {"lr": 0.1, "size": [2, 1]}, "sample": True}
    assert training_outputs([tmp_path], sample=True) == [(tmp_path, expected)] and path.read_text().endswith("}\n")


def test_every_output_must_be_trained_as_the_first(tmp_path):
    for name, workers, lr in (("a", 1, 0.1), ("b", 2, 0.1), ("c", 1, 0.2)):
        (tmp_path / name).mkdir()
        write_run_json(tmp_path / name, [], {"workers": workers, "lr": lr})
    assert len(training_outputs([tmp_path / "a", tmp_path / "b"])) == 2
    with pytest.raises(ValueError, match="the parameter 'lr' is 0.1 in .*a and 0.2 in .*c, expected folds trained alike"):
        training_outputs([tmp_path / name for name in "abc"])


def test_a_missing_file_is_told_with_what_lies_there(tmp_path):
    for number in range(14):
        (tmp_path / f"{number:02}.txt").touch()
    with pytest.raises(FileNotFoundError, match="run.json is missing, stage 2_train .*: 00.txt, .*, 11.txt and 2 more"):
        training_outputs([tmp_path])
    with pytest.raises(FileNotFoundError, match="the weights of fold 2 are missing, expected .*w.pth: .*11.txt and 2 more"):
        require_weights(tmp_path, "w.pth", "fold 2")
    assert require_weights(tmp_path, "03.txt", "fold 2") == tmp_path / "03.txt"


def test_a_file_that_does_not_say_its_source_is_not_refused():
    assert require_same_source({}, True, "run.json") is None


def test_folds_bring_their_other_columns_as_text(tmp_path):
    (tmp_path / "folds.csv").write_text("image,group,fold\nb,007,1\na,010,0\n")
    found = folds_table(tmp_path / "folds.csv", pd.Series(["a", "b"], name="image"), "images", also=("group",))
    assert found["fold"].tolist() == [0, 1] and found["group"].tolist() == ["010", "007"]
    with pytest.raises(ValueError, match=r"expected \['image', 'place', 'fold'\]"):
        folds_table(tmp_path / "folds.csv", pd.Series(["a"], name="image"), "images", also=("place",))


@pytest.fixture
def lines(tmp_path):
    """What a run says, of the stages named, with or without a truth of the hidden test."""

    def told(stages=STAGES, truth=True):
        hidden = (lambda submission: f"hidden {submission.read_text()}") if truth else None
        return stage_lines(tmp_path, stages, lambda d: [f"decided {d['f2']}"], lambda v: f"validated {v['f2']}", hidden)

    for stage, name, text in (("3_decide", "decision.json", '{"f2": 0.5}'), ("4_submit", "submission.csv", "answers")):
        (tmp_path / stage).mkdir()
        (tmp_path / stage / name).write_text(text)
    return told


def test_stages_are_told_in_order_and_the_hidden_test_where_it_is_known(lines, tmp_path):
    submission = f"submission:     {tmp_path / '4_submit' / 'submission.csv'}"
    assert lines() == ["decided 0.5", "hidden answers", submission] and lines(truth=False) == ["decided 0.5", submission]


def test_a_submission_of_validation_data_is_told_as_such(lines, tmp_path):
    (tmp_path / "4_submit" / "validation.json").write_text(json.dumps({"f2": 0.4}))
    assert lines()[:2] == ["decided 0.5", "validated 0.4"]


def test_what_an_earlier_run_left_is_not_told(lines, tmp_path):
    assert lines(["1_eda", "3_decide"]) == ["decided 0.5"] and lines(["4_submit"])[0] == "hidden answers"
    (tmp_path / "4_submit" / "submission.csv").unlink()
    assert lines() == ["decided 0.5"]
