"""Calibration: scikit-learn's own answers from plain numbers, odd labels, and what does not fit."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from kaggle_utils.labels.calibration import Calibration, calibrated, fit_calibration, log_odds, logistic
from kaggle_utils.labels.decision import LabelDecision

RNG = np.random.default_rng(0)
TRUE = RNG.random((4000, 3)) ** [0.5, 2, 4]
TRUTH = RNG.random(TRUE.shape) < TRUE
TOO_SURE = logistic(2 * log_odds(TRUE)).astype(np.float32)


@pytest.mark.parametrize("how", ["platt", "isotonic"])
def test_what_is_too_sure_is_mended_on_rows_that_were_not_seen(how):
    curves = fit_calibration(TOO_SURE[:2000], TRUTH[:2000], how)
    mended = calibrated(curves, TOO_SURE[2000:])
    assert np.abs(mended - TRUE[2000:]).mean() < 0.03 < 0.07 < np.abs(TOO_SURE - TRUE).mean()


def test_the_numbers_say_what_scikit_learn_says():
    new = RNG.random((50, 3)).astype(np.float32)
    platt, isotonic = (calibrated(fit_calibration(TOO_SURE, TRUTH, how), new) for how in ("platt", "isotonic"))
    for label in range(3):
        model = LogisticRegression().fit(log_odds(TOO_SURE[:, [label]]), TRUTH[:, label])
        assert platt[:, label] == pytest.approx(model.predict_proba(log_odds(new[:, [label]]))[:, 1])
        model = IsotonicRegression(out_of_bounds="clip").fit(TOO_SURE[:, label], TRUTH[:, label])
        assert isotonic[:, label] == pytest.approx(model.predict(new[:, label]), abs=1e-6)
        assert (np.diff(isotonic[np.argsort(new[:, label]), label]) >= 0).all()


def test_a_label_that_is_never_seen_or_always_has_a_curve():
    truth = np.column_stack([np.zeros(9, bool), np.ones(9, bool)])
    asked = np.tile([[0.2, 0.7]], (9, 1))
    assert calibrated(fit_calibration(asked, truth), asked) == pytest.approx(asked)
    assert calibrated(fit_calibration(asked, truth, "isotonic"), asked)[0].tolist() == [0, 1]


def test_curves_are_the_same_after_json():
    for how in ("platt", "isotonic"):
        decision = LabelDecision(calibration=fit_calibration(TOO_SURE, TRUTH, how))
        assert LabelDecision.from_dict(json.loads(json.dumps(asdict(decision)))) == decision


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="how is 'beta', expected one of platt, isotonic"):
        fit_calibration(TOO_SURE, TRUTH, "beta")
    with pytest.raises(ValueError, match="there are 1 curves for 3 labels"):
        calibrated(Calibration("platt", (((1.0,), (0.0,)),)), TOO_SURE)
