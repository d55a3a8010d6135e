"""Which of several candidate decisions to take, and what taking the best of them is worth.

The highest of many cross-fitted scores is partly lucky: on the built-in sample of reef the winner's own
figure is .67, and the hidden test's .46. So the choice itself is judged like a threshold: made anew on all
folds but one and scored on that one, which gives .47.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kaggle_utils.intervals import gains

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["choose", "chosen_anew"]


def choose(table: pd.DataFrame, names: Sequence[str], baseline: str, by: str, certain: bool = False) -> str:
    """The name with the highest score among those that may be chosen.

    table: as of :func:`kaggle_utils.intervals.gains`; by: the column of the score
    certain: only candidates whose gain is above 0 over its whole interval count; none: the baseline

    >>> import pandas as pd
    >>> table = pd.DataFrame({"name": ["plain", "wbf"], "f2": [0.6, 0.7], "gain_low": [0.0, -0.1]})
    >>> choose(table, ["plain", "wbf"], "plain", "f2"), choose(table, ["plain", "wbf"], "plain", "f2", certain=True)
    ('wbf', 'plain')
    """
    rows = table[table["name"].isin(names)]
    rows = rows[(rows["gain_low"] > 0) | (rows["name"] == baseline)] if certain else rows
    return str(rows.sort_values(by, kind="stable")["name"].iloc[-1])


def chosen_anew(
    counts: Mapping[str, np.ndarray],
    fold_of_group: np.ndarray,
    score: Callable[[np.ndarray], np.ndarray],
    baseline: str,
    certain: bool = False,
) -> dict[Any, str]:
    """{fold: the name that :func:`choose` takes on the other folds alone}.

    counts: name -> (G, K) of groups of rows, cross-fitted; fold_of_group: (G,); score: as for
    :func:`kaggle_utils.intervals.bootstrap_interval`

    >>> counts = {"a": np.array([[9, 10], [1, 10]]), "b": np.array([[2, 10], [8, 10]])}  # right, of ten
    >>> chosen_anew(counts, np.array([0, 1]), lambda sums: sums[:, 0] / sums[:, 1], "a")
    {0: 'b', 1: 'a'}
    """
    found = {}
    for fold in np.unique(fold_of_group).tolist():
        others = np.asarray(fold_of_group) != fold
        if not others.any():
            raise ValueError(f"all groups lie in fold {fold}, expected at least two folds")
        table = gains({name: one[others] for name, one in counts.items()}, score, baseline, "score")
        found[fold] = choose(table, list(counts), baseline, "score", certain)
    return found
