"""What is to be trained as plain data; what came of it, in order; what no time was left for, by name."""

import json
import pickle
import warnings
from dataclasses import asdict

import numpy as np
import pond_contest
import pytest

from kaggle_utils.errors import KitError
from kaggle_utils.tasks.jobs import Order, chosen_folds, orders, run_orders, side_by_side
from kaggle_utils.tasks.runs import Job

MEMBERS = {"unet": {"lr": 0.1, "size": [96, 64]}, "pan": {"lr": 0.2}}


def in_turn(wanted, train):
    return [train(order, devices=("cpu",)) for order in wanted]


def lr_of(order, devices, scale=1.0):
    """What trains in these tests."""
    return order.title, devices, scale * order.parameters["lr"]


class TestOrders:
    def test_every_member_is_trained_without_every_fold(self):
        found = orders("ponds", MEMBERS, [2, 0])
        assert [one.title for one in found] == ["unet fold 2", "unet fold 0", "pan fold 2", "pan fold 0"]
        assert [one.parameters["lr"] for one in found] == [0.1, 0.1, 0.2, 0.2] and {one.competition for one in found} == {
            "ponds"
        }

    def test_an_order_is_plain_and_may_be_sent_anywhere(self):
        for one in orders("ponds", MEMBERS, [0]):
            assert Order(**json.loads(json.dumps(asdict(one)))) == one == pickle.loads(pickle.dumps(one))

    def test_a_competition_that_is_a_module_goes_to_a_process_by_its_name(self):
        assert pickle.loads(pickle.dumps({"competition": pond_contest}))["competition"] is pond_contest


class TestFolds:
    @pytest.mark.parametrize(
        ("choice", "expected"),
        [({}, [0, 1, 2]), ({"fold": 1}, [1]), ({"fold": 0}, [0]), ({"folds": [2, 0]}, [0, 2]), ({"folds": [1, 1]}, [1]),
         ({"fold": 1, "folds": [0, 2]}, [1])],
    )  # fmt: skip
    def test_one_some_or_all_are_trained(self, choice, expected):
        assert chosen_folds(np.array([2, 0, 1, 1, -1, 0]), **choice) == expected

    @pytest.mark.parametrize("choice", [{"fold": 5}, {"fold": -1}, {"folds": [0, 5]}, {"folds": []}, {"folds": [-1]}])
    def test_others_are_refused_with_those_there_are(self, choice):
        with pytest.raises(ValueError, match=r"folds to train are \[.*\], expected some of \[0, 1\]"):
            chosen_folds([0, 1, -1], **choice)

    def test_where_no_item_is_ever_left_out_nothing_can_be_trained(self):
        with pytest.raises(ValueError, match=r"folds to train are \[\], expected some of \[\]"):
            chosen_folds([-1, -1])


class TestRunning:
    WANTED = orders("ponds", MEMBERS, [0, 1])

    def test_results_come_in_the_order_of_the_orders(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = run_orders(self.WANTED, lr_of, in_turn, scale=10.0)
        assert [title for title, _, _ in found] == [one.title for one in self.WANTED]
        assert [value for _, _, value in found] == pytest.approx([1.0, 1.0, 2.0, 2.0])

    def test_what_no_time_was_left_for_is_warned_of_by_name(self):
        def late(order, devices):
            return None if order.title in ("unet fold 1", "pan fold 0") else order.title

        with pytest.warns(UserWarning, match="no time was left to train unet fold 1, pan fold 0: push the missing folds"):
            assert run_orders(self.WANTED, late, in_turn) == ["unet fold 0", "pan fold 1"]

    def test_when_that_is_everything_it_is_an_error(self):
        with pytest.raises(KitError, match="no time was left to train unet fold 0, unet fold 1, pan fold 0, pan fold 1"):
            run_orders(self.WANTED, lambda order, devices: None, in_turn)

    def test_a_result_that_is_false_is_still_a_result(self):
        assert run_orders(self.WANTED, lambda order, devices: 0.0, in_turn) == [0.0] * 4

    def test_what_runs_orders_must_answer_each(self):
        with pytest.raises(ValueError):
            run_orders(self.WANTED, lr_of, lambda wanted, train: [1, 2])


class TestSideBySide:
    @pytest.fixture(autouse=True)
    def torch(self):
        pytest.importorskip("torch")

    def test_a_single_device_takes_them_in_turn(self):
        found = run_orders(TestRunning.WANTED, lr_of, side_by_side(["cpu"]))
        assert [(title, devices) for title, devices, _ in found] == [(one.title, ("cpu",)) for one in TestRunning.WANTED]

    def test_a_single_order_has_all_devices(self):
        [(_, devices, _)] = run_orders(TestRunning.WANTED[:1], lr_of, side_by_side(["cpu", "meta"]))
        assert devices == ("cpu", "meta")

    def test_several_devices_are_processes_and_the_order_stays(self):
        found = run_orders(TestRunning.WANTED, lr_of, side_by_side(["cpu", "cpu"]), scale=2.0)
        assert [title for title, _, _ in found] == [one.title for one in TestRunning.WANTED]
        assert {devices for _, devices, _ in found} == {("cpu",)}


def test_an_order_and_what_came_of_it_are_called_alike():
    assert Order("ponds", "unet", 3).title == Job("unet", 3, (), 0, 0, "", {}, {}, {}).title == "unet fold 3"


def test_folds_are_trained_in_ascending_order_however_they_are_named():
    assert chosen_folds([0, 1, 2], folds=[2, 0]) == [0, 2]
