"""A stage is opened and closed the same way everywhere; its own earlier output, attached, is taken over."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from toy_boxes import Squares

from kaggle_utils.evidence import diary
from kaggle_utils.evidence.candidates import Candidate, Choice, Ground
from kaggle_utils.platform import runtime, source
from kaggle_utils.platform.runtime import NotAttached
from kaggle_utils.platform.stages import open_stage, restore
from kaggle_utils.tasks.decisions import Worth
from kaggle_utils.tasks.runs import Job, PredictionSet, write_folds


@dataclass(frozen=True)
class Parameters:
    lr: float = 0.1

    def plain(self):
        return {"lr": self.lr}

    def changed(self):
        return {} if self.lr == 0.1 else self.plain()


class Untaught:
    """A kind whose training writes a line in place of weights; it notes what it was asked."""

    METRIC = "F2"

    def train(self, competition, items, fold_of_item, wanted, output, *, cache, run, seconds_left, progress):
        self.wanted = [order.title for order in wanted]
        self.asked = {"items": len(items), "cache": cache, "seconds_left": seconds_left, "progress": progress}
        return run(wanted, lambda order, devices: self._job(competition, items, fold_of_item, order, output))

    def _job(self, competition, items, fold_of_item, order, output):
        path, one = output / order.member / order.place / "best.pth", PredictionSet(order.member, "identity")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{order.title} {order.parameters}")
        names = items.table[competition.KEY][order.left_out(fold_of_item)]
        sets = {one.name: (one, ())} if len(names) else {}
        return Job(
            order.member, order.fold, names, 0.5, 1.0, "", {"best": path}, sets, order.parameters, origin=order.origin,
            best_epochs=(order.fold + 4,),
        )  # fmt: skip

    def out_of_fold(self, competition, items, runs, folds, cache, progress):
        return runs.fold_of_item(items.table[competition.KEY]).tolist(), folds["part"].tolist()

    def predictor(self, competition, runs, decision, device, models):
        return SimpleNamespace(folds=runs.folds_of(models), decision=decision, device=device)


class Tides(Squares):
    NAME, SLUG, KIND, SAMPLE = "tides", "of-tides", Untaught(), {"lr": 0.5}


@dataclass(frozen=True)
class Cut:
    """A decision."""

    cut: float
    sets: tuple[str, ...] = ("calm_identity",)

    def plain(self):
        return {"cut": self.cut, "sets": list(self.sets)}

    def told(self):
        return {"cut": self.cut}


def choice(*gains: int) -> Choice:
    """Of eight units in two parts, ten hits each: a baseline of 7, and what hits so many more."""
    hits = np.array([[7, 10], [6, 10], [8, 10], [7, 10]] * 2)
    ground = Ground(np.repeat([0, 1], 4), np.arange(8), lambda sums: sums[:, 0] / sums[:, 1], "f2")
    plain, *others = (Candidate(Cut(0.5 + gain), 0.9, one, {0: one, 1: one}) for gain in (0, *gains) for one in [hits + [gain, 0]])
    chosen = Choice(ground, "plain", plain)
    for gain, other in zip(gains, others, strict=True):
        chosen.step("more", {f"{gain} more": other})
    return chosen


@pytest.fixture
def kaggle(kaggle) -> Path:
    """A batch session with the competition attached, and the outputs of its first stage."""
    folder = Tides().make_sample(kaggle / "input/competitions/of-tides")
    first = kaggle / "input/notebooks/me/tides-1-eda"
    first.mkdir(parents=True)
    folded(Tides().load(folder), first)
    return kaggle


def folded(items, folder: Path) -> None:
    """folds.csv as 1_eda leaves it: each video a fold, of which halves are parts."""
    table = items.table.assign(fold=items.table["video_id"], part=range(len(items)), weather="NA")
    write_folds(folder / "folds.csv", table[["name", "fold", "part", "weather"]].iloc[::-1])


def trained(lr: float = 0.1, **choice):
    pytest.importorskip("torch")
    stage = open_stage(Tides(), "2_train")
    stage.train({"calm": Parameters(lr)}, stage.chosen_folds(**choice))
    return stage


def decided(*gains: int):
    stage = open_stage(Tides(), "3_decide")
    stage.decide(choice(*gains), remarks=["a remark"])
    return stage


class TestAtHome:
    @pytest.fixture(autouse=True)
    def eda(self, home):
        stage = open_stage(Tides(), "1_eda")
        folded(stage.items, stage.output)

    def test_without_data_a_sample_is_made_and_said_to_be_one(self, home, capsys):
        stage = open_stage(Tides(), "2_train")
        assert "THE BUILT-IN SAMPLE" in capsys.readouterr().out
        assert stage.files.folder == Path("runs/samples/tides") and stage.sample and stage.preset == {"lr": 0.5}
        assert stage.output == Path("runs/tides-sample/2_train") and stage.output.is_dir() and stage.device == "cpu"
        assert len(stage.items) == 12 and stage.cache == Path("runs/temp/tides")

    def test_with_data_there_is_no_sample_and_no_preset(self, home, monkeypatch):
        monkeypatch.setenv("KAGGLE_UTILS_INPUT", str(Tides().make_sample(home / "data" / "of-tides").parent))
        stage = open_stage(Tides(), "1_eda")
        assert stage.files.folder == home / "data" / "of-tides" and not stage.sample and stage.preset == {}

    def test_a_choice_beats_the_sample_and_that_the_default(self):
        stage = open_stage(Tides(), "1_eda")
        values = [stage.value("lr", {"lr": 0.1, **more}, default=0.1) for more in ({}, {"lr": 0.2}, {"injected": ("lr",)})]
        assert values == [0.5, 0.2, 0.1] and stage.value("other", {"other": 3}, default=3) == 3

    def test_what_a_sample_takes_stands_between_the_default_and_the_members(self):
        stage = open_stage(Squares(), "2_train")
        members = stage.members({"members": {"a": {}, "b": {"lr": 0.5}}})
        table = stage.differing(members)
        assert list(table) == ["the default", "the sample's", "a", "b"] and table.loc["lr"].tolist()[-1] == 0.5
        assert table.loc["epochs", "the default"] == 20 and table.loc["epochs", "a"] == stage.preset["epochs"]

    def test_a_competition_may_be_named(self, home, monkeypatch):
        (home / "my_squares.py").write_text("from toy_boxes import Squares\n\nMINE = Squares()\n")
        monkeypatch.syspath_prepend(home)
        assert open_stage("my_squares:MINE", "1_eda").output == Path("runs/squares-sample/1_eda")

    def test_folds_are_read_in_the_order_of_the_items(self):
        stage = open_stage(Tides(), "2_train")
        assert stage.fold_of_item.tolist() == [0] * 6 + [1] * 6 and stage.folds["part"].tolist() == list(range(12))
        assert set(stage.folds["weather"]) == {"NA"} and stage.chosen_folds() == [0, 1] and stage.chosen_folds(fold=1) == [1]
        with pytest.raises(ValueError, match=r"folds to train are \[7\], expected some of \[0, 1\]"):
            stage.chosen_folds(fold=7)

    def test_a_training_leaves_a_run_with_its_source_and_what_was_changed(self):
        stage = trained(lr=0.3)
        assert stage.runs.facts == {
            "competition": "tides", "sample": True, "smoke": False, "data": stage.version, "changed": {"calm": {"lr": 0.3}},
        }  # fmt: skip
        assert stage.runs.folds == [0, 1] and stage.runs.parameters("calm") == {"lr": 0.3}
        assert stage.runs.judged_on(1) == tuple(f"1-{n}" for n in range(6))
        asked = Tides.KIND.asked
        assert asked == {"items": 12, "cache": stage.cache, "seconds_left": runtime.seconds_left, "progress": True}

    def test_outputs_of_several_kernels_are_one_training(self):
        output = trained(fold=0).output
        output.rename(output.with_name("2_train-fold0"))
        trained(fold=1)
        stage = open_stage(Tides(), "3_decide")
        assert [path.name for path in stage.trained] == ["2_train", "2_train-fold0"] and stage.runs.folds == [0, 1]
        assert stage.out_of_fold() == ([0] * 6 + [1] * 6, list(range(12)))

    def test_a_member_added_later_is_noted_beside_the_others(self):
        trained(lr=0.3)
        stage = open_stage(Tides(), "2_train")
        jobs = stage.train({"calm": Parameters(0.3), "wild": Parameters(0.5)}, [0, 1], full=True)
        assert [job.title for job in jobs] == [
            f"{name} {place}" for name in ("calm", "wild") for place in ("fold 0", "fold 1", "full")
        ]
        assert Tides.KIND.wanted == ["calm full", "wild full"] and len(stage.runs.jobs) == 6
        assert stage.runs.facts["changed"] == {"calm": {"lr": 0.3}, "wild": {"lr": 0.5}}
        assert stage.out_of_fold(jobs[3:5])[0] == [0] * 6 + [1] * 6 and stage.out_of_fold(jobs[:1])[0] == [0] * 6 + [-1] * 6

    def test_a_training_that_is_there_is_not_lost_to_other_parameters_folds_or_data(self):
        stage = trained()
        with pytest.raises(ValueError, match="calm/fold0 holds a training with lr=0.1, now 0.2: give the member another name"):
            trained(lr=0.2)
        folds = stage.output.parent / "1_eda" / "folds.csv"
        folds.write_text(folds.read_text().replace("1-5,1,", "1-5,0,"))
        with pytest.raises(ValueError, match="holds a training with split="):
            trained()
        (stage.files.folder / "more.csv").write_text("another table")
        with pytest.raises(ValueError, match="data is .* in what is trained and .* in this run"):
            trained()
        assert stage.runs.weights("calm")[0].read_text().startswith("calm fold 0")

    def test_a_smoke_run_has_its_own_folders_parameters_and_notes(self):
        trained()
        with pytest.raises(NotAttached, match="no output of stage 1_eda of tides-sample-smoke: run stage 1_eda"):
            open_stage(Tides(), "2_train", smoke=True).folds  # noqa: B018
        eda = open_stage(Tides(), "1_eda", smoke=True)
        folded(eda.items, eda.output)
        stage = open_stage(Tides(), "2_train", smoke=True)
        assert (
            stage.output == Path("runs/tides-sample-smoke/2_train")
            and stage.preset == Tides.SMOKE
            and stage.facts["smoke"] is True
        )
        stage.train({"calm": Parameters()}, [0])
        assert stage.close({}, {}, 0.5)["smoke"] is True
        assert open_stage(Tides(), "3_decide", smoke=True).runs.folds == [0] and open_stage(Tides(), "3_decide").runs.folds == [
            0,
            1,
        ]

    def test_a_smoke_runs_output_beside_a_real_one_is_refused(self):
        eda = open_stage(Tides(), "1_eda", smoke=True)
        folded(eda.items, eda.output)
        stage = open_stage(Tides(), "2_train", smoke=True)
        stage.train({"calm": Parameters()}, [0])
        stage.output.rename(trained().output.with_name("2_train-smoke"))
        with pytest.raises(ValueError, match="2_train-smoke/run.json was made from a smoke run, expected a real run"):
            open_stage(Tides(), "3_decide").runs  # noqa: B018

    def test_weights_of_all_rows_answer_and_it_is_said_that_nothing_measured_them(self, capsys):
        stage = trained()
        decided()
        stage.train({"calm": Parameters()}, [0, 1], full=True)
        assert open_stage(Tides(), "4_submit").predictor("full").folds == [-1]
        assert "trained on all rows answer: no figure was measured with them" in capsys.readouterr().out

    def test_the_samples_training_is_not_decided_upon_with_real_data(self, home, monkeypatch):
        trained()
        monkeypatch.setenv("KAGGLE_UTILS_INPUT", str(Tides().make_sample(home / "data" / "of-tides").parent))
        with pytest.raises(NotAttached, match="no output of stage 2_train of tides: run stage 2_train"):
            open_stage(Tides(), "3_decide").runs  # noqa: B018
        Path("runs/tides-sample/2_train").rename("runs/tides/2_train")
        with pytest.raises(ValueError, match="run.json was made from the built-in sample, expected the competition's data"):
            open_stage(Tides(), "3_decide").runs  # noqa: B018

    def test_a_decision_comes_back_in_its_own_stage_and_the_next(self):
        trained()
        stage = decided(1)
        decision, worth, facts = stage.decision()
        assert (decision, worth, facts) == open_stage(Tides(), "4_submit").decision()
        assert decision == Cut(1.5).plain() and worth == Worth.of(choice(1), remarks=["a remark"])
        assert facts["table"] == choice(1).table().to_dict("records") and facts["weights"] == stage.runs.fingerprints()
        assert facts["sample"] is True and facts["data"] == stage.version and list(facts["weights"]) == ["calm best"]

    def test_the_baseline_is_handed_over_too_and_has_a_name_of_its_own_in_the_diary(self):
        trained()
        stage = decided(1)
        decision, worth, facts = stage.decision("baseline")
        assert decision == Cut(0.5).plain() and worth == Worth.of(choice())
        plain, other = diary.read("runs/diary.jsonl").entries
        assert facts["run"] == plain["run"] and stage.decision()[2]["run"] == other["run"]
        assert plain["changed"] == {"decision": "plain"} and other["changed"] == {"decision": "1 more", "cut": 1.5}
        assert open_stage(Tides(), "4_submit").predictor("first", "baseline").decision == Cut(0.5).plain()
        with pytest.raises(ValueError, match="what is submitted is 'best', expected decision or baseline"):
            stage.decision("best")

    def test_a_baseline_that_stands_is_the_decision(self):
        trained()
        stage = decided()
        assert stage.decision() == stage.decision("baseline") and len(diary.read("runs/diary.jsonl").entries) == 1

    def test_the_samples_decision_is_not_for_real_data(self, home, monkeypatch):
        trained()
        decided()
        monkeypatch.setenv("KAGGLE_UTILS_INPUT", str(Tides().make_sample(home / "data" / "of-tides").parent))
        Path("runs/tides-sample").rename("runs/tides")
        with pytest.raises(ValueError, match="decision.json was made from the built-in sample"):
            open_stage(Tides(), "4_submit").decision()

    def test_without_an_earlier_stage_it_is_named(self):
        with pytest.raises(NotAttached, match="no output of stage 2_train of tides-sample: run stage 2_train of tides first"):
            open_stage(Tides(), "3_decide").runs  # noqa: B018

    def test_a_predictor_is_made_of_the_weights_that_were_measured(self):
        trained()
        decided()
        predictor = open_stage(Tides(), "4_submit").predictor("all")
        assert predictor.folds == [0, 1] and predictor.decision == Cut(0.5).plain() and predictor.device == "cpu"

    def test_a_predictor_refuses_weights_that_the_decision_was_not_measured_with(self):
        stage = trained()
        decided()
        stage.runs.weights("calm")[1].write_text("trained again")
        assert open_stage(Tides(), "4_submit").predictor("first").folds == [0]
        with pytest.raises(ValueError, match="calm best fold 1: the decision was measured with .*: run 3_decide again"):
            open_stage(Tides(), "4_submit").predictor("all")

    def test_closing_adds_one_line_to_the_diary(self, home, capsys):
        stage = open_stage(Tides(), "2_train")
        line = stage.close({"lr": 0.3, "epochs": 2}, {"lr": 0.1, "epochs": 2}, 0.61, interval=(0.5, 0.7), comment="ebb")
        [found] = diary.read("runs/diary.jsonl").entries
        assert found == line and f"in the diary as {line['run']}" in capsys.readouterr().out
        assert (line["competition"], line["stage"], line["score"], line["changed"]) == ("tides", "2_train", 0.61, {"lr": 0.3})
        assert line["sample"] is True and line["data"] == stage.version and line["comment"] == "ebb" and line["minutes"] >= 0
        open_stage(Tides(), "3_decide").close({}, {}, 0.6)
        assert [one["stage"] for one in diary.read("runs/diary.jsonl").entries] == ["2_train", "3_decide"]

    def test_a_member_that_was_not_trained_again_has_one_line_in_the_diary(self, capsys):
        first = open_stage(Tides(), "2_train").close({"lr": 0.3}, {}, 0.61, member="calm", fold_scores={0: 0.6, 1: 0.62})
        open_stage(Tides(), "2_train").close({"lr": 0.3}, {}, 0.63, member="wild")
        again = open_stage(Tides(), "2_train").close({"lr": 0.3}, {}, 0.61, member="calm", fold_scores={0: 0.6, 1: 0.62})
        assert again == first and f"already, as {first['run']}" in capsys.readouterr().out
        assert [line["member"] for line in diary.read("runs/diary.jsonl").entries] == ["calm", "wild"]

    def test_cards_are_checked_where_they_are_used(self, monkeypatch, capsys):
        monkeypatch.setattr(runtime, "check_gpu", lambda: [SimpleNamespace(device="cuda:0"), SimpleNamespace(device="cuda:1")])
        stage = open_stage(Tides(), "2_train", cards=True)
        assert stage.devices == ("cuda:0", "cuda:1") and stage.device == "cuda:0"
        assert open_stage(Tides(), "1_eda").devices == ("cpu",)
        monkeypatch.setattr(runtime, "check_gpu", list)
        assert open_stage(Tides(), "2_train", cards=True).device == "cpu"
        assert capsys.readouterr().out.count("computing on") == 2


class TestOnKaggle:
    def test_real_data_is_no_sample(self, kaggle, capsys):
        stage = open_stage(Tides(), "2_train")
        assert not stage.sample and stage.output == kaggle / "working" and stage.cache == kaggle / "temp" / "tides"
        assert capsys.readouterr().out == f"data: {kaggle / 'input/competitions/of-tides'}\n"

    def test_a_sample_that_is_mounted_as_if_it_were_real_is_known(self, kaggle):
        (kaggle / "input/competitions/of-tides" / source.MARKER).write_text("{}")
        stage = open_stage(Tides(), "1_eda")
        assert stage.sample and stage.preset == {}  # but it is trained on as real data are

    def test_missing_data_is_an_error(self, kaggle):
        (kaggle / "input/competitions/of-tides").rename(kaggle / "elsewhere")
        with pytest.raises(NotAttached, match="the competition 'of-tides' is not attached"):
            open_stage(Tides(), "1_eda")

    def test_what_a_killed_session_left_is_taken_over(self, kaggle, capsys):
        stage = trained(fold=0)
        stage.close({}, {}, 0.5)
        (kaggle / "working").rename(kaggle / "input/notebooks/me/tides-2-train")
        again = open_stage(Tides(), "2_train")
        assert "going on with 3 files of an earlier session" in capsys.readouterr().out
        assert again.output == kaggle / "working" and again.runs.folds == [0]
        assert again.runs.weights("calm")[0] == kaggle / "working" / "calm" / "fold0" / "best.pth"
        again.close({}, {}, 0.6)
        assert [line["score"] for line in diary.read(kaggle / "working/diary.jsonl").entries] == [0.5, 0.6]

    def test_outputs_of_two_members_are_taken_over_and_noted_together(self, kaggle):
        for name in ("calm", "wild"):
            open_stage(Tides(), "2_train").train({name: Parameters()}, [0, 1])
            (kaggle / "working").rename(kaggle / f"input/notebooks/me/tides-2-train-{name}")
        again = open_stage(Tides(), "2_train")
        again.train({"high": Parameters(0.4)}, [0])
        titles = [f"{name} fold {k}" for name in ("calm", "wild") for k in (0, 1)]
        assert [job.title for job in again.runs.jobs] == [*titles, "high fold 0"] and Tides.KIND.wanted == ["high fold 0"]
        (kaggle / "working").rename(kaggle / "input/notebooks/me/tides-2-train-high")  # which carries the others along
        runs = open_stage(Tides(), "3_decide").runs
        assert [job.title for job in runs.jobs] == [*titles, "high fold 0"]

    def test_outputs_that_hold_another_job_of_one_name_are_refused_together(self, kaggle):
        for number in "12":
            open_stage(Tides(), "2_train").train({"calm": Parameters(float(number))}, [0])
            (kaggle / "working").rename(kaggle / f"elsewhere{number}")
        for number in "12":
            (kaggle / f"elsewhere{number}").rename(kaggle / f"input/notebooks/me/tides-2-train-{number}")
        with pytest.raises(ValueError, match="calm fold 0 is in two outputs that are attached, expected it once: detach one"):
            open_stage(Tides(), "2_train")

    def test_the_next_stage_takes_nothing_over(self, kaggle):
        trained()
        (kaggle / "working").rename(kaggle / "input/notebooks/me/tides-2-train")
        stage = open_stage(Tides(), "3_decide")
        assert list(stage.output.iterdir()) == [] and stage.runs.folds == [0, 1]
        assert stage.out_of_fold()[0] == [0] * 6 + [1] * 6


def test_an_attached_earlier_output_is_copied_back(tmp_path, monkeypatch):
    earlier = tmp_path / "input" / "notebooks" / "me" / "reef-2-train" / "fold0" / "stage0"
    earlier.mkdir(parents=True)
    (earlier / "resume.pth").write_text("epoch 7")
    (earlier.parent / "best.pth").write_text("old")
    working = tmp_path / "working"
    (working / "fold0").mkdir(parents=True)
    (working / "fold0" / "best.pth").write_text("new")
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Batch")
    monkeypatch.setenv("KAGGLE_UTILS_KAGGLE_ROOT", str(tmp_path))
    assert restore("reef", "2_train", working) == ["fold0/stage0/resume.pth"]
    assert (working / "fold0" / "stage0" / "resume.pth").read_text() == "epoch 7"
    assert (working / "fold0" / "best.pth").read_text() == "new"


def test_nothing_attached_is_nothing_to_copy(tmp_path, monkeypatch):
    (tmp_path / "input").mkdir()
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Batch")
    monkeypatch.setenv("KAGGLE_UTILS_KAGGLE_ROOT", str(tmp_path))
    assert restore("reef", "2_train", tmp_path) == []


def test_at_home_a_stage_finds_its_files_where_it_left_them(tmp_path, monkeypatch):
    monkeypatch.delenv("KAGGLE_KERNEL_RUN_TYPE", raising=False)
    assert restore("reef", "2_train", tmp_path) == []
