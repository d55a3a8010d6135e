"""Weights of an ensemble: hill climbing here and as hill-climbing and hillclimbers do it, on the same out-of-fold numbers.

An answer is what the weights are worth on folds that had no say in them, with a rule fitted where they were found: the
threshold of F2, or none for the log loss. The peers climb towards the metric they are given, which fits the threshold
for each ensemble it is asked about, as ours does. ``same`` is whether ours is worth
at least as much, in the mean of several data sets. ClimberCV picks
the model that it starts from by the very fold it then judges; that is left as it is. climb_hill knows no folds, so it
is run for each on the others, and answers for the one left out as if that were the test.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from functools import partial

import numpy as np

from kaggle_utils.evidence.weights import select_weights

from . import Job, Peer, job

MODELS, FOLDS, THRESHOLDS, ROUNDS = 8, 5, 100, 40
SETS = 5
_LEAST = 1e-4  # differences of the metric below this are none


def some_predictions(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """probabilities (MODELS, rows) of what is true (rows,) in one row of five, the folds (rows,); models come in alike pairs.

    Each model is calibrated: it sees the truth behind noise of variance 1.
    """
    rng = np.random.default_rng(seed)
    true = rng.random(rows) < 0.2
    shared = rng.normal(0, 1, (MODELS // 2, rows)).repeat(2, axis=0)
    skill = np.linspace(0.9, 0.5, MODELS)[:, None]
    seen = skill * (2.0 * true - 1) + 0.8 * shared + 0.6 * rng.normal(0, 1, (MODELS, rows))
    return 1 / (1 + 4 * np.exp(-2 * skill * seen)), true, np.arange(rows) % FOLDS


def losses(true: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """(..., N) log losses."""
    own = np.where(true, probability, 1 - probability)
    return -np.log(np.maximum(own, 1e-15))


def log_loss(true: np.ndarray, probability: np.ndarray) -> float:
    """The mean, below 0 as higher is better for all here."""
    return -float(losses(true, np.asarray(probability)).mean())


def f2_counts(true: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """(THRESHOLDS, 3) hits, true and predicted where a row of at least 0, 0.01, ... is predicted."""
    place = np.minimum((np.asarray(probability) * THRESHOLDS).astype(np.int64), THRESHOLDS - 1)
    each = np.bincount(2 * place + true, minlength=2 * THRESHOLDS).reshape(-1, 2)[::-1].cumsum(0)[::-1]
    return np.column_stack([each[:, 1], np.full(THRESHOLDS, each[0, 1]), each.sum(1)])


def f2_of(counts: np.ndarray) -> np.ndarray:
    """(...) F2 of (..., 3)."""
    return 5 * counts[..., 0] / (4 * counts[..., 1] + counts[..., 2])


def best_f2(true: np.ndarray, probability: np.ndarray) -> float:
    """At its best threshold, on the same rows."""
    return float(f2_of(f2_counts(true, probability)).max())


def cross_fitted_f2(true: np.ndarray, fold: np.ndarray, ensembles: list[np.ndarray]) -> float:
    """ensembles: for each fold (N,), by weights that have not seen it; its threshold is fitted on the other folds."""
    total = np.zeros(3)
    for k, mean in enumerate(ensembles):
        threshold = f2_of(f2_counts(true[fold != k], mean[fold != k])).argmax()
        total += f2_counts(true[fold == k], mean[fold == k])[threshold]
    return float(f2_of(total))


def weighed(probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.asarray(weights, float) @ probabilities / np.sum(weights)


def climbed_f2(probabilities: np.ndarray, true: np.ndarray, fold: np.ndarray) -> float:
    def counts(weights: np.ndarray) -> np.ndarray:
        means = weights @ probabilities
        return np.array([[f2_counts(true[fold == k], mean[fold == k]) for k in range(FOLDS)] for mean in means])

    found = select_weights(counts, MODELS, lambda sums: f2_of(sums).max(), rounds=ROUNDS)
    return cross_fitted_f2(true, fold, [weighed(probabilities, found.decisions[k]) for k in range(FOLDS)])


def climbed_loss(probabilities: np.ndarray, true: np.ndarray, fold: np.ndarray) -> float:
    def counts(weights: np.ndarray) -> np.ndarray:
        sums = [np.bincount(fold, one) for one in losses(true, weights @ probabilities)]
        return np.stack([sums, np.broadcast_to(np.bincount(fold), (len(sums), FOLDS))], axis=-1)

    return select_weights(counts, MODELS, lambda sums: -sums[0] / sums[1], rounds=ROUNDS).cross_fitted


def with_climber(metric: Callable, probabilities: np.ndarray, true: np.ndarray, fold: np.ndarray) -> list[np.ndarray]:
    """ClimberCV's ensemble for each fold, by the weights found on the others."""
    import pandas as pd
    from hill_climbing import ClimberCV
    from sklearn.model_selection import PredefinedSplit

    table = pd.DataFrame(probabilities.T, columns=[f"m{i}" for i in range(MODELS)])
    settings = {"objective": "maximize", "eval_metric": metric, "verbose": False, "n_jobs": 1}
    climber = ClimberCV(cv=PredefinedSplit(fold), **settings)
    with contextlib.redirect_stdout(io.StringIO()):
        climber.fit(table, true)
    histories = [history for _, history in climber.history.groupby("fold")]
    return [sum(c * table[m].to_numpy() for m, c in zip(own["model"], own["coef"])) for own in histories]


