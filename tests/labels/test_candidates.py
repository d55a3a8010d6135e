"""What to take: certain gains only, on made-up rows and on the real hold-outs of two Amazon networks."""

import numpy as np
import pandas as pd
import pytest

from kaggle_utils.labels.candidates import recommend_labels, ways
from kaggle_utils.labels.decision import LabelDecision, labels_by_decision
from kaggle_utils.labels.metrics import LabelMetric, label_counts, mean_f2
from kaggle_utils.labels.rules import LabelRule, labels_by_rule
from kaggle_utils.labels.search import MEAN_F2, fit_cuts, fit_one_cut

QUICK = ("expected F2", "one half", "one cut", "cut per label")


def quick(*more, metric=MEAN_F2, members=1):
    return {name: fit for name, fit in ways(metric, members).items() if name in (*QUICK, *more)}


def test_the_table_is_what_fitting_and_judging_by_hand_gives():
    rng = np.random.default_rng(0)
    members = rng.random((1, 240, 4)) ** [0.2, 1, 2, 4]
    truth, part = rng.random((240, 4)) < members[0], np.arange(240) % 3
    found = recommend_labels(members, truth, part, quick())
    score, fitted = found.table().set_index("name").loc["cut per label", "score"], found.known["cut per label"].fitted
    own = [labels_by_rule(fit_cuts(members[0][part != p], truth[part != p]), members[0][part == p]) for p in range(3)]
    judged = sum(mean_f2(truth[part == p], one) for p, one in enumerate(own)) / 3
    assert score == pytest.approx(judged)
    assert fitted == pytest.approx(mean_f2(truth, labels_by_rule(fit_cuts(members[0], truth), members[0])))
    assert list(found.table()["name"]) == list(QUICK) and fitted >= score


def test_what_gains_for_certain_is_taken():
    """Two candidates, of which the second is right in part 0 and gives one label too many, worth 5/6, in the others."""
    truth = np.tile([[True, False]], (90, 1))
    part = np.repeat([0, 1, 2], 30)
    members = np.where(part[:, None] == 0, [[0.3, 0.1]], [[0.9, 0.4]])[None]
    fits = {name: lambda m, t, cut=cut: LabelDecision(LabelRule((cut,))) for name, cut in (("high", 0.6), ("low", 0.2))}
    found = recommend_labels(members, truth, part, fits)
    assert found.table()["score"].tolist() == pytest.approx([(0 + 1 + 1) / 3, (1 + 5 / 6 + 5 / 6) / 3])
    assert found.name == "low" and found.candidate.decision.rule == LabelRule((0.2,))  # a third of the rows gains 1: certain
    assert found.worth.value == pytest.approx((1 + 5 / 6 + 5 / 6) / 3)


def test_what_is_known_without_a_part_was_fitted_without_it():
    """Probabilities say which part a row is of: fits see all parts, each pair of them, and each alone."""
    part, seen = np.arange(30) % 3, set()
    members = np.broadcast_to((part[:, None] + 1) / 4, (1, 30, 2))

    def fit(members, truth):
        seen.add(tuple(np.unique(members * 4 - 1).astype(int).tolist()))
        return LabelDecision()

    recommend_labels(members, np.ones((30, 2), bool), part, {"one": fit})
    assert seen == {(0, 1, 2), (0, 1), (0, 2), (1, 2), (0,), (1,), (2,)}


def test_groups_are_resampled_together():
    rng = np.random.default_rng(0)
    members = rng.random((1, 60, 3))
    truth = rng.random((60, 3)) < members[0]
    fits, part = quick(), np.arange(60) % 2
    single = recommend_labels(members, truth, part, fits)
    copies = recommend_labels(
        np.repeat(members, 3, axis=1), np.repeat(truth, 3, axis=0), np.repeat(part, 3), fits, np.repeat(np.arange(60), 3)
    )
    assert copies.worth.value == pytest.approx(single.worth.value) and copies.worth.low == pytest.approx(single.worth.low)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"members have shape \(5, 2\), truth \(5, 2\), part \(5,\), expected"):
        recommend_labels(np.zeros((5, 2)), np.zeros((5, 2)), np.arange(5))
    with pytest.raises(ValueError, match="at least two parts"):
        recommend_labels(np.zeros((1, 5, 2)), np.zeros((5, 2)), np.zeros(5))


def test_macro_f1_is_decided_by_its_own_rules():
    rng = np.random.default_rng(0)
    members = rng.random((2, 3000, 3)) ** [1, 3, 12]
    truth = rng.random((3000, 3)) < members.mean(0)
    macro = LabelMetric("macro", beta=1)
    found = recommend_labels(
        members, truth, np.arange(3000) % 3, quick("weights", "votes", metric=macro, members=2), metric=macro
    )
    assert found.name == "cut per label" and len(found.candidate.decision.rule.cuts) == 3
    assert found.table()["name"].tolist() == ["one cut", "one half", "cut per label", "weights", "votes"]


