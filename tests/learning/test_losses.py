"""Losses: known answers by hand, smp's where it has the same, formulas written another way."""

import math

import pytest

torch = pytest.importorskip("torch")
smp = pytest.importorskip("segmentation_models_pytorch")

from torch.nn import functional  # noqa: E402
from training_fixtures import one_thread  # noqa: E402, F401

from kaggle_utils.labels.metrics import mean_f2  # noqa: E402
from kaggle_utils.learning.losses import (  # noqa: E402
    LOSSES,
    asymmetric,
    balance,
    bce,
    dice,
    dice_batch,
    focal,
    loss,
    lovasz,
    masks_and_labels,
    soft_f2,
)


@pytest.fixture
def case():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 2, 5, 7, generator=generator) * 2
    return logits, (torch.rand(3, 2, 5, 7, generator=generator) > 0.6).float()


def test_bce_is_torchs_and_smps(case):
    assert torch.isclose(bce(*case), functional.binary_cross_entropy_with_logits(*case))
    assert torch.isclose(bce(*case, smoothing=0.1), smp.losses.SoftBCEWithLogitsLoss(smooth_factor=0.1)(*case))


def test_each_class_has_its_own_weight_of_positives(case):
    logits, targets = case
    by_hand = sum(bce(logits[:, c], targets[:, c], pos_weight=w) for c, w in enumerate((2.0, 5.0))) / 2
    assert torch.isclose(bce(logits, targets, pos_weight=(2.0, 5.0)), by_hand)


def test_dice_is_the_mean_over_pairs_of_image_and_class(case):
    logits, targets = case
    pairs = []
    for x, y in zip(logits.sigmoid().flatten(0, 1), targets.flatten(0, 1), strict=True):
        pairs.append(1 - (2 * (x * y).sum() + 1) / (x.sum() + y.sum() + 1))
    assert torch.isclose(dice(logits, targets), torch.stack(pairs).mean())


def test_dice_per_image_and_per_batch_agree_on_a_single_image(case):
    logits, targets = case
    assert torch.isclose(dice(logits[:1], targets[:1]), dice_batch(logits[:1], targets[:1]))
    assert not torch.isclose(dice(logits, targets), dice_batch(logits, targets))


def test_dice_per_batch_is_smps_where_all_classes_are_there(case):
    assert torch.isclose(dice_batch(*case, smooth=0.0), smp.losses.DiceLoss("multilabel")(*case))


@pytest.mark.parametrize("function", [dice, dice_batch])
def test_an_absent_class_asks_for_an_empty_answer(function):
    sure, empty = torch.full((1, 1, 4, 4), 5.0), torch.zeros(1, 1, 4, 4)
    assert function(sure, empty).item() == pytest.approx(1 - 1 / (16 * torch.tensor(5.0).sigmoid().item() + 1))
    assert smp.losses.DiceLoss("multilabel")(sure, empty).item() == 0  # and why smp's is not used


def test_focal_is_its_formula(case):
    logits, targets = case
    p = torch.where(targets == 1, logits.sigmoid(), 1 - logits.sigmoid())
    assert torch.isclose(focal(logits, targets, gamma=3.0), (-((1 - p) ** 3) * p.log()).mean(), rtol=1e-4)
    alpha = torch.where(targets == 1, 0.25, 0.75)
    assert torch.isclose(focal(logits, targets, alpha=0.25), (-alpha * (1 - p) ** 2 * p.log()).mean(), rtol=1e-4)


def test_focal_without_focus_is_cross_entropy(case):
    assert torch.isclose(focal(*case, gamma=0.0), bce(*case), rtol=1e-4)


def test_focal_is_smps(case):
    assert torch.isclose(focal(*case, gamma=1.5, alpha=0.3), smp.losses.FocalLoss("multilabel", alpha=0.3, gamma=1.5)(*case))


def test_focal_by_hand_weighs_each_place_by_its_own_certainty_and_class():
    logits, targets = torch.tensor([[math.log(3), 0.0]]), torch.tensor([[1.0, 0.0]])  # p = .75 and .5
    by_hand = (0.25**2 * -math.log(0.75) + 0.5**2 * -math.log(0.5)) / 2
    assert focal(logits, targets).item() == pytest.approx(by_hand)
    weighted = (3 * 0.25**2 * -math.log(0.75) + 0.5 * 0.5**2 * -math.log(0.5)) / 2
    assert focal(logits, targets, class_weights=(3.0, 0.5)).item() == pytest.approx(weighted)
    certain = -math.log(math.sqrt(0.75 * 0.5))  # the copied mistake weighs the batch's mean cross entropy
    assert abs(by_hand - (1 - math.exp(-certain)) ** 2 * certain) > 0.01


@pytest.mark.parametrize("gamma, best", [(0.0, 0.10), (1.0, 0.23), (2.0, 0.31)])
def test_focal_draws_the_best_answer_towards_one_half(gamma, best):
    """One row in ten is positive: cross entropy is least at .1, focal above, so at one threshold recall rises."""
    levels = torch.linspace(0.01, 0.99, 99)
    worth = [focal(p.logit().repeat(10, 1), torch.eye(10)[:, :1], gamma=gamma).item() for p in levels]
    assert levels[worth.index(min(worth))].item() == pytest.approx(best, abs=0.011)