def with_climb_hill(metric: Callable, probabilities: np.ndarray, true: np.ndarray, fold: np.ndarray) -> list[np.ndarray]:
    """The same by climb_hill."""
    import pandas as pd
    from hillclimbers import climb_hill

    table, ensembles = pd.DataFrame(probabilities.T, columns=[f"m{i}" for i in range(MODELS)]), []
    for k in range(FOLDS):
        others = fold != k
        with contextlib.redirect_stdout(io.StringIO()):
            mean = climb_hill(
                train=pd.DataFrame({"true": true[others]}), oof_pred_df=table[others].reset_index(drop=True), test_pred_df=table,
                target="true", objective="maximize", eval_metric=partial(metric), plot_hill=False,
            )  # fmt: skip
        ensembles.append(mean)
    return ensembles


def at_least(ours: float, theirs: float) -> bool:
    return ours >= theirs - _LEAST


def against_climbers(title: str, rows: int, ours: Callable, metric: Callable, judge: Callable) -> Job:
    """Of several data sets, as one alone decides by luck; judge: (true, fold, ensembles) -> the cross-fitted figure."""
    given = [some_predictions(rows, seed) for seed in range(SETS)]

    def peer(name: str, climb: Callable, needs: tuple[str, ...]) -> Peer:
        def run() -> float:
            return float(np.mean([judge(true, fold, climb(metric, one, true, fold)) for one, true, fold in given]))

        return Peer(name, lambda: run, needs=needs, target=1, same=at_least, rounds=3)

    peers = [
        peer("hill-climbing, ClimberCV", with_climber, ("hill_climbing", "sklearn")),
        peer("hillclimbers, climb_hill", with_climb_hill, ("hillclimbers",)),
    ]
    title = f"{title}, {MODELS} models x {rows:,} rows, {FOLDS} folds, {SETS} data sets"
    return Job(title, lambda: float(np.mean([ours(*one) for one in given])), peers)


@job
def weights_and_threshold() -> Job:
    """The threshold is fitted with the weights."""
    return against_climbers("weights and threshold for F2", 10_000, climbed_f2, best_f2, cross_fitted_f2)


@job
def weights_for_log_loss() -> Job:
    def judge(true: np.ndarray, fold: np.ndarray, ensembles: list[np.ndarray]) -> float:
        return log_loss(true, np.choose(fold, ensembles))

    return against_climbers("weights for the log loss", 10_000, climbed_loss, log_loss, judge)
