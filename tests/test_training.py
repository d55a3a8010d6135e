"""The trainer: it learns, resumes to the same result, ends in time, and leaves nothing behind."""

import gc
import json
import math
import weakref

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from training_fixtures import Halves, accuracy, brier, halves_fold, small_model  # noqa: E402

from kaggle_utils.batches import in_order, shuffled  # noqa: E402
from kaggle_utils.checkpoints import load_weights  # noqa: E402
from kaggle_utils.fold_runs import each_fold  # noqa: E402
from kaggle_utils.freezing import block_names, learning_mode, open_blocks  # noqa: E402
from kaggle_utils.inference import predict, probabilities  # noqa: E402
from kaggle_utils.rates import parameter_groups  # noqa: E402
from kaggle_utils.training import Fold, TrainingParameters, train  # noqa: E402

BCE = nn.functional.binary_cross_entropy_with_logits
SHORT = {"epochs": 4, "batch": 8, "lr": 0.01}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Tiny tensors: threads that wait for one another cost more than they bring."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Killed(BaseException):
    """What ends a process in the middle of things."""


def weights(path) -> dict[str, torch.Tensor]:
    return load_weights(path)["state"]


def worse(predictions) -> dict[str, float]:
    """A score that falls as the model learns, so that the first epoch stays the best."""
    return {"worse": -brier(predictions)["brier"]}


