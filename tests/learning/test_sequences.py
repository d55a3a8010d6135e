"""Frames in the channels of a picture: what each way of looking at them sees, and that one frame's weights fit."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from kaggle_utils.learning.checkpoints import start_from, write_checkpoint
from kaggle_utils.learning.models import ModelParameters, build
from kaggle_utils.learning.sequences import _panel, _side_by_side, over_time

ONE = ModelParameters("fpn", "resnet18", classes=1, labels=1)
FOUR = replace(ONE, channels=12, sequence=4, labelled=2)


def frames(n=2, size=64):
    return torch.randint(0, 256, (n, 12, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("norm", ["batch", "group everywhere"])
def test_a_network_over_time_that_starts_from_one_of_pictures_answers_as_that_one_does(tmp_path, norm):
    alone = build(replace(ONE, norm=norm), seed=1).eval()
    write_checkpoint(tmp_path / "w.pth", {"state": alone.state_dict()})
    over = build(replace(FOUR, over_time="conv3d", norm=norm), seed=2)
    fitting, _ = start_from(over, tmp_path / "w.pth")
    assert fitting == len(alone.state_dict()) - 2  # all but mean and deviation, which are there for each frame
    with torch.no_grad():
        answers, expected = over.eval()(frames()), alone(frames()[:, 6:9])
    assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(answers, expected, strict=True))


def test_what_convolutions_over_time_add_is_learnt_and_depends_on_the_other_frames():
    over, seen = build(replace(FOUR, over_time="conv3d", time_layers=1)), frames()
    over(seen)[0].sum().backward()
    assert all(mixed[-1].wide.weight.grad.abs().sum() > 0 for mixed in over.net.time.scales[2:])  # fpn reads these
    for mixed in over.net.time.scales[1:]:
        nn.init.normal_(mixed[-1].wide.weight, generator=torch.Generator().manual_seed(1))
    other, later = copy.deepcopy(over).eval(), seen.clone()
    later[:, 9:] = 255 - later[:, 9:]
    with torch.no_grad():
        assert not torch.allclose(other(seen)[0], other(later)[0])
        assert torch.equal(over.eval()(seen)[0], other(seen)[0])  # a copy, as the moving average is, has hooks of its own
        nn.init.zeros_(other.net.time.scales[-1][-1].wide.weight)
        assert not torch.equal(over(seen)[0], other(seen)[0])


def test_frames_as_channels_are_one_picture():
    model = build(FOUR)
    assert model.net.encoder.conv1.weight.shape[1] == 12 and model(frames())[0].shape == (2, 1, 64, 64)


@pytest.mark.parametrize("labelled", range(6))
def test_a_panel_is_the_frame_that_was_laid_there(labelled):
    seen = torch.arange(2 * 6 * 3 * 4 * 5.0).reshape(2, 18, 4, 5)
    (large,) = _side_by_side(None, (seen,), frames=6)
    assert large.shape == (2, 3, 8, 15)
    assert torch.equal(_panel(None, (), large, 6, labelled), seen.unflatten(1, (6, 3))[:, labelled])
    assert torch.equal(large[:, :, :4, 5:10], seen[:, 3:6])  # the second frame, right of the first


def test_panels_answer_in_the_size_of_a_frame():
    masks, labels = build(replace(FOUR, over_time="panels")).eval()(frames())
    assert masks.shape == (2, 1, 64, 64) and labels.shape == (2, 1)


def test_enlarged_pictures_are_answered_in_their_own_size():
    model = build(replace(ONE, enlarged=2)).eval()
    sizes = []
    model.net.register_forward_pre_hook(lambda net, given: sizes.append(given[0].shape))
    with torch.no_grad():
        assert model(frames()[:, :3])[0].shape == (2, 1, 64, 64) and sizes == [(2, 3, 128, 128)]


@pytest.mark.parametrize(
    "settings, told",
    [
        (("conv2d", 4, 2), "over_time is 'conv2d', expected one of conv3d, panels"),
        (("conv3d", 4, 4), "labelled frame is number 4, expected one of 4"),
        (("conv3d", 4, 2, 0), "time_layers is 0"),
    ],
)
def test_what_cannot_be_is_refused(settings, told):
    with pytest.raises(ValueError, match=told):
        over_time(nn.Identity(), *settings)
