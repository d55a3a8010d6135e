"""A competition of somebody's own runs through its kind alone: trained, decided, answered, scored, rehearsed."""

import numpy as np
import pandas as pd
import pytest
from toy_boxes import Squares

pytest.importorskip("torch")

from kaggle_utils.boxes.cuts import cross_fitted_f2
from kaggle_utils.competitions import find
from kaggle_utils.tasks import decisions, jobs, runs, submission
from kaggle_utils.tasks.boxes.decision import Decision, answered, uncut
from kaggle_utils.tasks.hidden import HiddenTest

MEMBERS = {"plain": {}, "slow": {"lr": 1e-3}}


def folds_of(items) -> pd.DataFrame:
    """A video a fold, which is the part, too."""
    return pd.DataFrame({"fold": items.table["video_id"], "part": items.table["video_id"]})


@pytest.fixture(scope="module")
def squares():
    return find(Squares())


@pytest.fixture(scope="module")
def folder(squares, tmp_path_factory):
    return squares.make_sample(tmp_path_factory.mktemp("squares") / "squares")


@pytest.fixture(scope="module")
def trained(squares, folder, tmp_path_factory) -> runs.Runs:
    """Two members on the two folds, as two kernels train them."""
    items, outputs = squares.load(folder).present(), []
    chosen = {"epochs": 1, "prediction_sets": ("identity", "hflip@0.75")}
    members = {name: squares.KIND.parameters(chosen | more, squares.SMOKE).plain() for name, more in MEMBERS.items()}
    for fold in (1, 0):
        output = tmp_path_factory.mktemp(f"fold{fold}")
        wanted = jobs.orders(squares.NAME, members, [fold])
        results = squares.KIND.train(squares, items, folds_of(items)["fold"], wanted, output, cache=output / "links")
        runs.write_run(output, results, competition=squares.NAME, sample=True, data=runs.data_version(folder / "train"))
        outputs.append(output)
    return runs.read_runs(outputs, sample=True)


def test_every_member_says_what_it_thinks_of_what_it_has_not_seen(squares, folder, trained):
    judged = squares.KIND.out_of_fold(squares, squares.load(folder), trained, folds_of(squares.load(folder)))
    assert list(judged.sets) == ["plain_identity", "plain_hflip@0.75", "slow_identity", "slow_hflip@0.75"]
    assert judged.fold.tolist() == judged.part.tolist() == [0] * 6 + [1] * 6
    assert trained.parameters("slow")["lr"] == 1e-3 and trained.parameters("plain")["lr"] == 5e-3
    assert [job.title for job in trained.jobs] == ["plain fold 0", "plain fold 1", "slow fold 0", "slow fold 1"]


def test_parts_may_be_finer_than_folds(squares, folder, trained):
    items = squares.load(folder)
    judged = squares.KIND.out_of_fold(squares, items, trained, folds_of(items).assign(part=np.arange(len(items)) // 3))
    assert judged.part.tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3


def test_what_is_decided_is_answered_scored_and_rehearsed(squares, folder, trained, tmp_path):
    judged = squares.KIND.out_of_fold(squares, squares.load(folder), trained, folds_of(squares.load(folder)))
    decision = Decision(("plain_identity", "slow_hflip@0.75"), {"method": "wbf", "iou": 0.5}, {"gain": 0.3})
    boxes = uncut(decision, judged.sets, judged.clips, squares.KIND.size)
    fit = cross_fitted_f2(judged.truth, boxes, judged.part)
    decision = decision.with_cut(fit.decision)
    worth = decisions.Worth("wbf", fit.cross_fitted, 0.0, 1.0, fit.cross_fitted, fit.fitted)
    decisions.write_decision(tmp_path / "d.json", decision.plain(), worth, trained.fingerprints(decision.sets), sample=True)
    content, again, facts = decisions.read_decision(tmp_path / "d.json", sample=True)
    assert Decision.from_plain(content) == decision and again.score == worth.score
    trained.require_weights(facts["weights"])
    # the submission notebook's own loop on frames that the first fold's models have not seen gives stage 3's boxes
    held = submission.held_out(squares, squares.load(folder), trained)
    predictor = squares.KIND.predictor(squares, trained, decision.plain())
    path = submission.answer_all(submission.FileStream(squares, held, tmp_path / "validation.csv"), predictor, batch=4)
    rows = judged.fold == 0
    whole = answered(decision, judged.sets, judged.clips, squares.KIND.size)
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    expected = [whole[whole.frame == row] for row in np.flatnonzero(rows)]
    assert sum(len(text.split()) // 5 for text in table["annotations"]) == sum(map(len, expected))
    card = submission.score_validation(squares, held, path)
    assert 0 <= card.score <= 1 and (tmp_path / "validation.json").is_file()
    # a hidden test, cut, turned and laid out
    test = HiddenTest(squares, squares.hidden(folder.with_name(folder.name + "-hidden")))
    turned = test.take(test.other_order(at_most=4))
    turned.write(tmp_path / "turned")
    laid = squares.test(tmp_path / "turned")
    answers = {}
    for name, items in (("all", test.items), ("turned", laid)):
        fresh = squares.KIND.predictor(squares, trained, decision.plain())
        out = submission.answer_all(squares.stream(items, folder, tmp_path / name), fresh)
        answers[name] = pd.read_csv(out, dtype=str, keep_default_na=False)
    assert test.faults(answers["all"]) == [] and test.faults(answers["turned"]) != []
    assert test.score(answers["all"])[0] == "F2" and HiddenTest(squares, laid, known=False).score(answers["turned"]) is None
    whole = dict(zip(answers["all"]["name"], test.answers(answers["all"])))
    assert all(test.same(whole[name], text) for name, text in zip(*map(answers["turned"].get, ("name", "annotations"))))


@pytest.mark.parametrize(
    ("one", "other"), [("0.9 1 2 3 4", "0.9 1 2 3.6 4"), ("0.9 1 2 3 4", "0.91 1 2 3 4"), ("", "0.1 1 1 1 1")]
)
def test_answers_differ_by_more_than_rounding(squares, one, other):
    assert squares.KIND.same(one, one) and not squares.KIND.same(one, other)
