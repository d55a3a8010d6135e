"""The search for mask decisions: brute force as referee, and the promise that rows are only rows."""

from itertools import product

import cv2
import numpy as np
import pytest

from kaggle_utils.masks.components import remove_small
from kaggle_utils.masks.dice import dice_counts, dice_from_counts, mean_dice
from kaggle_utils.masks.rules import OUTLINES, ClassDecision, MaskDecision, masks_by_rule
from kaggle_utils.masks.search import dice_of, fit
from kaggle_utils.masks.statistics import measure

LEVELS = (60, 100, 140, 180)
N, C, H, W = 12, 3, 20, 30


def some_images(seed):
    """probabilities and truths (N, C, H, W), class scores (N, C): blobs that are half right."""
    rng = np.random.default_rng(seed)

    def field(sigma):
        noise = cv2.GaussianBlur(rng.random((H, W)), (0, 0), sigma)
        return (noise - noise.min()) / np.ptp(noise)

    bases = np.array([[field(4) for _ in range(C)] for _ in range(N)])
    there = rng.random((N, C, 1, 1)) > 0.5
    noise = np.array([[field(1.5) for _ in range(C)] for _ in range(N)])
    probabilities = (255 * (0.6 * bases * np.where(there, 1, 0.7) + 0.4 * noise)).astype(np.uint8)
    scores = 0.3 * there[:, :, 0, 0] + 0.7 * rng.random((N, C))
    return probabilities, (bases > 0.6) & there, scores


PROBABILITIES, TRUTHS, SCORES = some_images(0)
SEEN = measure(PROBABILITIES, TRUTHS, LEVELS, OUTLINES)
FOLDS = np.arange(N) % 3


def scored(masks, c=slice(None)):
    return dice_from_counts(dice_counts(masks, TRUTHS[:, c])).sum()


def every_decision():
    """Some of each kind."""
    yield from (ClassDecision(draw=level, min_component=size) for level, size in product(LEVELS, (0, 1, 9, 60, 999)))
    for outline, size, gate in product(OUTLINES, (0, 40, 999), (0, 0.5)):
        yield ClassDecision(draw=60, decide=140, min_size=size, gate=gate, outline=outline)


@pytest.mark.parametrize("top_n, best_class", [(0, False), (0, True), (50, False), (50, True)])
def test_the_statistics_know_what_every_decision_would_score(top_n, best_class):
    for rule in every_decision():
        decision = MaskDecision((rule,) * C, top_n, best_class)
        masks = np.stack([masks_by_rule(decision, *image) for image in zip(PROBABILITIES, SCORES, strict=True)])
        expected = dice_from_counts(dice_counts(masks, TRUTHS))
        assert np.allclose(dice_of(SEEN, decision, SCORES), expected, atol=1e-12), rule


def best_by_force(c, outlines=("drawn",)):
    """The best sum of Dice of one class over every level and size, every mask drawn anew."""
    maps = PROBABILITIES[:, c]
    sums = [
        scored(np.stack([remove_small(m >= level, size) for m in maps]), c)
        for level, size in product(LEVELS, range(H * W + 2))
    ]
    for low, high, outline in product(LEVELS, LEVELS, outlines):
        rule = ClassDecision(draw=low, outline=outline)
        masks = np.stack([masks_by_rule(MaskDecision((rule,)), m[None])[0] for m in maps])
        each = dice_from_counts(dice_counts(masks, TRUTHS[:, c]))
        reach, empty = (maps >= high).sum((1, 2)), ~TRUTHS[:, c].any((1, 2))
        if low <= high:
            sums += [np.where(reach >= size, each, empty).sum() for size in range(H * W + 2)]
    return max(sums)


def test_no_level_and_no_size_is_better_than_the_one_found():
    found = fit(measure(PROBABILITIES, TRUTHS, LEVELS), FOLDS)
    forced = sum(best_by_force(c) for c in range(C)) / (N * C)
    assert found.fitted == pytest.approx(forced, abs=1e-12)


def test_no_outline_is_better_than_the_one_found():
    forced = sum(best_by_force(c, OUTLINES) for c in range(C)) / (N * C)
    assert fit(SEEN, FOLDS).fitted == pytest.approx(forced, abs=1e-12)


def every_rule(seen, c):
    """Each level with each size there is, of components and of pixels; gates are left open."""
    for draw, decide, outline in product(LEVELS, LEVELS, OUTLINES):
        sizes = np.unique(seen.pixels[:, c, decide]) if draw <= decide else []
        yield from (ClassDecision(draw, 0, decide, size, outline=outline) for size in [0, *(np.array(sizes) + 1).tolist()])
    for number, level in enumerate(LEVELS):
        areas = np.unique(seen.steps[c].at(number)[1])
        yield from (ClassDecision(level, int(area) + 1) for area in areas)


@pytest.mark.parametrize("keeps_best", [False, True])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_level_size_and_gate_together_are_better_than_those_found(seed, keeps_best):
    probabilities, truths, scores = some_images(seed)
    scores = (scores if seed else 1 - scores).round(1)  # scores that are equal; in the first case misleading ones
    seen = measure(probabilities, truths, LEVELS, OUTLINES)
    found = fit(seen, FOLDS, scores, best_class=[keeps_best])
    best = keeps_best & (np.arange(C) == scores.argmax(1)[:, None])
    sums = np.zeros(C)
    for c in range(C):
        decisions = (MaskDecision((rule,) * C, 0, keeps_best) for rule in every_rule(seen, c))
        dice = np.array([dice_of(seen, decision, scores)[:, c] for decision in decisions])  # (rules, N)
        for gate in [0.0, *scores[:, c].tolist(), 2.0]:
            kept = best[:, c] | (scores[:, c] >= gate)
            sums[c] = max(sums[c], np.where(kept, dice, seen.empty[:, c]).sum(1).max())
    assert dice_of(seen, found.decision, scores).sum(0) == pytest.approx(sums, abs=1e-12)
    assert found.fitted == pytest.approx(sums.sum() / (N * C), abs=1e-12)


