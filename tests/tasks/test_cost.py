"""What a whole training costs: worked by hand, and read from what trials of both kinds really noted."""

import json

import pytest

from kaggle_utils.learning.progress import Progress
from kaggle_utils.tasks.competition import FoldSize
from kaggle_utils.tasks.cost import ModelCost, TrainingCost, read_costs

SMALL = ModelCost("unet", 10, 10, 3e-3, 2e-3, 1e-3, 0.5, 1000.0, {"unet_identity": (0.1, 70.0), "unet_hflip_last": (0.3, 70.0)})
LARGE = ModelCost("unet stage1", 4, 2, 0.0, 4e-3, 2e-3, 1.0, 3000.0, {})
OTHER = ModelCost("pan", 0, 0, 5e-3, 0.0, 0.0, 0.0, 0.0, {"pan_identity": (0.4, 20.0)})
SIZES = {0: FoldSize(1000, 200), 4: FoldSize(400, 500)}


def test_hours_of_one_model_and_fold_worked_by_hand():
    # 10 epochs: 1000 * .002 trained + .5 written = 2.5; 10 * 200 * .001 judged; 200 * (.1 + .3) predicted
    assert SMALL.seconds(SIZES[0]) == pytest.approx(25 + 2 + 80)
    # 4 epochs: 1.6 + 1.0; 2 judgings of 500 * .002
    assert LARGE.seconds(SIZES[4]) == pytest.approx(4 * 2.6 + 2 * 1.0)
    assert OTHER.seconds(SIZES[4]) == pytest.approx(200.0)


class TestSeveralModels:
    COST = TrainingCost((SMALL, LARGE, OTHER), SIZES, rest=50.0)

    def test_what_is_cached_once_is_paid_once_whichever_folds_are_trained(self):
        assert self.COST.once == pytest.approx((50 + 1200 * (3e-3 + 5e-3)) / 3600)
        one = TrainingCost(self.COST.models, {4: SIZES[4]}, 50.0)
        assert one.once == pytest.approx((50 + 900 * 8e-3) / 3600)

    def test_members_and_stages_add_up_in_each_fold(self):
        # fold 0: 25 + 2 + 80, 4 * (4 + 1) + 2 * .4, 200 * .4; fold 4: 10 * 1.3 + 5 + 200, 12.4, 200
        assert self.COST.folds == pytest.approx({0: (107 + 20.8 + 80) / 3600, 4: (218 + 12.4 + 200) / 3600})

    def test_one_session_trains_all_and_a_session_a_fold_takes_as_long_as_the_longest(self):
        assert self.COST.total == pytest.approx((59.6 + 207.8 + 430.4) / 3600)
        assert self.COST.longest == pytest.approx((59.6 + 430.4) / 3600)

    def test_what_stays_is_weights_of_every_model_and_predictions_of_every_item(self):
        # 1000 + 3000 bytes a fold; 200 + 500 items of 140 and of 20 bytes
        assert self.COST.output == pytest.approx({"prediction sets": 700 * 160, "weights": 8000})

    def test_nothing_costs_nothing(self):
        none = TrainingCost((), {})
        assert (none.once, none.total, none.longest, none.folds) == (0, 0, 0, {}) and sum(none.output.values()) == 0