@pytest.fixture(scope="module")
def holdout(real_data) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """members (2, 6000, 17), truth (6000, 17), names."""
    tables = [pd.read_csv(real_data / "tables" / f"amazon_holdout_predictions_{name}.csv") for name in ("atc_1", "atc_1_v2")]
    names = [column.removesuffix("_true") for column in tables[0] if column.endswith("_true")]
    members = np.stack([table[[f"{name}_pred" for name in names]].to_numpy(np.float32) for table in tables])
    return members, tables[0][[f"{name}_true" for name in names]].to_numpy() > 0, names


def halves(n, seeds):
    """(n,) bool, a half and the other of each seed."""
    for seed in range(seeds):
        half = np.random.default_rng(seed).permutation(n) < n // 2
        yield from (half, ~half)


class TestAmazonsRealHoldOuts:
    def test_the_figures_of_rules_that_fit_nothing(self, holdout):
        members, truth, _ = holdout
        answers = [members[0], members[1], members.mean(0)]
        half, fifth, expected = (
            [mean_f2(truth, labels_by_rule(rule, one)) for one in answers]
            for rule in (LabelRule((0.5,)), LabelRule((0.2,)), LabelRule())
        )
        assert half == pytest.approx([0.8888, 0.8857, 0.8893], abs=5e-5)
        assert fifth == pytest.approx([0.9194, 0.9157, 0.9201], abs=5e-5)
        assert expected == pytest.approx([0.9200, 0.9164, 0.9203], abs=5e-5)

    def test_a_threshold_a_label_looks_best_and_is_worse_than_a_single_one_on_other_rows(self, holdout):
        members, truth, _ = holdout
        fitted, cross_fitted = [], []
        for fit in (fit_one_cut, fit_cuts):
            fitted.append(mean_f2(truth, labels_by_rule(fit(members[0], truth), members[0])))
            own = [
                (labels_by_rule(fit(members[0][~half], truth[~half]), members[0][half]), truth[half])
                for half in halves(6000, 20)
            ]
            cross_fitted.append(np.mean([mean_f2(true, found) for found, true in own]))
        assert fitted == pytest.approx([0.9197, 0.9218], abs=5e-5)
        assert cross_fitted == pytest.approx([0.9190, 0.9179], abs=5e-5)

    @pytest.mark.parametrize("who, listed", [([0], 0.9192), ([0, 1], 0.9202)], ids=["one network", "mean of two"])
    def test_what_is_recommended_is_at_least_as_good_on_other_rows_as_the_best_single_rule(self, holdout, who, listed):
        members, truth, _ = holdout
        fits, scores = quick("ridge"), []
        for half in halves(6000, 2):  # of 20 as well, which takes minutes
            found = recommend_labels(members[who][:, ~half], truth[~half], np.arange(3000) % 2, fits)
            scores.append(mean_f2(truth[half], labels_by_decision(found.candidate.decision, members[who][:, half])))
        assert np.mean(scores) >= listed

    def test_macro_f1_gains_by_a_threshold_a_label_and_is_far_below_weighted(self, holdout):
        members, truth, _ = holdout
        macro = LabelMetric("macro", beta=1)
        found = recommend_labels(members, truth, np.arange(6000) % 2, quick(metric=macro), metric=macro)
        assert found.name == "cut per label"
        given = labels_by_decision(found.candidate.decision, members)
        assert LabelMetric("weighted", beta=1).of(truth, given) - macro.of(truth, given) > 0.2


def test_the_constants_of_amazons_labels(real_data):
    """All labels, the sample submission, and the best constant answer, which cuts of equal probabilities find."""
    tags = pd.read_csv(real_data / "tables" / "amazon_train_v2.csv")["tags"].str.get_dummies(" ")
    truth, same = tags.to_numpy(bool), np.full(tags.shape, 0.5)
    sample = np.broadcast_to(tags.columns.isin("primary clear agriculture road water".split()), truth.shape)
    assert mean_f2(truth, same > 0) == pytest.approx(0.4837, abs=5e-5)
    assert mean_f2(truth, sample) == pytest.approx(0.6746, abs=5e-5)
    best = labels_by_rule(fit_cuts(same, truth), same)
    assert set(tags.columns[best[0]]) == set("agriculture clear partly_cloudy primary road water".split())
    assert mean_f2(truth, best) == pytest.approx(0.6890, abs=5e-5)
    assert label_counts(truth, best, axis=0)[:, 2].max() == 37513
