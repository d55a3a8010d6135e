"""What taking the best of several candidates is worth."""

import numpy as np
import pandas as pd
import pytest

from kaggle_utils.evidence.candidates import choose, chosen_anew


def hits(sums: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return sums[:, 0] / sums[:, 1]


def table(scores: list[float], gain_low: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"name": list("abcd")[: len(scores)], "f2": scores, "gain_low": gain_low})


def test_of_equals_the_first_and_of_nan_none_is_taken():
    assert choose(table([0.5, 0.5 + 1e-12, np.nan], [0, 0, 0]), list("abc"), "a", "f2") == "a"
    assert choose(table([0.5, 0.6, 0.7], [0, 0, 0]), ["a", "b"], "a", "f2") == "b"


def test_to_be_certain_a_gain_must_be_above_nothing():
    assert choose(table([0.5, 0.6, 0.7], [0, 0.01, -0.01]), list("abc"), "a", "f2", certain=True) == "b"
    assert choose(table([0.5, 0.6, 0.7], [0, -0.2, -0.01]), list("abc"), "a", "f2", certain=True) == "a"


@pytest.mark.parametrize("certain", [False, True])
def test_each_fold_gets_what_is_best_on_the_others(certain):
    better, worse = np.tile([9, 10], (6, 1)), np.tile([5, 10], (6, 1))
    counts = {"plain": {0: worse, 1: worse}, "good in 0": {0: worse, 1: better}, "good in 1": {0: better, 1: worse}}
    assert chosen_anew(counts, hits, "plain", certain) == {0: "good in 1", 1: "good in 0"}
