"""The trainer: it learns, and resumes after a kill to the same result."""

import json
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from training_fixtures import (  # noqa: E402
    BCE,
    ROWS,
    SHORT,
    Halves,
    Session,
    accuracy,
    brier,
    equal,
    halves_fold,
    one_thread,  # noqa: F401
    small_model,
    tried,
    weights,
    worse,
)

from kaggle_utils.learning.batches import Fold  # noqa: E402
from kaggle_utils.learning.checkpoints import load_weights  # noqa: E402
from kaggle_utils.learning.parameters import TrainingParameters  # noqa: E402
from kaggle_utils.learning.trainer import train  # noqa: E402


class Killed(BaseException):
    """What ends a process in the middle of things."""


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
        outcome = tried(tmp_path, metric=lambda p: {"s": np.float64(0.4)}, facts={"size": (4, 8)})
        assert (outcome.best, outcome.best_epoch, outcome.history[0]["none"]) == (0.5, 1, None)

    @pytest.mark.parametrize("ended", [True, False])
    def test_other_rows_or_facts_are_another_training(self, tmp_path, ended):
        """Else a killed training would go on with rows that it is judged on now."""
        tried(tmp_path, epochs=2, facts={"loss": "bce"}, seconds_left=(lambda: 1e9) if ended else Session(7))
        assert (tmp_path / "done.json").exists() == ended and (tmp_path / "resume.pth").exists() != ended
        with pytest.raises(ValueError, match="facts.loss='bce', now 'dice'"):
            tried(tmp_path, epochs=2, facts={"loss": "dice"})
        with pytest.raises(ValueError, match="rows="):
            tried(tmp_path, epochs=2, facts={"loss": "bce"}, fold=Fold(Halves(), range(16, ROWS), range(16)))

    def test_a_score_that_is_no_number_is_named(self, tmp_path):
        with pytest.raises(FloatingPointError, match="metric's dice is nan in epoch 1"):
            tried(tmp_path, metric=lambda p: {"dice": math.nan})

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
        assert len(json.loads((tmp_path / "progress.json").read_text())["history"]) == 4

    def test_what_it_cost_lies_beside_the_weights(self, tmp_path):
        tried(tmp_path, epochs=3)
        record = json.loads((tmp_path / "progress.json").read_text())
        assert record["epochs"] == 3 and set(record["costs"]) == {"trained", "judged", "written"}
        assert [note[0] for note in record["costs"]["trained"]] == [len(halves_fold().train)] * 3
        assert [note[0] for note in record["costs"]["judged"]] == [len(halves_fold().valid)] * 3
        assert all(seconds > 0 for notes in record["costs"].values() for _, seconds, _ in notes)
        assert record["costs"]["written"][0][2] == sum((tmp_path / f"{name}.pth").stat().st_size for name in ("best", "last"))

    def test_a_trial_ends_early_and_tells_of_the_whole(self, tmp_path):
        outcome = tried(tmp_path, epochs=40, trial=2)
        record = json.loads((tmp_path / "progress.json").read_text())
        assert (outcome.stopped, len(outcome.history), outcome.finished) == ("a trial of 2 epochs", 2, True)
        assert record["epochs"] == 40 and len(record["costs"]["trained"]) == 2


@pytest.mark.parametrize(("changes", "match"), [
    ({"schedule": "cos"}, "'cos'.*cosine"), ({"optimizer": "Lion"}, "AdamW"), ({"batch": 0}, "batch is 0"), ({"ema": 1.0}, "ema is 1.0"),
])  # fmt: skip
def test_parameters_that_make_no_sense_are_named(changes, match):
    with pytest.raises(ValueError, match=match):
        TrainingParameters(**changes)