def test_size_and_gate_are_found_together():
    """One after the other ends at .75: without a gate it pays to keep no mask, and then no gate is left to find."""
    maps = np.zeros((4, 1, 1, 8), np.uint8)
    for i, size in enumerate((4, 4, 4, 6)):
        maps[i, ..., :size] = 200
    truths = np.zeros_like(maps)
    truths[0] = maps[0]
    scores = np.array([[0.9], [0.1], [0.2], [0.3]])
    seen, folds = measure(maps, truths, [100]), np.array([0, 0, 1, 1])
    assert fit(seen, folds).fitted == 0.75
    found = fit(seen, folds, scores, best_class=[False])
    assert found.fitted == 1 and found.decision.classes[0].gate == 0.9


def test_the_best_setting_is_taken():
    settings = list(product([0, 50], [False, True]))
    alone = [fit(SEEN, FOLDS, SCORES, top_n=[n], best_class=[kept]).fitted for n, kept in settings]
    together = fit(SEEN, FOLDS, SCORES, top_n=[0, 50])
    assert together.fitted == max(alone) > min(alone)
    assert (together.decision.top_n, together.decision.best_class) == settings[int(np.argmax(alone))]


def test_masks_of_one_size_stay_or_go_together():
    maps = np.zeros((3, 1, 1, 9), np.uint8)
    maps[:2, ..., :5], maps[2, ..., :7] = 200, 200  # 5, 5 and 7 pixels
    truths = np.zeros_like(maps)
    truths[1] = maps[1]  # the second mask is right, the others should be empty
    assert fit(measure(maps, truths, [100]), np.arange(3)).fitted == pytest.approx(2 / 3)  # all three go


@pytest.mark.parametrize("settings", [{}, {"class_scores": SCORES}, {"class_scores": SCORES, "top_n": (0, 50)}])
def test_the_fitted_score_is_that_of_the_masks(settings):
    found = fit(SEEN, FOLDS, **settings)
    scores = settings.get("class_scores", [None] * N)
    masks = np.stack([masks_by_rule(found.decision, *image) for image in zip(PROBABILITIES, scores, strict=True)])
    assert found.fitted == pytest.approx(mean_dice(dice_counts(masks, TRUTHS)), abs=1e-12)


def test_a_fold_is_judged_by_what_was_fitted_without_it():
    found, sums = fit(SEEN, FOLDS, SCORES, top_n=(0, 50)), 0.0
    for fold, decision in found.decisions.items():
        others = FOLDS != fold
        alone = measure(PROBABILITIES[others], TRUTHS[others], LEVELS, OUTLINES)
        assert fit(alone, np.arange(others.sum()) % 2, SCORES[others], top_n=(0, 50)).decision == decision
        sums += dice_of(SEEN, decision, SCORES)[~others].sum()
    assert found.cross_fitted == pytest.approx(sums / (N * C))


def test_what_is_fitted_on_noise_gains_nothing_honestly():
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 256, (40, 1, 6, 6), np.uint8)
    truths = np.broadcast_to(rng.random((40, 1, 1, 1)) > 0.5, noise.shape)  # full or empty, and nothing tells
    found = fit(measure(noise, truths, range(1, 256, 10)), np.arange(40) % 4)
    assert found.fitted > found.cross_fitted


def test_images_may_come_one_by_one():
    one_by_one = measure(iter(PROBABILITIES), (truth for truth in TRUTHS), LEVELS, OUTLINES)
    assert np.array_equal(one_by_one.drawn, SEEN.drawn) and one_by_one.levels == LEVELS


def test_outlines_can_be_left_out_of_what_was_measured():
    assert fit(SEEN.without_outlines, FOLDS) == fit(measure(PROBABILITIES, TRUTHS, LEVELS), FOLDS) != fit(SEEN, FOLDS)


def test_maps_without_any_component_are_measured():
    nothing = np.zeros((2, 1, 5, 5), np.uint8)
    found = fit(measure(nothing, nothing, LEVELS), np.array([0, 1]))
    assert found.fitted == found.cross_fitted == 1


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: measure(PROBABILITIES, TRUTHS, LEVELS, ["hull"]), "expected 'drawn' first"),
        (lambda: measure(PROBABILITIES, TRUTHS[1:], LEVELS), "shorter"),
        (lambda: dice_of(SEEN, MaskDecision((ClassDecision(draw=61),) * C)), "class 0 draws from .24"),
        (lambda: dice_of(SEEN, MaskDecision((ClassDecision(60, 9, outline="hull"),) * C)), "'drawn' alone"),
        (lambda: fit(SEEN, FOLDS, SCORES[:, :2]), r"shape \(12, 2\), expected \(12, 3\)"),
        (lambda: fit(SEEN, np.zeros(N)), "at least two folds"),
    ],
)
def test_what_does_not_fit_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
