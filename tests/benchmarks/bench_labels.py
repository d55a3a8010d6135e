"""Labels at Amazon's size, 40,479 images with 17 labels: thresholds, expected F2, one evaluation, intervals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kaggle_utils.evidence.intervals import bootstrap_interval, gains
from kaggle_utils.labels.metrics import LabelMetric, mean_f2
from kaggle_utils.labels.rules import LabelRule, labels_by_rule
from kaggle_utils.labels.search import fit_cuts, fit_one_cut

from . import Job, Peer, job

IMAGES = 40_479
Score = Callable[[np.ndarray, np.ndarray], float]
SHARES = np.array([0.927, 0.702, 0.304, 0.199, 0.183, 0.179, 0.111, 0.09, 0.067, 0.052, 0.021, 0.0084, 0.0084, 0.0082, 0.0052, 0.0025, 0.0024])  # fmt: skip


def chips(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(N, 17) float32 probabilities of a good network, and truths with the real frequencies."""
    rng = np.random.default_rng(seed)
    truth = rng.random((IMAGES, len(SHARES))) < SHARES
    truth[:, 0] |= ~truth.any(1)
    odds = np.log(SHARES / (1 - SHARES)) + np.where(truth, 2.0, -0.5) + rng.normal(0, 1.2, truth.shape)
    return (1 / (1 + np.exp(-odds))).astype(np.float32), truth


def copied_loop(probabilities: np.ndarray, truth: np.ndarray, score: Score) -> Callable[[], tuple[float, ...]]:
    """What public notebooks do: label by label .00 to .99, the metric of all images each time, from .2 on."""

    def run() -> tuple[float, ...]:
        cuts = [0.2] * truth.shape[1]
        for label in range(truth.shape[1]):
            best, found = 0.0, cuts[label]
            for step in range(100):
                cuts[label] = step / 100
                value = score(truth, probabilities >= np.array(cuts))
                if value > best:
                    best, found = value, cuts[label]
            cuts[label] = found
        return tuple(cuts)

    return run


def sklearn_f2(truth: np.ndarray, predicted: np.ndarray) -> float:
    from sklearn.metrics import fbeta_score

    return fbeta_score(truth, predicted, beta=2, average="samples")


def torchmetrics_f2(truth: np.ndarray, predicted: np.ndarray) -> Callable[[], float]:
    """Per image, averaged: torchmetrics calls it samplewise, with the macro average of one image's only class."""
    import torch
    from torchmetrics.functional.classification import multilabel_fbeta_score

    tensors = torch.from_numpy(predicted.astype(np.int64)), torch.from_numpy(truth.astype(np.int64))

    def run() -> float:
        each = multilabel_fbeta_score(
            *tensors, beta=2.0, num_labels=truth.shape[1], average="micro", multidim_average="samplewise", validate_args=False
        )
        return float(each.mean())

    return run


