"""Several frames of an item as one picture: how a segmenter of single pictures looks at them.

The frames lie one behind another in the channels, (B, T * C, H, W), so what reads, augments and turns pictures need not
know of time. A segmenter takes them as they are, as one picture of many channels; or

- ``conv3d``: its encoder looks at each frame alone, and at each scale convolutions over time and space mix what it saw
  (2.5D). What they add begins as zero, so a network that starts from a trained one of single pictures answers at first
  exactly as that one does of the labelled frame.
- ``panels``: the frames stand side by side in one large picture, of which the labelled one's panel is the answer.

Both are hooks on a network of segmentation_models_pytorch, whose tensors keep their names: weights of single pictures fit.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

WAYS = ("", "conv3d", "panels")


def over_time(net: nn.Module, way: str, frames: int, labelled: int, layers: int = 3, width: int = 4) -> nn.Module:
    """The network, changed, for images (B, frames * C, H, W); it answers for one frame.

    way: of WAYS; labelled: the frame's number; layers: of a convolution over time at each scale, for ``conv3d``
    width: channels of these are the scale's divided by it
    Raises ValueError for a way that is not known, a frame that is not there, and for less than one layer.

    >>> import segmentation_models_pytorch as smp
    >>> net = smp.Unet("resnet18", encoder_weights=None).eval()
    >>> image = torch.rand(2, 4, 3, 64, 64)  # four frames
    >>> alone = net(image[:, 2])
    >>> torch.allclose(over_time(net, "conv3d", 4, 2).eval()(image.flatten(1, 2)), alone, atol=1e-5)
    True
    """
    if way not in WAYS:
        raise ValueError(f"over_time is {way!r}, expected one of {', '.join(WAYS[1:])}, or empty: frames are channels")
    if way and not 0 <= labelled < frames:
        raise ValueError(f"the labelled frame is number {labelled}, expected one of {frames}, numbered from 0")
    if way == "conv3d":
        if layers < 1:
            raise ValueError(f"time_layers is {layers}, expected 1 or more")
        net.time = _OverTime(net.encoder.out_channels, frames, labelled, layers, width)
        net.encoder.register_forward_pre_hook(partial(_apart, frames=frames))
        net.encoder.register_forward_hook(net.time)
    if way == "panels":
        net.register_forward_pre_hook(partial(_side_by_side, frames=frames))
        net.register_forward_hook(partial(_panel, frames=frames, labelled=labelled))
    return net


def _apart(encoder: nn.Module, given: tuple[torch.Tensor], frames: int) -> tuple[torch.Tensor]:
    """(B, T * C, H, W) -> (B * T, C, H, W)"""
    return (given[0].unflatten(1, (frames, -1)).flatten(0, 1),)


class _OverTime(nn.Module):
    """Features of each frame at each scale, (B * T, C, H, W) -> those of the labelled frame, (B, C, H, W)."""

    def __init__(self, channels: list[int], frames: int, labelled: int, layers: int, width: int) -> None:
        super().__init__()
        self.frames, self.labelled = frames, labelled
        mixed = (nn.Sequential(*(_Mixed(c, max(8, c // width)) for _ in range(layers if c else 0))) for c in channels[1:])
        self.scales = nn.ModuleList([nn.Identity(), *mixed])  # the first are the pictures themselves

    def forward(self, encoder: nn.Module, given: tuple, features: list[torch.Tensor]) -> list[torch.Tensor]:
        apart = (one.unflatten(0, (len(one) // self.frames, self.frames)).transpose(1, 2) for one in features)
        return [mix(one)[:, :, self.labelled] for mix, one in zip(self.scales, apart, strict=True)]  # of (B, C, T, H, W)


class _Mixed(nn.Module):
    """A bottleneck with a convolution over 3 frames and 3 x 3 pixels; what it adds begins as zero."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.narrow, self.mix = nn.Conv3d(channels, inner, 1, bias=False), nn.Conv3d(inner, inner, 3, padding=1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm3d(inner), nn.BatchNorm3d(inner)])
        self.wide = nn.Conv3d(inner, channels, 1)
        nn.init.zeros_(self.wide.weight)
        nn.init.zeros_(self.wide.bias)

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        inner = self.norms[0](self.narrow(seen)).relu()
        return seen + self.wide(self.norms[1](self.mix(inner)).relu())


def _columns(frames: int) -> int:
    """Of the large picture: as square as its rows can be full.

    >>> [_columns(frames) for frames in (1, 4, 6, 7, 8)]
    [1, 2, 3, 7, 4]
    """
    return next(n for n in range(1, frames + 1) if frames % n == 0 and n * n >= frames)


def _side_by_side(net: nn.Module, given: tuple[torch.Tensor], frames: int) -> tuple[torch.Tensor]:
    """(B, T * C, H, W) -> (B, C, rows * H, columns * W)"""
    columns = _columns(frames)
    panels = given[0].unflatten(1, (frames // columns, columns, -1))  # (B, rows, columns, C, H, W)
    return (panels.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3),)


def _panel(
    net: nn.Module, given: tuple, answer: torch.Tensor | tuple[torch.Tensor, torch.Tensor], frames: int, labelled: int
) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
    """(B, K, rows * H, columns * W) -> (B, K, H, W); labels of a label head stay as they are."""
    if isinstance(answer, tuple):
        return _panel(net, given, answer[0], frames, labelled), answer[1]
    columns = _columns(frames)
    panels = answer.unflatten(3, (columns, -1)).unflatten(2, (frames // columns, -1))  # (B, K, rows, H, columns, W)
    return panels[:, :, labelled // columns, :, labelled % columns]
