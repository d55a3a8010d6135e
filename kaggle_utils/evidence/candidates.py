"""Which of several candidate decisions to take, and what taking the best of them is worth.

The highest of many cross-fitted scores is partly lucky: on the built-in sample of reef the winner's own
figure is .67, and the hidden test's .46. So the choice itself is judged like a threshold: made anew on all
folds but one, by figures that have not seen that one either, and scored on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kaggle_utils.evidence.crossfit import first_of_best
from kaggle_utils.evidence.intervals import gains

if TYPE_CHECKING:
    import pandas as pd


def choose(table: pd.DataFrame, names: Sequence[str], baseline: str, by: str, certain: bool = False) -> str:
    """The name with the highest score among those that may be chosen; of equals the first, of NaN none.

    table: as of :func:`kaggle_utils.evidence.intervals.gains`; by: the column of the score
    certain: only candidates whose gain is above 0 over its whole interval count; none: the baseline

    >>> import pandas as pd
    >>> table = pd.DataFrame({"name": ["plain", "wbf"], "f2": [0.6, 0.7], "gain_low": [0.0, -0.1]})
    >>> choose(table, ["plain", "wbf"], "plain", "f2"), choose(table, ["plain", "wbf"], "plain", "f2", certain=True)
    ('wbf', 'plain')
    """
    rows = table[table["name"].isin(names)]
    rows = rows[(rows["gain_low"] > 0) | (rows["name"] == baseline)] if certain else rows
    return str(rows["name"].iloc[first_of_best(rows[by].fillna(-np.inf))])


def chosen_anew(
    counts: Mapping[str, Mapping[Any, np.ndarray]],
    score: Callable[[np.ndarray], np.ndarray],
    baseline: str,
    certain: bool = False,
) -> dict[Any, str]:
    """{fold: the name that :func:`choose` takes without it}.

    counts: name -> {fold: (G, K) counts of the other folds' groups, by rules that have not seen the fold either};
        where three folds and more are, each of the others judged by a rule of the rest
    score: as for :func:`kaggle_utils.evidence.intervals.bootstrap_interval`

    >>> a, b = np.array([[9, 10]]), np.array([[8, 10]])  # right, of ten
    >>> chosen_anew({"a": {0: b, 1: a}, "b": {0: a, 1: b}}, lambda sums: sums[:, 0] / sums[:, 1], baseline="a")
    {0: 'b', 1: 'a'}
    """
    found = {}
    for fold in counts[baseline]:
        others = {name: one[fold] for name, one in counts.items()}
        found[fold] = choose(_table(others, score, baseline, certain), list(counts), baseline, "score", certain)
    return found


def _table(
    counts: Mapping[str, np.ndarray], score: Callable[[np.ndarray], np.ndarray], baseline: str, certain: bool
) -> pd.DataFrame:
    """Intervals take seconds where groups are many, and are looked at only to be certain."""
    import pandas as pd

    if certain:
        return gains(counts, score, baseline)
    sums = {name: score(np.asarray(one, np.float64).sum(0, keepdims=True))[0] for name, one in counts.items()}
    return pd.DataFrame({"name": list(sums), "score": list(sums.values()), "gain_low": np.nan})
