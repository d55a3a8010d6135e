"""A GPU that torch finds is tried before an hour is spent on it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from kaggle_utils.platform.gpu import GpuUnusable, check_gpu, gpus, has_kernels

CU128 = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"]


class FakeTensor:
    """Stands for a tensor on a card whose backward pass fails, or comes back with a wrong sum."""

    def __init__(self, fails: bool, total: float):
        self.fails, self.grad = fails, None
        self.total = total

    def __mul__(self, other):
        return self

    def sum(self):
        return self

    def backward(self):
        if self.fails:
            raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nmore")
        self.grad = SimpleNamespace(sum=lambda: self.total)


def fake_torch(cards, built_for=CU128, fails=False, total=8192.0, hip=None):
    """A module that answers like torch with these (name, capability) cards."""
    cuda = SimpleNamespace(
        is_available=lambda: bool(cards),
        device_count=lambda: len(cards),
        get_device_name=lambda n: cards[n][0],
        get_device_capability=lambda n: cards[n][1],
        get_arch_list=lambda: built_for,
        synchronize=lambda device: None,
    )
    ones = lambda *shape, device, requires_grad: FakeTensor(fails, total)  # noqa: E731
    return SimpleNamespace(cuda=cuda, ones=ones, version=SimpleNamespace(hip=hip), __version__="2.11.0+cu128")


P100 = ("Tesla P100-PCIE-16GB", (6, 0))
T4 = ("Tesla T4", (7, 5))


def test_two_cards_are_both_listed_and_both_tried():
    cards = check_gpu(fake_torch([T4, T4]))
    assert [card.device for card in cards] == ["cuda:0", "cuda:1"]
    assert cards[0].capability == (7, 5)


def test_a_p100_and_a_torch_without_its_kernels_is_one_sentence_with_two_ways_out():
    with pytest.raises(GpuUnusable) as caught:
        check_gpu(fake_torch([P100]))
    text = str(caught.value)
    assert text.startswith("Tesla P100-PCIE-16GB is sm_60, and torch 2.11.0+cu128 was built for sm_75 sm_80")
    assert "--accelerator NvidiaTeslaT4" in text and "wheels --gpu p100" in text and "\n" not in text


def test_a_second_card_without_kernels_is_found_too():
    with pytest.raises(GpuUnusable, match="P100"):
        check_gpu(fake_torch([T4, P100]))


def test_a_backward_pass_that_dies_is_reported_even_when_the_lists_agree():
    with pytest.raises(GpuUnusable, match=r"cannot compute on it \(CUDA error: no kernel image .* the device\)"):
        check_gpu(fake_torch([T4], fails=True))


def test_a_wrong_gradient_is_reported():
    with pytest.raises(GpuUnusable, match="came back as 0.0"):
        check_gpu(fake_torch([T4], total=0.0))


def test_a_build_for_other_makers_cards_is_judged_by_trying():
    assert len(check_gpu(fake_torch([T4], built_for=["gfx906"], hip="6.0"))) == 1


def test_without_a_card_there_is_nothing_to_check():
    assert check_gpu(fake_torch([])) == [] == gpus(fake_torch([]))


def test_the_real_torch_passes_its_own_check():
    pytest.importorskip("torch")
    assert len(check_gpu()) == len(gpus())


@pytest.mark.parametrize(
    "capability, built_for, expected",
    [
        ((6, 0), ["sm_50", "sm_60", "sm_70"], True),
        ((6, 1), ["sm_60"], True),  # the same major number, a higher minor one
        ((6, 0), ["sm_61"], False),
        ((7, 0), ["sm_60"], False),
        ((9, 0), ["sm_90a"], True),
        ((9, 1), ["sm_90a"], False),
        ((12, 0), ["sm_90", "compute_90"], True),  # compiled when loaded
        ((6, 0), ["compute_70"], False),
        ((10, 0), ["sm_100"], True),
        ((7, 5), [], False),
    ],
)
def test_which_code_runs_on_which_card(capability, built_for, expected):
    assert has_kernels(capability, built_for) is expected
