"""Members made one: regressions as plain numbers, votes, and weights that are climbed."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from kaggle_utils.labels.calibration import log_odds
from kaggle_utils.labels.decision import LabelDecision, labels_by_decision
from kaggle_utils.labels.metrics import LabelMetric, mean_f2
from kaggle_utils.labels.rules import LabelRule, labels_by_rule
from kaggle_utils.labels.stacking import fit_stack, fit_weights, mean_of, stacked, voted

RNG = np.random.default_rng(1)
TRUTH = RNG.random((600, 3)) < [0.8, 0.4, 0.2]
TRUTH[:, 2] |= TRUTH[:, 1]  # the second is never without the third
MEMBERS = np.clip(np.stack([0.5 + (TRUTH - 0.5) * 0.6, np.full(TRUTH.shape, 0.5)]) + RNG.normal(0, 0.3, (2, 600, 3)), 0, 1)


def test_the_numbers_say_what_scikit_learn_says():
    features, new = np.hstack([*MEMBERS[:, :400]]), np.hstack([*MEMBERS[:, 400:]])
    ridge = Ridge(2.0).fit(features, TRUTH[:400]).predict(new).clip(0, 1)
    assert stacked(fit_stack(MEMBERS[:, :400], TRUTH[:400], "ridge", 2.0), MEMBERS[:, 400:]) == pytest.approx(ridge)
    ours = stacked(fit_stack(MEMBERS[:, :400], TRUTH[:400], "logistic", 2.0), MEMBERS[:, 400:])
    for label in range(3):
        model = LogisticRegression(C=0.5, max_iter=5000, tol=1e-8).fit(log_odds(features), TRUTH[:400, label])
        assert ours[:, label] == pytest.approx(model.predict_proba(log_odds(new))[:, 1], abs=1e-3)


@pytest.mark.parametrize("how", ["ridge", "logistic"])
def test_a_label_is_known_better_from_the_others(how):
    decision = LabelDecision(stack=fit_stack(MEMBERS[:, :400], TRUTH[:400], how))
    found = labels_by_decision(decision, MEMBERS[:, 400:])
    assert mean_f2(TRUTH[400:], found) > mean_f2(TRUTH[400:], labels_by_decision(LabelDecision(), MEMBERS[:1, 400:])) + 0.005
    assert LabelDecision.from_dict(json.loads(json.dumps(asdict(decision)))) == decision


@pytest.mark.parametrize("how", ["ridge", "logistic"])
def test_a_label_that_is_never_seen_or_always_stays_so(how):
    truth = TRUTH.copy()
    truth[:, 0], truth[:, 1] = False, True
    assert stacked(fit_stack(MEMBERS, truth, how), MEMBERS)[:, :2] == pytest.approx(np.tile([0, 1], (600, 1)), abs=1e-5)


def test_half_of_the_weight_is_enough_for_a_label():
    votes = np.array([[[True, True, False]], [[False, True, False]], [[False, False, True]]])
    assert voted(votes).tolist() == [[False, True, False]]
    assert voted(votes, (2, 1, 1)).tolist() == [[True, True, False]]
    assert voted(votes, (0.1, 0.1, 0.2)).tolist() == [[False, True, True]]  # whatever their rounding


def test_a_decision_asks_each_member_before_they_vote():
    decision = LabelDecision(LabelRule((0.4,)), weights=(1, 3), vote=True)
    assert labels_by_decision(decision, np.array([[[0.9, 0.3]], [[0.3, 0.5]]])).tolist() == [[False, True]]


def test_the_member_that_knows_gets_the_weight():
    found = fit_weights(MEMBERS, TRUTH, np.arange(600) % 3, LabelRule(), LabelMetric())
    assert found.decision[0] > found.decision[1]
    plain, weighted = (mean_f2(TRUTH, labels_by_rule(LabelRule(), mean_of(MEMBERS, w))) for w in (None, found.decision))
    assert found.fitted == pytest.approx(weighted) and weighted > plain


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="how is 'lasso', expected one of ridge, logistic"):
        fit_stack(MEMBERS, TRUTH, "lasso")
    with pytest.raises(ValueError, match=r"members have shape \(2, 600, 3\), truth \(5, 3\)"):
        fit_stack(MEMBERS, TRUTH[:5])
    with pytest.raises(ValueError, match="expected 6 outputs of an image"):
        stacked(fit_stack(MEMBERS, TRUTH), MEMBERS[:1])