class TestReading:
    @pytest.fixture
    def trial(self, tmp_path):
        """A trial of two folds: 3 epochs on 6 items, 2 to judge."""
        for fold, more in ((0, 1.0), (1, 2.0)):
            record = Progress(tmp_path / "unet" / f"fold{fold}", 30, 15)
            record.note("cached", 8, 0.8 * more)
            for seconds in (9.0, 1.2, 1.2):
                record.note("trained", 6, seconds * more)
                record.note("judged", 2, seconds / 6 * more)
                record.note("written", 1, seconds / 12 * more, 1000)
            record.note("predicted unet_hflip@1.25", 2, 0.5 * more, 140)
            record.write([{"epoch": 1}] * 3)
        return tmp_path

    def test_costs_of_a_trial_are_found_again(self, trial):
        one, two = read_costs(trial)
        assert (one.title, one.epochs, one.judgings) == ("unet fold0", 30, 15) and two.title == "unet fold1"
        assert (one.cached, one.trained, one.judged, one.checkpoints) == pytest.approx((0.1, 0.2, 0.1, 0.1))
        assert one.weights == 1000 and one.predicted == {"unet_hflip@1.25": (0.25, 70.0)}
        assert two.trained == pytest.approx(2 * one.trained) and two.predicted["unet_hflip@1.25"] == (0.5, 70.0)

    def test_the_length_is_the_whole_trainings_and_not_the_trials(self, trial):
        one, _ = read_costs(trial)
        assert one.seconds(FoldSize(100, 10)) == pytest.approx(30 * (20 + 0.1) + 15 * 1.0 + 2.5)

    def test_its_line_says_what_an_item_costs(self, trial):
        one, _ = read_costs(trial)
        said = "cached 100 ms once; trained 200 ms, judged 100 ms an epoch; predicted unet_hflip@1.25 250 ms"
        assert one.line() == f"unet fold0: {said}"
        assert OTHER.line() == "pan: cached 5 ms once; predicted pan_identity 400 ms"
        assert LARGE.line() == "unet stage1: trained 4 ms, judged 2 ms an epoch"

    def test_a_folder_without_records_has_none(self, tmp_path):
        assert read_costs(tmp_path) == []

    def test_what_was_never_done_costs_nothing(self, tmp_path):
        Progress(tmp_path / "pan", 7).write()
        assert read_costs(tmp_path) == [ModelCost("pan", 7, 7, 0.0, 0.0, 0.0, 0.0, 0.0, {})]

    def test_weights_that_grew_are_counted_as_they_are_in_the_end(self, tmp_path):
        record = Progress(tmp_path, 2)
        for size in (500, 800, 1000):
            record.note("written", 1, 0.1, size)
        record.write()
        assert read_costs(tmp_path)[0].weights == 1000


class TestRealTrials:
    """Both toys train a tiny model for two epochs; what they note is all that a projection needs."""

    @pytest.fixture(scope="class", params=["masks", "boxes"])
    def tried(self, request, tmp_path_factory):
        pytest.importorskip("segmentation_models_pytorch" if request.param == "masks" else "ultralytics")
        from toy_boxes import Squares
        from toy_masks import Discs

        from kaggle_utils.tasks.jobs import orders

        toy, place = (Discs if request.param == "masks" else Squares)(), tmp_path_factory.mktemp(request.param)
        items = toy.load(toy.make_sample(place / "sample")).present()
        folds = items.table["clip"].to_numpy() if "clip" in items.table else items.table.index.to_numpy() % 2
        members = {name: one.plain() for name, one in toy.KIND.members({}, toy.SMOKE).items()}
        toy.KIND.train(toy, items, folds, orders(toy.NAME, members, [0]), place / "out", cache=place / "cache")
        return place / "out", next(iter(members)), items, folds

    def test_a_model_is_found_with_its_epochs_and_every_cost(self, tried):
        output, member, items, _ = tried
        costs = read_costs(output)
        assert any(one.cached for one in costs) is ("clip" not in items.table)  # frames in time are read as they are needed
        trained = [one for one in costs if one.trained]
        assert [(one.epochs, one.judgings) for one in trained] == [(2, 2)] and all(member in one.title for one in costs)
        assert trained[0].judged > 0 and trained[0].checkpoints > 0 and trained[0].weights > 1000

    def test_every_prediction_set_is_found_with_its_bytes(self, tried):
        output, member, *_ = tried
        sets = {name: cost for one in read_costs(output) for name, cost in one.predicted.items()}
        assert f"{member}_identity" in sets and all(name.startswith(f"{member}_") for name in sets)
        assert all(seconds > 0 and size > 0 for seconds, size in sets.values())

    def test_notes_count_the_items_of_the_fold(self, tried):
        output, _, items, folds = tried
        notes = [json.loads(path.read_text())["costs"] for path in output.rglob("progress.json")]
        judged = {
            note[0] for costs in notes for kind in costs if kind.startswith(("judged", "predicted")) for note in costs[kind]
        }
        assert judged == {(folds == 0).sum()} and all(
            0 < n <= (folds != 0).sum() for c in notes for n, *_ in c.get("trained", [])
        )

    def test_a_projection_is_made_of_them(self, tried):
        cost = TrainingCost(tuple(read_costs(tried[0])), {0: FoldSize(1000, 100), 1: FoldSize(1000, 100)})
        assert 0 < cost.once + max(cost.folds.values()) == cost.longest < cost.total and all(cost.output.values())
