"""What a training costs, noted as it goes, and what its first epoch says of the rest."""

import json
import math

import pytest

from kaggle_utils.learning.progress import Progress, each, endless, outlook


class TestTheRecord:
    def test_it_outlives_a_kill(self, tmp_path):
        first = Progress(tmp_path, epochs=20, judgings=5)
        first.note("trained", 100, 3.14159265)
        first.note("written", 1, 0.5, size=2000)
        first.write([{"epoch": 1, "loss": 0.5}])
        again = Progress(tmp_path, 20, 5)
        assert (again.epochs, again.judgings, again.history) == (20, 5, [{"epoch": 1, "loss": 0.5}])
        assert again.costs == {"trained": [[100, 3.1416, 0]], "written": [[1, 0.5, 2000]]}

    def test_what_was_not_written_is_gone(self, tmp_path):
        Progress(tmp_path, 3).note("trained", 1, 1.0)
        assert Progress(tmp_path).costs == {} and list(tmp_path.iterdir()) == []

    def test_whoever_knows_no_epochs_leaves_those_that_are_noted(self, tmp_path):
        Progress(tmp_path, 20, 5).write([{"epoch": 1}])
        other = Progress(tmp_path)
        other.note("predicted unet_identity", 10, 1.0, 80)
        other.write()
        held = json.loads((tmp_path / "progress.json").read_text())
        assert held == {
            "epochs": 20, "judgings": 5, "history": [{"epoch": 1}], "costs": {"predicted unet_identity": [[10, 1.0, 80]]},
        }  # fmt: skip

    def test_what_was_noted_before_the_training_stays(self, tmp_path):
        cached = Progress(tmp_path)
        cached.note("cached", 10, 1.0)
        cached.write()
        assert (cached.epochs, cached.judgings) == (0, 0)
        training = Progress(tmp_path, 7)
        assert (training.epochs, training.judgings) == (7, 7) and list(training.costs) == ["cached"]

    def test_every_epoch_is_judged_unless_it_is_told(self, tmp_path):
        Progress(tmp_path, 3).write()
        longer = Progress(tmp_path, 10)
        assert (longer.epochs, longer.judgings) == (10, 10)
        assert Progress(tmp_path, 10, 0).judgings == 0

    def test_kinds_of_work_add_up_each_time_they_are_done(self, tmp_path):
        record = Progress(tmp_path)
        for seconds in (3.0, 1.0):
            record.note("judged", 5, seconds)
        assert record.costs["judged"] == [[5, 3.0, 0], [5, 1.0, 0]]

    def test_a_block_that_fails_costs_nothing(self, tmp_path):
        record = Progress(tmp_path)
        with pytest.raises(KeyError), record.timed("cached", 3):
            raise KeyError
        assert record.costs == {}

    def test_a_history_is_replaced_and_not_made_longer(self, tmp_path):
        record = Progress(tmp_path, 2)
        record.write([{"epoch": 1}])
        record.write([{"epoch": 1}, {"epoch": 2}])
        record.write()
        assert Progress(tmp_path).history == [{"epoch": 1}, {"epoch": 2}]

    def test_figures_that_are_none_are_json_all_the_same(self, tmp_path):
        Progress(tmp_path, 1).write([{"dice": math.nan}])
        assert json.loads((tmp_path / "progress.json").read_text())["history"] == [{"dice": None}]


class TestEachItem:
    def test_the_first_time_warms_up_and_does_not_count(self):
        assert each([[10, 100.0, 50], [10, 2.0, 50], [30, 6.0, 150]]) == (0.2, 5.0)

    def test_a_single_time_has_to_do(self):
        assert each([[10, 5.0, 20]]) == (0.5, 2.0)

    @pytest.mark.parametrize("notes", [[], [[0, 1.0, 0]], [[5, 1.0, 0], [0, 1.0, 0]]])
    def test_no_items_cost_nothing(self, notes):
        assert each(notes) == (0.0, 0.0)


class TestTheOutlook:
    @pytest.mark.parametrize(
        ("left", "said"),
        [
            (601.0, "9 more at most 10.0 min; the session has 10.0 min left"),
            (600.0, "9 more at most 10.0 min; the session has only 10.0 min left, another goes on from there"),
            (endless(), "9 more at most 10.0 min"),
        ],
    )
    def test_it_says_whether_the_session_is_long_enough(self, left, said):
        assert outlook("unet fold 0", 600 / 9, 9, left) == f"unet fold 0: an epoch takes 67 s, {said}"
