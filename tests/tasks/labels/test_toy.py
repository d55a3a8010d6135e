"""A competition of labels from outside the package trains, decides, submits, scores and rehearses through the Protocol."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("timm")

from toy_labels import Tiles
from training_fixtures import one_thread  # noqa: F401

from kaggle_utils.competitions import find
from kaggle_utils.evidence.candidates import Choice
from kaggle_utils.tasks.decisions import Worth, read_decision, summary, write_decision
from kaggle_utils.tasks.hidden import HiddenTest
from kaggle_utils.tasks.jobs import orders
from kaggle_utils.tasks.labels.candidates import baseline, decided, merged
from kaggle_utils.tasks.runs import data_version, read_folds, read_runs, write_folds, write_run
from kaggle_utils.tasks.submission import answer_all, held_out, score_validation


def table_of(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def test_a_competition_of_ones_own_goes_through_all_stages(tmp_path: Path) -> None:
    toy, output = find(Tiles()), tmp_path / "2_train"
    folder = toy.make_sample(tmp_path / "tiles")
    data = toy.load(folder).present()
    write_folds(tmp_path / "folds.csv", data.table[["tile"]].assign(fold=np.arange(32) // 2 % 2, part=np.arange(32) // 2 % 4))
    folds = read_folds(tmp_path / "folds.csv", data.table["tile"])

    members = {name: one.plain() for name, one in toy.KIND.members({}, toy.SMOKE).items()}
    wanted = orders(toy.NAME, members, folds=[0, 1])
    jobs = toy.KIND.train(toy, data, folds["fold"].to_numpy(), wanted, output, cache=tmp_path / "cache")
    write_run(output, jobs, competition=toy.NAME, data=data_version(folder))
    assert not list((tmp_path / "cache").rglob("*.npy"))  # pictures are read, not cached

    runs = read_runs([output])
    judged = toy.KIND.out_of_fold(toy, data, runs, folds, tmp_path / "cache")
    first, plain, beside = baseline(judged)
    choice = Choice(judged.ground(), first, plain, certain=False)
    choice.step("members and views", merged(judged))
    choice.step("ways to decide", lambda base: decided(judged, base))
    assert {"testresnet_rot90", "all"} <= choice.known.keys()
    assert all(any(name.endswith(way) for name in choice.known) for way in (", one cut", ", groups kept"))
    worth, chosen = Worth.of(choice, {"constant": beside["the best constant answer"]}), choice.candidate
    assert first == "testresnet_identity" and worth.score > worth.over["constant"][0]
    (tmp_path / "3_decide").mkdir()
    facts = {"weights": runs.fingerprints(chosen.decision.sets)}
    write_decision(tmp_path / "3_decide/decision.json", chosen.decision.plain(), worth, facts["weights"])
    decision, _, facts = read_decision(tmp_path / "3_decide/decision.json")
    runs.require_weights(facts["weights"])

    (tmp_path / "4_submit").mkdir()
    path = answer_all(toy.stream(None, folder, tmp_path / "4_submit"), toy.KIND.predictor(toy, runs, decision), batch=3)
    hidden = toy.hidden(folder / "test")
    lines = summary(toy, tmp_path, hidden, ["3_decide", "4_submit"])
    assert lines[0].startswith("out-of-fold F2 ") and lines[-2].startswith("hidden-test F2: ")

    left_out, first = held_out(toy, data, runs), toy.KIND.predictor(toy, runs, decision, models="first")
    card = score_validation(toy, left_out, answer_all(toy.stream(left_out, folder, tmp_path / "4_submit"), first, batch=5))
    assert card.score > 0.5 and len(left_out) == 16

    whole = HiddenTest(toy, hidden)
    assert whole.faults(table_of(path)) == [] and whole.score(table_of(path))[0] == "F2"
    turned = whole.take(whole.other_order(24))
    turned.write(tmp_path / "turned")
    again = answer_all(toy.stream(None, tmp_path / "turned", tmp_path), toy.KIND.predictor(toy, runs, decision), batch=2)
    pairs = zip(turned.answers(table_of(again)), turned.answers(table_of(path)), strict=True)
    assert all(turned.same(one, other) for one, other in pairs)
