"""decision.json and validation.json: what comes back, what is refused, and what a run says of both."""

import json
from math import isnan, nan
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from kaggle_utils.evidence.medals import Medals
from kaggle_utils.masks.scorecard import MaskScorecard
from kaggle_utils.tasks.decisions import Worth, read_decision, summary, write_decision, write_validation

REEF = Worth("wbf, tracked", 0.4772, 0.119, 0.7198, 0.66774, 0.67376)
CLOUDS = Worth(
    "gate", 0.81309, 0.785, 0.8405, 0.8305, 0.8468, {"all empty": (0.4979, 0.3152, 0.28, 0.35)}, ("on the 3 most test-like: 0.8000; one half 0.7000",)
)
BOTH = ("1_eda", "2_train", "3_decide", "4_submit")


class TestADecision:
    def test_it_comes_back_from_its_file_as_it_was(self, tmp_path):
        weights = {"unet best": {"0": "ab" * 20, "1": "cd" * 20}}
        facts = {"sample": False, "data": "0123456789ab", "run": "1a2b3c4d", "table": [{"name": "gate", "dice": 0.6}]}
        decision = {"merge": {"sets": ["a", "b"], "weights": [1.0, 2.0]}, "draw": None}
        write_decision(tmp_path / "decision.json", decision, CLOUDS, weights, **facts)
        assert read_decision(tmp_path / "decision.json") == (decision, CLOUDS, {"weights": weights, **facts})

    def test_remarks_are_the_same_however_they_were_listed(self, tmp_path):
        assert Worth("a", 1, 1, 1, 1, 1, remarks=["b"]) == Worth("a", 1, 1, 1, 1, 1, remarks=("b",))

    def test_figures_that_are_none_come_back_as_none(self, tmp_path):
        given = Worth("a", np.float64(0.5), nan, nan, 0.5, 0.6, {"all empty": (nan, nan, nan, nan)})
        write_decision(tmp_path / "decision.json", {}, given, {})
        found = read_decision(tmp_path / "decision.json")[1]
        assert found.score == 0.5 and isnan(found.low) and isnan(found.high) and all(map(isnan, found.over["all empty"]))
        assert found.lines("F2", "frame")[0].startswith("F2 0.5000 [nan, nan] of a, chosen")

    @pytest.mark.parametrize("content", [{}, {"f2": 0.5}, {"decision": {}, "worth": {}}, {"worth": {}, "weights": {}}])
    def test_a_file_that_is_no_decision_is_refused(self, tmp_path, content):
        (tmp_path / "decision.json").write_text(json.dumps(content))
        with pytest.raises(ValueError, match="decision.json holds .*, expected a decision as 3_decide writes it"):
            read_decision(tmp_path / "decision.json")

    def test_the_samples_decision_is_not_for_the_competitions_data(self, tmp_path):
        write_decision(tmp_path / "decision.json", {}, REEF, {}, sample=True)
        assert read_decision(tmp_path / "decision.json", sample=True)[1] == REEF
        with pytest.raises(ValueError, match="was made from the built-in sample, expected the competition's data"):
            read_decision(tmp_path / "decision.json", sample=False)


@pytest.fixture
def runs(tmp_path):
    """A competition's folder of runs after both stages, with the decision of the test."""

    def left(worth: Worth, *, validated: float | None = None, submitted: bool = True):
        for name in ("3_decide", "4_submit"):
            (tmp_path / name).mkdir(exist_ok=True)
        write_decision(tmp_path / "3_decide" / "decision.json", {}, worth, {})
        if validated is not None:
            write_validation(tmp_path / "4_submit", "F2", validated, 240)
        if submitted:
            (tmp_path / "4_submit" / "submission.csv").write_text("index,annotations\n0,\n1,0.9 1 2 3 4\n")
        return tmp_path

    return left


def competition(metric: str, unit: str, card) -> SimpleNamespace:
    """It answers what it is given the hidden test and the submission for; an empty cell is an empty text."""

    def score(items, table: pd.DataFrame):
        assert items == "hidden" and table["annotations"].tolist() == ["", "0.9 1 2 3 4"]
        return card

    return SimpleNamespace(UNIT=unit, KIND=SimpleNamespace(METRIC=metric), score=score)


FRAMES = competition("F2", "frame", SimpleNamespace(short="0.4565"))
PICTURES = competition("Dice", "picture", MaskScorecard(0.80432, {}, 0.45833, 64, 30, 30))
MEDALS = Medals(silver=0.6, bronze=0.4, winner=0.75, validation=0.8)
DECIDED = [
    "out-of-fold F2 0.4772 [0.1190, 0.7198] of wbf, tracked, chosen and fitted without the frames it is judged on",
    "flattering: 0.6677 of wbf, tracked, chosen with all frames; 0.6738 where its rule is fitted on them, too",
    "(of one model a frame: a submission that averages the folds' models usually does better)",
]