def test_asymmetric_by_hand():
    logits, targets = torch.tensor([[math.log(3), 0.0, -4.0]]), torch.tensor([[1.0, 0.0, 0.0]])  # p = .75, .5, .018
    by_hand = 0.25 * -math.log(0.75) + 0.45**4 * -math.log(0.55) + 0  # below the margin of .05 there is nothing
    assert asymmetric(logits, targets, gamma_pos=1.0).item() == pytest.approx(by_hand / 3)
    assert torch.isfinite(asymmetric(torch.tensor([[200.0]]), torch.tensor([[0.0]])))


def test_asymmetric_without_asymmetry_is_focal_and_cross_entropy(case):
    assert torch.isclose(asymmetric(*case, gamma_pos=2.0, gamma_neg=2.0, margin=0.0), focal(*case), rtol=1e-4)
    assert torch.isclose(asymmetric(*case, gamma_neg=0.0, margin=0.0), bce(*case), rtol=1e-4)


def test_soft_f2_of_sure_answers_is_the_metric():
    truth = torch.tensor([[1.0, 0, 1], [0, 1, 0]])
    given = torch.tensor([[1.0, 1, 1], [1, 1, 0]])
    assert soft_f2(40 * given - 20, truth).item() == pytest.approx(1 - mean_f2(truth.numpy(), given.numpy()))
    assert soft_f2(torch.zeros(1, 3), truth[:1]).item() == pytest.approx(1 - 5 * 1 / (4 * 2 + 1.5))


@pytest.mark.parametrize("name", ["bce", "focal", "asymmetric", "soft_f2"])
def test_a_step_along_the_gradient_makes_labels_better(name):
    generator = torch.Generator().manual_seed(0)
    logits, truth = torch.randn(8, 17, generator=generator, requires_grad=True), (torch.rand(8, 17, generator=generator) > 0.8) * 1.0
    before = loss(name)(logits, truth)
    before.backward()
    assert loss(name)(logits - 0.1 * logits.grad, truth) < before


def test_lovasz_is_smps_hinge_on_both_sides(case):
    logits, targets = case
    hinge = smp.losses.LovaszLoss("binary", per_image=True)
    x, y = logits.flatten(0, 1), targets.flatten(0, 1)
    assert torch.isclose(lovasz(logits, targets), (hinge(x, y) + hinge(-x, 1 - y)) / 2)


def test_lovasz_by_hand():
    # errors 1 - x s: pixel 0 (true, x=0) 1.0, pixel 1 (false, x=-1) 0. Ordered: [1, 0]; the true one missed makes
    # 1 - IoU = 1, the second adds 0: hinge 1. Mirrored: pixel 0 is now false; alone wrong it makes IoU 1/2: hinge 1/2.
    assert lovasz(torch.tensor([[[0.0, -1.0]]]), torch.tensor([[[1.0, 0.0]]])).item() == pytest.approx(0.75)


def test_lovasz_does_not_care_which_class_is_called_positive(case):
    logits, targets = case
    assert torch.isclose(lovasz(logits, targets), lovasz(-logits, 1 - targets))


@pytest.mark.parametrize("name", [*LOSSES, "bce+dice", "focal+dice", "lovasz+bce"])
def test_every_loss_falls_towards_the_truth_and_has_a_gradient(name, case):
    logits, targets = case[0].requires_grad_(), case[1]
    value = loss(name)(logits, targets)
    value.backward()
    assert logits.grad.isfinite().all() and logits.grad.abs().sum() > 0
    assert loss(name)(20 * (2 * targets - 1), targets) < value


@pytest.mark.parametrize("name", LOSSES)
def test_sixteen_bit_logits_and_eight_bit_masks_are_taken(name, case):
    value = loss(name)(case[0].bfloat16(), case[1].byte())
    assert value.dtype == torch.float32 and torch.isclose(value, loss(name)(*case), rtol=0.02)


def test_a_sum_weighs_its_parts_and_hands_options_to_those_that_know_them(case):
    by_hand = 0.3 * bce(*case, pos_weight=2.0) + 0.7 * dice(*case, smooth=5.0)
    assert torch.isclose(loss("bce+dice", weights=(0.3, 0.7), pos_weight=2.0, smooth=5.0)(*case), by_hand)


def test_labels_have_no_places():
    assert loss("bce")(torch.zeros(2, 17), torch.zeros(2, 17)).item() == pytest.approx(math.log(2))
    assert loss("focal")(torch.zeros(2, 17), torch.zeros(2, 17)).item() == pytest.approx(math.log(2) / 4)


def test_a_label_head_has_a_loss_of_its_own(case):
    labels = torch.zeros(3, 2)
    both = masks_and_labels(loss("dice"), loss("bce"), weight=0.5)((case[0], labels), (case[1], labels))
    assert torch.isclose(both, dice(*case) + 0.5 * math.log(2))


def test_mistakes_are_named(case):
    for wrong, match in [
        (lambda: loss("bce+diec"), "'diec'"),
        (lambda: loss("dice", gamma=2.0), r"\['gamma'\] are known to no part of 'dice', which knows smooth"),
        (lambda: loss("bce+dice", targets=1), r"\['targets'\].*which knows pos_weight, smoothing, smooth"),
        (lambda: loss("bce+dice", weights=(1,)), "expected 2"),
        (lambda: loss("bce")(torch.zeros(1, 2), torch.zeros(1, 3)), r"\(1, 3\).*\(1, 2\)"),
        (lambda: balance([3, 0], rows=10), "class 1 has 0"),
    ]:
        with pytest.raises(ValueError, match=match):
            wrong()
