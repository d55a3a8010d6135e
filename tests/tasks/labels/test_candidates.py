"""Sets of labels compared, constant answers beside them, and the diary's questions answered from them."""

import numpy as np
import pytest

from kaggle_utils.evidence.candidates import Choice
from kaggle_utils.labels.calibration import calibrated, fit_calibration
from kaggle_utils.labels.decision import LabelDecision
from kaggle_utils.labels.metrics import LabelMetric, mean_f2
from kaggle_utils.labels.rules import LabelRule
from kaggle_utils.tasks.labels.candidates import baseline, best_constant, constant, decided, mended, merged
from kaggle_utils.tasks.labels.decision import Decision
from kaggle_utils.tasks.labels.kind import Labels
from kaggle_utils.tasks.labels.out_of_fold import OutOfFold
from kaggle_utils.tasks.labels.questions import questions, what_next
from kaggle_utils.tasks.runs import Job, PredictionSet, Runs

N = 600


@pytest.fixture(scope="module")
def judged() -> OutOfFold:
    """Two members that mean what they say, the second the better one; a rare label; two labels that exclude each other."""
    rng = np.random.default_rng(0)
    first = rng.random((N, 1)) < 0.7
    logits = np.hstack([3 * first - 1.5, 1.5 - 3 * first, rng.normal(0, 2, (N, 1)), rng.normal(-5, 1, (N, 1))])
    truth = rng.random((N, 4)) < 1 / (1 + np.exp(-logits))
    truth[:, :2] = np.hstack([first, ~first])
    noisy = [1 / (1 + np.exp(-(logits + rng.normal(0, noise, (N, 4))))) for noise in (1.5, 0.2)]
    answers = np.array(noisy, np.float32)
    sets, rows = ["plain_identity", "focal_identity"], np.arange(N)
    return OutOfFold(rows, rows % 4, rows, sets, answers, truth, Labels(4, exclusive=((0, 1),)))


@pytest.fixture
def runs() -> Runs:
    def job(member: str, **parameters: object) -> Job:
        one = PredictionSet(member, "identity", dtype="float32")
        return Job(member, 0, ("a",), 0.5, 1.0, "", {}, {one.name: (one, ())}, {"loss": "bce", "balance": 0.0, **parameters})

    return Runs((job("plain"), job("focal", loss="focal")))


def test_the_best_constant_answer_is_found_without_the_part_that_it_answers(judged) -> None:
    counts = constant(judged)
    for part in range(4):
        here = judged.part == part
        each = {most: mean_f2(judged.truth[~here], np.broadcast_to(np.argsort(np.argsort(-judged.truth[~here].mean(0))) < most,
                                                                  (450, 4))) for most in range(1, 5)}  # fmt: skip
        score, labels = best_constant(judged.truth[~here])
        assert score == max(each.values()) and labels.sum() == max(each, key=each.get)
        expected = mean_f2(judged.truth[here], np.broadcast_to(labels, (150, 4)))
        assert counts[here, 0].mean() == pytest.approx(expected)


def test_the_better_member_is_taken_and_ways_are_tried_on_it(judged) -> None:
    first, plain, beside = baseline(judged)
    choice = Choice(judged.ground(), first, plain)
    choice.step("members", merged(judged))
    assert first == "plain_identity" and choice.name.startswith("focal_identity") and list(beside)[0] == "the best constant answer"
    base = choice.candidate.decision
    table = choice.step("ways", lambda base: decided(judged, base))
    ways = {name.split(", ")[-1] for name in table["name"][1:-1]}
    assert {"one half", "one cut", "cut per label", "groups kept", "platt", "ridge", "logistic"} <= ways
    assert base not in [choice.known[name].decision for name in table["name"][1:-1]]  # it stands there already
    assert choice.candidate.decision.sets == ("focal_identity",) and choice.known[choice.name].fitted > 0.7


def test_a_threshold_a_label_looks_better_where_it_was_fitted(judged) -> None:
    _, plain, _ = baseline(judged)
    found = decided(judged, plain)
    one, each = found["one cut"], found["cut per label"]
    flattered = each.fitted - one.fitted
    honest = judged.ground().total(each.counts) - judged.ground().total(one.counts)
    assert flattered > 0 and flattered > honest


def test_for_the_macro_f1_thresholds_are_what_all_else_is_compared_with(judged) -> None:
    metric = LabelMetric("macro", beta=1)
    name, plain, _ = baseline(judged, metric)
    assert len(plain.decision.how.rule.cuts) == 1 and judged.ground(metric).metric == "macro F1"
    assert "cut per label" in decided(judged, plain, metric) and "platt" not in decided(judged, plain, metric)


def test_calibration_is_fitted_elsewhere(judged) -> None:
    said, here = judged.answers[0], judged.part == 2
    found = mended(judged, said)[here]
    assert np.allclose(found, calibrated(fit_calibration(said[~here], judged.truth[~here]), said[here]))


def test_the_diarys_questions_are_answered_by_numbers_of_the_run(judged, runs) -> None:
    decision = Decision(("plain_identity",), LabelDecision(LabelRule((0.3,))))
    threshold, focal, weight, macro = questions(judged, decision, runs)
    assert threshold.startswith("A threshold a label? 0.") and " elsewhere, " in threshold
    assert focal.startswith("Focal loss? focal against plain: mean F2 +0.") and "], yes; macro F1 +0." in focal
    assert weight.startswith("Weighing rare labels more? No member was trained with it, beside plain without")
    assert macro.startswith("Macro or weighted? F1 0.") and "1 of 4 labels are on less than one item in 20" in macro


def test_what_to_try_next_names_the_label_that_loses_most(judged) -> None:
    nothing = Decision(("plain_identity",), LabelDecision(LabelRule((0.999, 0.0, 0.0, 0.0))))
    told = what_next(judged, nothing, ("day", "night", "disc", "mine"), "of the parts ...")
    assert told.startswith(f"what to try next: day ({judged.truth[:, 0].sum()} missed, 0 invented), ")