def equal(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def tried(folder, model=None, metric=brier, fold=None, **changes):
    options = {k: changes.pop(k) for k in ("callbacks", "seconds_left", "mix", "facts", "progress") if k in changes}
    parameters = TrainingParameters(**SHORT | changes)
    return train(model or small_model(), BCE, fold or halves_fold(), metric, folder, parameters, **options)


class TestLearning:
    def test_it_learns(self, tmp_path):
        outcome = tried(tmp_path, metric=accuracy, epochs=12)
        assert outcome.best >= 0.9 and outcome.finished and outcome.stopped == "all 12 epochs"
        assert outcome.history[-1]["loss"] < outcome.history[0]["loss"] / 2

    def test_best_and_last_lie_there_with_their_facts_and_the_best_comes_back(self, tmp_path):
        model, scores = small_model(), iter([0.2, 0.6, 0.4])
        outcome = tried(tmp_path, model, lambda p: {"score": next(scores)}, epochs=3, facts={"size": [4, 8]})
        best, last = load_weights(tmp_path / "best.pth"), load_weights(tmp_path / "last.pth")
        assert (best["epoch"], last["epoch"], best["score"], best["size"]) == (2, 3, 0.6, [4, 8])
        assert (outcome.best, outcome.best_epoch) == (0.6, 2) and best["parameters"]["lr"] == 0.01
        assert equal(model.state_dict(), best["state"]) and not equal(best["state"], last["state"])

    def test_the_metric_sees_the_rows_left_out_and_no_augmentation(self, tmp_path):
        fold, seen = halves_fold(), []
        tried(tmp_path, fold=fold, epochs=1, metric=lambda p: {"s": len([seen.extend(rows.tolist()) for rows, _ in p])})
        assert seen == list(fold.valid)
        assert all((draw is None) == (row in fold.valid) for row, draw in fold.examples.asked)

    @pytest.mark.parametrize(("large", "small"), [((8, 1), (2, 4)), ((32, 1), (8, 8))])
    def test_accumulated_small_batches_make_the_step_of_a_large_one(self, tmp_path, large, small):
        def plain_model():
            torch.manual_seed(0)
            return nn.Sequential(nn.Flatten(), nn.Linear(32, 1))

        for batch, accumulate in (large, small):
            folder = tmp_path / str(batch)
            tried(folder, plain_model(), batch=batch, accumulate=accumulate, optimizer="SGD", warmup_epochs=0)
        one, other = (weights(tmp_path / str(batch) / "last.pth") for batch, _ in (large, small))
        assert all(torch.allclose(one[name], other[name], atol=1e-6) for name in one)

    def test_the_mean_of_weights_is_what_is_judged_and_kept(self, tmp_path):
        kept = []
        model = small_model()
        tried(tmp_path, model, ema=0.9, epochs=1, callbacks=[lambda epoch: kept.append(epoch.model)])
        assert kept[0] is not model and equal(kept[0].state_dict(), weights(tmp_path / "last.pth"))

    def test_a_long_mean_does_not_cling_to_the_first_weights(self, tmp_path):
        model, states = small_model(), {}
        states["start"] = [p.detach().clone() for p in model.parameters()]

        def note(epoch):
            states["mean"], states["now"] = ([p.detach().clone() for p in m.parameters()] for m in (epoch.model, model))

        tried(tmp_path, model, ema=0.9999, epochs=1, callbacks=[note])
        start, mean, now = (torch.cat([p.flatten() for p in states[name]]) for name in ("start", "mean", "now"))
        assert (mean - start).norm() > 0.5 * (now - start).norm()

    def test_a_decay_of_nothing_follows_at_once(self, tmp_path):
        tried(tmp_path / "mean", ema=1e-12, epochs=2)
        tried(tmp_path / "plain", epochs=2)
        mean, plain = (weights(tmp_path / name / "last.pth") for name in ("mean", "plain"))
        assert all(torch.allclose(mean[name].double(), plain[name].double(), atol=1e-6) for name in mean)

    def test_a_callback_is_told_every_epoch(self, tmp_path):
        told = []
        outcome = tried(tmp_path, callbacks=[lambda e: told.append((e.number, e.figures["brier"], e.better))])
        assert [t[:2] for t in told] == [(h["epoch"], h["brier"]) for h in outcome.history] and told[0][2]

    def test_a_batch_can_be_mixed(self, tmp_path):
        def silence(inputs, targets, generator):
            return inputs * 0, targets

        assert tried(tmp_path, mix=silence, epochs=1).history[0]["loss"] > 0.5

    def test_a_model_may_answer_with_a_pair(self, tmp_path):
        class Pair(nn.Module):
            def __init__(self):
                super().__init__()
                self.body = small_model()

            def forward(self, x):
                return self.body(x), self.body(x) * 0

        def loss(outputs, target):
            return BCE(outputs[0], target)

        def metric(predictions):
            return {"half": float(np.concatenate([pair[1] for _, pair in predictions]).mean())}

        parameters = TrainingParameters(**SHORT | {"epochs": 1})
        assert train(Pair(), loss, halves_fold(), metric, tmp_path, parameters).best == 0.5

    def test_a_gradient_is_cut_to_its_length(self, tmp_path):
        steps = {}
        for clip in (0.0, 1e-3):
            model = small_model()
            start = torch.cat([p.detach().clone().flatten() for p in model.parameters()])
            tried(tmp_path / str(clip), model, epochs=1, optimizer="SGD", schedule="constant", weight_decay=0.0, clip=clip)
            steps[clip] = (torch.cat([p.detach().flatten() for p in model.parameters()]) - start).norm().item()
        # four steps with momentum .9 and rate .01 of length 1e-3 at most: 1 + 1.9 + 2.71 + 3.439 = 9.049
        assert steps[1e-3] <= 0.01 * 1e-3 * 9.049 * 1.001 and steps[0.0] > 10 * steps[1e-3]

    def test_a_loss_that_is_no_number_is_an_error_with_advice(self, tmp_path):
        with pytest.raises(FloatingPointError, match="epoch 1.*lower lr=0.01"):
            train(small_model(), lambda o, t: o.sum() * math.nan, halves_fold(), brier, tmp_path, TrainingParameters(**SHORT))


class TestSchedules:
    def rates(self, folder, **changes) -> list[float]:
        return [epoch["lr"] for epoch in tried(folder, **changes).history]

    def test_the_cosine_ends_at_a_hundredth(self, tmp_path):
        rates = self.rates(tmp_path)
        assert rates == sorted(rates, reverse=True) and rates[-1] == pytest.approx(1e-4)

    def test_a_plateau_halves_the_rate_when_the_score_stands_still(self, tmp_path):
        rates = self.rates(tmp_path, metric=lambda p: {"s": 0.5}, schedule="plateau", plateau=(1, 0.5), epochs=6)
        assert rates == pytest.approx([0.01, 0.01, 0.01, 0.005, 0.005, 0.0025])

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

    def test_blocks_are_opened_by_name(self):
        model = small_model()
        assert open_blocks(model, "0", "0,3") == ["0.0", "0.3"] and block_names(model, "0") == ["0.0", "0.1", "0.3"]
        assert not model[0][1].weight.requires_grad and not learning_mode(model)[0][1].training

    @pytest.mark.parametrize(("encoder", "which", "match"), [("0", "9", "0.0, 0.1, 0.3"), ("body", "all", "no part 'body'")])
    def test_what_is_not_there_is_named(self, encoder, which, match):
        with pytest.raises(ValueError, match=match):
            open_blocks(small_model(), encoder, which)


class TestResuming:
    @pytest.mark.parametrize("changes", [
        {},
        {"ema": 0.9, "accumulate": 2},
        {"schedule": "plateau", "plateau": (1, 0.5), "metric": worse},
        {"optimizer": "SGD", "encoder": "0", "opened": {0: "none", 2: "all"}},
    ])  # fmt: skip
    @pytest.mark.parametrize("epoch", [1, 3])
    def test_a_training_killed_within_an_epoch_ends_with_the_same_bits(self, tmp_path, changes, epoch):
        whole = tried(tmp_path / "whole", **changes)

        class Dies(Halves):
            def __getitem__(self, key):
                if len(self.asked) == (epoch - 1) * 48 + 20:
                    raise Killed
                return super().__getitem__(key)

        with pytest.raises(Killed):
            tried(tmp_path / "killed", fold=Fold(Dies(), range(32), range(32, 48)), **changes)
        torch.manual_seed(99)  # another process
        resumed = tried(tmp_path / "killed", small_model(seed=5) if epoch > 1 else None, **changes)
        assert resumed.history == whole.history
        for name in ("best.pth", "last.pth"):
            assert equal(weights(tmp_path / "whole" / name), weights(tmp_path / "killed" / name))

    def test_workers_change_nothing(self, tmp_path):
        alone, helped = tried(tmp_path / "0", epochs=2), tried(tmp_path / "2", epochs=2, workers=2)
        assert alone.history == helped.history

    def test_numpys_numbers_do_not_spoil_the_files(self, tmp_path):
        def dies_later(_):
            if (tmp_path / "resume.pth").exists():
                raise Killed
            return {"s": np.float64(0.5), "none": np.nan}

        with pytest.raises(Killed):
            tried(tmp_path, metric=dies_later, facts={"size": np.array([4, 8])})
        assert load_weights(tmp_path / "last.pth")["size"] == [4, 8]
        outcome = tried(tmp_path, metric=lambda p: {"s": np.float64(0.4)})
        assert (outcome.best, outcome.best_epoch, outcome.history[0]["none"]) == (0.5, 1, None)

    def test_another_seed_changes_it(self, tmp_path):
        assert tried(tmp_path / "0", epochs=1).history != tried(tmp_path / "1", epochs=1, seed=1).history

    def test_what_is_done_is_not_done_again(self, tmp_path):
        first, fold, model = tried(tmp_path), halves_fold(), small_model(seed=3)
        assert tried(tmp_path, model, fold=fold) == first and fold.examples.asked == []
        assert equal(model.state_dict(), weights(tmp_path / "best.pth")) and not (tmp_path / "resume.pth").exists()

    def test_other_parameters_are_refused_in_the_same_folder_and_the_machines_are_not(self, tmp_path):
        tried(tmp_path, epochs=1)
        with pytest.raises(ValueError, match=r"lr=0.01, now 0.1"):
            tried(tmp_path, epochs=1, lr=0.1)
        assert tried(tmp_path, epochs=1, reserve=1.0).finished

    def test_no_half_written_file_is_left(self, tmp_path):
        tried(tmp_path)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["best.pth", "done.json", "last.pth", "progress.json"]
        assert len(json.loads((tmp_path / "progress.json").read_text())) == 4


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
        monkeypatch.setattr("kaggle_utils.training.time.monotonic", lambda: self.now)

    def left(self, seconds: float):
        return lambda: seconds - self.now

    def fold(self) -> Fold:
        clock = self

        class Slow(Halves):
            def __getitem__(self, key):
                clock.now += clock.step if key[1] is not None else 0
                return super().__getitem__(key)

        return Fold(Slow(), range(32), range(32, 48))


class TestFolds:
    def test_no_model_of_a_fold_survives_into_the_next(self, tmp_path):
        seen: list[weakref.ref] = []

        def run(fold, device):
            assert [ref() for ref in seen] == [None] * len(seen)
            model = small_model()
            seen.extend(weakref.ref(p) for p in model.parameters())
            ring = [model]
            ring.append(ring)  # what holds itself goes only when it is looked for
            return tried(tmp_path / str(fold), model, epochs=1, ema=0.5,
                         callbacks=[lambda e: seen.append(weakref.ref(e.model))]).best  # fmt: skip

        assert len(each_fold([0, 1, 2], run)) == 3
        gc.collect()
        assert len(seen) == 3 * 9 and all(ref() is None for ref in seen)

    def test_an_answer_that_holds_its_model_is_caught_by_the_same_test(self):
        answers = each_fold([0], lambda fold, device: small_model())
        assert weakref.ref(answers[0])() is not None

    def test_side_by_side_each_device_has_one_fold_at_a_time(self):
        import threading

        busy, meet = [], threading.Barrier(2, timeout=10)

        def run(fold, device):
            assert device not in busy
            busy.append(device)
            meet.wait()  # passes only if two run at once
            busy.remove(device)
            return fold, device

        answers = each_fold([0, 1, 2, 3], run, devices=["cpu", "cpu:0"])
        assert [fold for fold, _ in answers] == [0, 1, 2, 3] and {device for _, device in answers} == {"cpu", "cpu:0"}

    def test_an_error_names_itself(self):
        with pytest.raises(ZeroDivisionError):
            each_fold([0, 1], lambda fold, device: 1 // fold, devices=["cpu", "cpu:0"])


class TestBatches:
    def test_every_row_comes_once_in_an_order_that_epoch_and_seed_decide(self):
        def epoch(seed, number, rows=range(7)):
            loader = shuffled(Halves(), rows, batch=3, seed=seed)
            loader.batch_sampler.epoch = number
            return [rows.tolist() for rows, _ in loader]

        first = epoch(0, 0)
        assert sorted(sum(first, [])) == list(range(7)) and [len(b) for b in first] == [2, 3, 2]
        assert first == epoch(0, 0, rows=[6, 5, 4, 3, 2, 1, 0]) and first != epoch(0, 1) and first != epoch(1, 0)

    def test_no_batch_has_a_single_row(self):
        assert min(len(rows) for rows, _ in shuffled(Halves(), range(17), batch=16, seed=0)) == 8

    def test_predictions_come_in_the_order_of_rows(self):
        model = small_model()
        parts = list(predict(model, Halves(), [9, 2, 5], batch=2))
        assert np.concatenate([rows for rows, _ in parts]).tolist() == [2, 5, 9]
        images = torch.stack([torch.from_numpy(Halves()[row, None][0]) for row in (2, 5, 9)])
        with torch.no_grad():
            assert np.allclose(np.concatenate([p for _, p in parts]), probabilities(model.eval(), images).numpy(), atol=1e-6)

    def test_no_rows_are_refused(self):
        with pytest.raises(ValueError, match="at least one"):
            in_order(Halves(), [], batch=2)


@pytest.mark.parametrize(("changes", "match"), [
    ({"schedule": "cos"}, "'cos'.*cosine"), ({"optimizer": "Adam"}, "AdamW"), ({"batch": 0}, "batch is 0"), ({"ema": 1.0}, "ema is 1.0"),
])  # fmt: skip
def test_parameters_that_make_no_sense_are_named(changes, match):
    with pytest.raises(ValueError, match=match):
        TrainingParameters(**changes)