def expected_in_numpy(probabilities: np.ndarray) -> np.ndarray:
    """All images at once: of each size, how many given and how many other labels are true, and the sum over both."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    p, n_labels = np.take_along_axis(probabilities, order, 1).astype(np.float64), probabilities.shape[1]
    given, best, sizes = np.ones((len(p), 1)), np.zeros(len(p)), np.zeros(len(p), int)
    left = [np.ones((len(p), 1))]
    for column in p.T[::-1]:
        left.append(_one_more(left[-1], column))
    for size in range(1, n_labels + 1):
        given = _one_more(given, p[:, size - 1])
        hits, others = np.arange(size + 1)[:, None], np.arange(n_labels - size + 1)
        worth = 5 * hits / (size + 4 * (hits + others))
        expected = np.einsum("na,ab,nb->n", given, worth, left[n_labels - size], optimize=True)
        better = expected > best + 5e-9
        best, sizes = np.where(better, expected, best), np.where(better, size, sizes)
    found = np.empty(p.shape, bool)
    np.put_along_axis(found, order, np.arange(n_labels) < sizes[:, None], 1)
    return found


def _one_more(counts: np.ndarray, p: np.ndarray) -> np.ndarray:
    grown = np.zeros((len(counts), counts.shape[1] + 1))
    grown[:, :-1] += counts * (1 - p[:, None])
    grown[:, 1:] += counts * p[:, None]
    return grown


def first_thresholds() -> None:
    """The kernels of the searches on two rows."""
    fit_cuts(np.array([[0.9, 0.2], [0.6, 0.4]], np.float32), np.array([[True, False], [True, True]]))


def first_sets() -> None:
    """The kernel of expectations on one row."""
    labels_by_rule(LabelRule(), np.array([[0.9, 0.2]], np.float32))


@job
def thresholds_per_label() -> Job:
    """17 thresholds for the mean F2."""
    probabilities, truth = chips()

    def no_worse(ours: LabelRule, theirs: tuple[float, ...]) -> bool:
        return mean_f2(truth, probabilities >= np.array(ours.cuts)) >= mean_f2(truth, probabilities >= np.array(theirs))

    def loop(score: Score) -> Callable[[], Callable[[], tuple[float, ...]]]:
        return lambda: copied_loop(probabilities, truth, score)

    return Job(
        title="a threshold a label for mean F2, 40,479 x 17 (the same answer: not worse)",
        ours=lambda: fit_cuts(probabilities, truth),
        peers=[
            Peer("copied loop, scikit-learn's metric", loop(sklearn_f2), ("sklearn",), 800, no_worse, rounds=1),
            Peer("copied loop, our metric", loop(mean_f2), same=no_worse, rounds=1),
        ],
        first_call=first_thresholds,
    )


@job
def one_threshold() -> Job:
    """The best of all 688,143 thresholds."""
    probabilities, truth = chips()
    grid = np.arange(1, 100) / 100

    def hundredths() -> float:
        return max(mean_f2(truth, probabilities >= cut) for cut in grid)

    return Job(
        title="one threshold for mean F2, the best of 688,143 (the same answer: not worse)",
        ours=lambda: fit_one_cut(probabilities, truth),
        peers=[Peer("hundredths, our metric", lambda: hundredths,
                    same=lambda rule, best: mean_f2(truth, probabilities >= rule.cuts[0]) >= best)],
    )  # fmt: skip


@job
def expected_f2_of_all_images() -> Job:
    """The label set with the highest expected F2, of each image."""
    probabilities, _ = chips()
    return Job(
        title="label sets with the highest expected F2, 40,479 x 17",
        ours=lambda: labels_by_rule(LabelRule(), probabilities),
        peers=[
            Peer("NumPy, all images at once", lambda: lambda: expected_in_numpy(probabilities), target=3, same=np.array_equal)
        ],
        first_call=first_sets,
    )


@job
def one_evaluation() -> Job:
    """The mean F2 of decided labels."""
    probabilities, truth = chips()
    predicted = probabilities >= 0.2

    def close(ours: float, theirs: float) -> bool:
        return abs(ours - theirs) < 1e-6

    return Job(
        title="mean F2 of 40,479 x 17 labels",
        ours=lambda: mean_f2(truth, predicted),
        peers=[
            Peer("scikit-learn", lambda: lambda: sklearn_f2(truth, predicted), ("sklearn",), 10, close),
            Peer("torchmetrics", lambda: torchmetrics_f2(truth, predicted), ("torchmetrics",), 1, close),
        ],
    )


@job
def intervals_of_20_candidates() -> Job:
    """2,000 resamples of 40,479 groups, the same for all candidates."""
    probabilities, truth = chips()
    metric = LabelMetric()
    counts = {f"{cut:.2f}": metric.counts(truth, probabilities >= cut) for cut in np.linspace(0.05, 0.5, 20)}

    def one_by_one() -> np.ndarray:
        return np.array([bootstrap_interval(one, metric.score).low for one in counts.values()])

    return Job(
        title="intervals of 20 candidates over 40,479 groups",
        ours=lambda: gains(counts, metric.score, "0.05")["low"].to_numpy(),
        peers=[Peer("a draw for each", lambda: one_by_one, target=5, same=np.array_equal, rounds=1)],
    )