class TestWhatARunSays:
    def test_boxes_are_told_by_their_f2(self, runs):
        place = runs(REEF)
        assert summary(FRAMES, place, "hidden", BOTH) == [
            *DECIDED, "hidden-test F2: 0.4565", f"submission:     {place / '4_submit' / 'submission.csv'}",
        ]  # fmt: skip

    def test_masks_are_told_by_their_dice_beside_all_empty_and_with_remarks(self, runs):
        place = runs(CLOUDS)
        assert summary(PICTURES, place, "hidden", BOTH) == [
            "out-of-fold Dice 0.8131 [0.7850, 0.8405] of gate, chosen and fitted without the pictures it is judged on",
            "gain on all empty (0.4979): +0.3152 [+0.2800, +0.3500]",
            "flattering: 0.8305 of gate, chosen with all pictures; 0.8468 where its rule is fitted on them, too",
            "(of one model a picture: a submission that averages the folds' models usually does better)",
            "on the 3 most test-like: 0.8000; one half 0.7000",
            "hidden-test Dice: 0.8043; all empty 0.4583",
            f"submission:     {place / '4_submit' / 'submission.csv'}",
        ]

    def test_a_validation_is_told_as_such(self, runs):
        lines = summary(FRAMES, runs(REEF, validated=0.51239, submitted=False), "hidden", BOTH)
        told = "validation F2:  0.5124 of the submission notebook on 240 frames"
        assert lines == [*DECIDED, f"{told}; flattering: the decision was fitted on them, too"]

    def test_a_validation_stands_before_the_test(self, runs):
        lines = summary(FRAMES, runs(REEF, validated=0.5), "hidden", ["4_submit"])
        assert [line[:14] for line in lines] == ["validation F2:", "hidden-test F2", "submission:   "]

    def test_a_validation_without_any_truth_to_find_has_no_figure(self, runs):
        [line] = summary(FRAMES, runs(REEF, validated=nan, submitted=False), None, ["4_submit"])
        assert line.startswith("validation F2:  nan of the submission notebook on 240 frames")

    def test_an_unknown_truth_is_no_line(self, runs):
        place = runs(REEF)
        assert summary(FRAMES, place, None, BOTH) == [*DECIDED, f"submission:     {place / '4_submit' / 'submission.csv'}"]

    @pytest.mark.parametrize("known", [{"sample": True}, {}, {"sample": False, "smoke": True}])
    def test_a_sample_s_figure_is_given_no_place(self, runs, known):
        place = runs(REEF)
        write_decision(place / "3_decide" / "decision.json", {}, REEF, {}, **known)
        assert summary(FRAMES, place, None, ["3_decide"], MEDALS) == DECIDED

    def test_a_real_figure_and_the_ends_of_its_interval_are_placed_beside_the_winner_s_cross_validation(self, runs):
        place = runs(REEF)
        write_decision(place / "3_decide" / "decision.json", {}, REEF, {}, sample=False)
        assert summary(FRAMES, place, None, ["3_decide"], MEDALS) == [
            *DECIDED,
            "would stand on the private leaderboard: 0.4772 bronze, 0.1190 no medal, 0.7198 silver to gold",
            "its lines: gold not known, silver 0.6, bronze 0.4",
            "its winner: 0.75, where their own cross-validation said: 0.8",
        ]
        assert summary(FRAMES, place, None, ["3_decide"]) == DECIDED
        assert not any("leaderboard" in line for line in summary(FRAMES, place, None, ["4_submit"], MEDALS))

    @pytest.mark.parametrize(
        ("stages", "told"),
        [
            ((), []),
            (["1_eda", "2_train"], []),
            (["3_decide"], ["out-of-fold F2", "flattering: 0.", "(of one model "]),
            (["4_submit"], ["hidden-test F2", "submission:   "]),
            (["4_submit", "3_decide"], ["out-of-fold F2", "flattering: 0.", "(of one model ", "hidden-test F2", "submission:   "]),
        ],
    )
    def test_what_an_earlier_run_left_is_not_told(self, runs, stages, told):
        assert [line[:14] for line in summary(FRAMES, runs(REEF), "hidden", stages)] == told

    def test_a_decision_that_is_not_better_than_nothing_is_told_in_so_many_words(self):
        worse = Worth("gate", 0.4403, 0.4, 0.48, 0.45, 0.46, {"all empty": (0.4792, -0.0389, -0.06, -0.01)})
        assert "WARNING, the honest figure does not lie above that of all empty" in worse.lines("Dice", "picture")[1]

    def test_what_a_stage_did_not_write_is_not_told(self, tmp_path):
        assert summary(FRAMES, tmp_path, "hidden", BOTH) == []


def test_a_validation_is_plain_json_with_what_else_is_known(tmp_path):
    write_validation(tmp_path, "Dice", np.float64(0.5), 7, classes={"Fish": np.float32(0.25)})
    expected = {"metric": "Dice", "score": 0.5, "items": 7, "classes": {"Fish": 0.25}}
    assert json.loads((tmp_path / "validation.json").read_text()) == expected
