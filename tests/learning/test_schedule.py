"""When a training slows down, thaws and ends: schedules, freezing over epochs, the deadline."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training_fixtures import Halves, equal, one_thread, small_model, tried, weights  # noqa: E402, F401

from kaggle_utils.learning.batches import Fold  # noqa: E402
from kaggle_utils.learning.checkpoints import load_weights  # noqa: E402
from kaggle_utils.learning.parameters import TrainingParameters  # noqa: E402
from kaggle_utils.learning.schedule import (  # noqa: E402
    block_names,
    learning_mode,
    open_blocks,
    parameter_groups,  # noqa: E402
)


class TestSchedules:
    def rates(self, folder, **changes) -> list[float]:
        return [epoch["lr"] for epoch in tried(folder, **changes).history]

    def test_the_cosine_ends_at_a_hundredth(self, tmp_path):
        rates = self.rates(tmp_path)
        assert rates == sorted(rates, reverse=True) and rates[-1] == pytest.approx(1e-4)

    def test_a_plateau_halves_the_rate_when_the_score_stands_still(self, tmp_path):
        rates = self.rates(tmp_path, metric=lambda p: {"s": 0.5}, schedule="plateau", plateau=(1, 0.5), epochs=6)
        assert rates == pytest.approx([0.01, 0.01, 0.01, 0.005, 0.005, 0.0025])

    @pytest.mark.parametrize(("seed", "patience", "factor"), [(0, 0, 0.5), (1, 1, 0.5), (2, 2, 0.25), (3, 1, 0.3)])
    def test_a_plateau_of_any_scores_is_left_as_the_rule_says(self, tmp_path, seed, patience, factor):
        scores = np.random.default_rng(seed).integers(-3, 4, 24) / 4  # with ties, which are no better score
        told = iter(scores)
        settings = {"schedule": "plateau", "plateau": (patience, factor), "epochs": len(scores)}
        rates = self.rates(tmp_path, metric=lambda p: {"s": next(told)}, **settings)
        rate, stale, expected = 0.01, 0, []
        for epoch, score in enumerate(scores):
            expected.append(rate)
            stale = 0 if epoch == 0 or score > scores[:epoch].max() else stale + 1
            if stale > patience:
                rate, stale = rate * factor, 0
        assert rates == expected and rates[-1] < 0.01

    def test_a_plateau_that_lowers_nothing_is_refused(self):
        with pytest.raises(ValueError, match="by a factor of 1, expected one above 0 and below 1"):
            TrainingParameters(plateau=(2, 1))

    def test_patience_ends_it(self, tmp_path):
        scores = iter([0.5, 0.7, 0.6, 0.6, 0.9])
        outcome = tried(tmp_path, metric=lambda p: {"s": next(scores)}, patience=2, epochs=9)
        assert outcome.stopped == "no better score in 2 epochs" and len(outcome.history) == 4 and outcome.finished

    def test_parts_learn_at_their_own_rate(self):
        groups = parameter_groups(small_model(), 0.1, {"0": 0.5, "0.3": 0.1}, 0.01)
        shapes = {round(g["base_lr"], 3): [tuple(p.shape) for p in g["params"]] for g in groups if g["weight_decay"]}
        assert shapes == {0.05: [(4, 1, 3, 3)], 0.01: [(4, 4, 3, 3)], 0.1: [(1, 128)]}

    def test_a_rate_for_nothing_is_named(self):
        with pytest.raises(ValueError, match="'encoder'.*'0', '1'"):
            parameter_groups(small_model(), 0.1, {"encoder": 0.5}, 0.01)


class TestFreezing:
    def test_a_frozen_encoder_keeps_weights_and_statistics_until_it_is_opened(self, tmp_path):
        start, states = small_model().state_dict(), []

        def note(epoch):
            states.append({n: t.clone() for n, t in epoch.model.state_dict().items()})

        tried(tmp_path, encoder="0", opened={0: "none", 2: 1, 3: "all"}, callbacks=[note])
        part = [{n: t for n, t in s.items() if n.startswith("0.")} for s in (start, *states)]
        assert equal(part[0], part[1]) and equal(part[1], part[2])
        moved = [n for n in part[2] if not torch.equal(part[2][n], part[3][n])]
        assert moved == ["0.3.weight", "0.3.bias"] and not torch.equal(part[3]["0.0.weight"], part[4]["0.0.weight"])
        assert not torch.equal(start["1.2.weight"], states[0]["1.2.weight"])

    def test_epochs_may_be_texts_as_json_makes_them(self):
        assert TrainingParameters(opened={"0": "none", "2": 1}) == TrainingParameters(opened={0: "none", 2: 1})
        with pytest.raises(ValueError, match="opened has the key 'first', expected the number of an epoch"):
            TrainingParameters(opened={"first": "none"})

    def test_blocks_are_opened_by_name(self):
        model = small_model()
        assert open_blocks(model, "0", "0,3") == ["0.0", "0.3"] and block_names(model, "0") == ["0.0", "0.1", "0.3"]
        assert not model[0][1].weight.requires_grad and not learning_mode(model)[0][1].training

    @pytest.mark.parametrize(("encoder", "which", "match"), [("0", "9", "0.0, 0.1, 0.3"), ("body", "all", "no part 'body'")])
    def test_what_is_not_there_is_named(self, encoder, which, match):
        with pytest.raises(ValueError, match=match):
            open_blocks(small_model(), encoder, which)


class TestDeadline:
    def test_no_epoch_is_begun_that_would_not_end_in_time(self, tmp_path, monkeypatch):
        clock = Clock(monkeypatch, seconds_a_batch=1)  # 4 batches and the metric's 2: an epoch takes 4 s, or a little more
        outcome = tried(tmp_path, fold=clock.fold(), seconds_left=clock.left(14), reserve=2.0)
        assert not outcome.finished and len(outcome.history) == 2 and "the deadline" in outcome.stopped
        assert (tmp_path / "resume.pth").is_file() and not (tmp_path / "done.json").exists()

    def test_the_next_session_goes_on_to_the_same_result(self, tmp_path, monkeypatch):
        whole = tried(tmp_path / "whole")
        clock = Clock(monkeypatch, seconds_a_batch=1)
        tried(tmp_path / "cut", fold=clock.fold(), seconds_left=clock.left(14), reserve=2.0)
        assert tried(tmp_path / "cut").history == whole.history
        assert equal(weights(tmp_path / "cut" / "best.pth"), weights(tmp_path / "whole" / "best.pth"))

    def test_a_first_epoch_that_takes_too_long_is_cut_and_judged(self, tmp_path, monkeypatch):
        clock = Clock(monkeypatch, seconds_a_batch=10)
        outcome = tried(tmp_path, fold=clock.fold(), seconds_left=clock.left(25), reserve=2.0)
        assert outcome.stopped == "the deadline, within epoch 1" and not outcome.finished
        assert outcome.history[0]["whole"] is False and (tmp_path / "best.pth").is_file()

    def test_an_epoch_cut_short_is_never_the_best_when_a_whole_one_was_judged(self, tmp_path, monkeypatch):
        clock, scores = Clock(monkeypatch, seconds_a_batch=1), iter([0.5, 0.9])

        def slower(_):
            clock.step = 1.0  # from the second epoch on
            return {"s": next(scores)}

        outcome = tried(tmp_path, fold=clock.fold(), metric=slower, seconds_left=clock.left(14), reserve=2.0)
        assert [e["whole"] for e in outcome.history] == [True, False] and (outcome.best, outcome.best_epoch) == (0.5, 1)
        assert load_weights(tmp_path / "best.pth")["s"] == 0.5 and load_weights(tmp_path / "last.pth")["s"] == 0.9

    def test_no_time_at_all_trains_nothing(self, tmp_path):
        outcome = tried(tmp_path, seconds_left=lambda: 1.0)
        assert outcome.best is None and outcome.history == [] and "0 s to use after 0 epochs" in outcome.stopped


class Clock:
    """A clock that moves when training examples are made, 8 of them a batch."""

    def __init__(self, monkeypatch, seconds_a_batch: float) -> None:
        self.now, self.step = 0.0, seconds_a_batch / 8
        monkeypatch.setattr("kaggle_utils.learning.trainer.time.monotonic", lambda: self.now)

    def left(self, seconds: float):
        return lambda: seconds - self.now

    def fold(self) -> Fold:
        clock = self

        class Slow(Halves):
            def __getitem__(self, key):
                clock.now += clock.step if key[1] is not None else 0
                return super().__getitem__(key)

        return Fold(Slow(), range(32), range(32, 48))
