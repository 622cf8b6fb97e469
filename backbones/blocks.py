"""The layers of MobileNetV3 (arXiv:1905.02244, section 5 and figure 4)."""

import math
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Activation = Callable[[], nn.Module]
Norm = Callable[[int], nn.Module]


def make_divisible(value: float, divisor: int = 8) -> int:
    """Round to a multiple of `divisor`, never below 90 % of `value` (TensorFlow slim, `_make_divisible`)."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def make_norm(*, eps: float, momentum: float) -> Norm:
    """Return a constructor of batch normalisation: `norm(channels)`; momentum is 1 - TensorFlow's decay."""
    return partial(nn.BatchNorm2d, eps=eps, momentum=momentum)


class SameConv2d(nn.Conv2d):
    """Convolution padded as TensorFlow's SAME: to ceil(side / stride), an odd pixel at the bottom and the right."""

    def forward(self, x: Tensor) -> Tensor:
        """Turn x (N, C, H, W) into (N, C', ceil(H / stride), ceil(W / stride))."""
        pads: list[int] = []
        for side, kernel, stride, dilation in zip(
            x.shape[2:], self.kernel_size, self.stride, self.dilation, strict=True
        ):
            total = max((math.ceil(side / stride) - 1) * stride + (kernel - 1) * dilation + 1 - side, 0)
            pads = [total // 2, total - total // 2, *pads]  # F.pad starts at the last dimension
        return super().forward(F.pad(x, pads))


class ConvNormAct(nn.Sequential):
    """Convolution without bias, normalisation, activation; stride 1 keeps the size.

    Padding "symmetric" is the same on all sides; "same" is TensorFlow's: it differs where a stride meets an even side.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel: int,
        norm: Norm,
        act: Activation,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        padding: str = "symmetric",
    ) -> None:
        if padding == "same" and stride > 1:
            conv: nn.Conv2d = SameConv2d(in_channels, out_channels, kernel, stride, 0, dilation, groups, bias=False)
        else:
            pad = (kernel - 1) // 2 * dilation
            conv = nn.Conv2d(in_channels, out_channels, kernel, stride, pad, dilation, groups, bias=False)
        super().__init__(OrderedDict(conv=conv, norm=norm(out_channels), act=act()))


class SqueezeExcite(nn.Module):
    """Channel gate: pool, 1x1 to a quarter of the channels, ReLU, 1x1 back, hard-sigmoid (paper, section 5.3)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = make_divisible(channels / 4)
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.act = nn.ReLU()
        self.expand = nn.Conv2d(squeezed, channels, 1)
        self.gate = nn.Hardsigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Scale each channel of x (N, C, H, W) by its gate."""
        pooled = x.mean((2, 3), keepdim=True)  # (N, C, 1, 1)
        return x * self.gate(self.expand(self.act(self.reduce(pooled))))


class BlockMaps(NamedTuple):
    """The maps of one inverted residual block that may be tapped."""

    expand: Tensor  # after the 1x1 expansion, its norm and activation; the block's input where it has none
    depthwise: Tensor  # after the depthwise convolution, its norm and activation, before what follows
    out: Tensor  # after the projection and the residual


class InvertedResidual(nn.Module):
    """Expand, filter depthwise, squeeze-and-excite, project ("bneck" in the paper's tables).

    With `se_first` the squeeze-and-excite stands between the depthwise norm and its activation.
    """

    def __init__(
        self,
        in_channels: int,
        expanded: int,
        out_channels: int,
        *,
        kernel: int,
        stride: int,
        dilation: int,
        se: bool,
        act: Activation,
        norm: Norm,
        padding: str = "symmetric",
        se_first: bool = False,
    ) -> None:
        super().__init__()
        self.expand: nn.Module = nn.Identity()
        if expanded != in_channels:
            self.expand = ConvNormAct(in_channels, expanded, kernel=1, norm=norm, act=act)
        self.depthwise = ConvNormAct(
            expanded,
            expanded,
            kernel=kernel,
            stride=stride,
            dilation=dilation,
            groups=expanded,
            norm=norm,
            act=act,
            padding=padding,
        )
        self.se: nn.Module = SqueezeExcite(expanded) if se else nn.Identity()
        self.project = ConvNormAct(expanded, out_channels, kernel=1, norm=norm, act=nn.Identity)
        self.residual = stride == 1 and in_channels == out_channels
        self.se_first = se_first

    def forward(self, x: Tensor) -> BlockMaps:
        """Turn x (N, in_channels, H, W) into the block's maps; `out` goes on to the next block."""
        expand = self.expand(x)
        if self.se_first:
            conv, norm, act = self.depthwise.children()
            squeezed = depthwise = act(self.se(norm(conv(expand))))
        else:
            depthwise = self.depthwise(expand)
            squeezed = self.se(depthwise)
        out = self.project(squeezed)
        return BlockMaps(expand, depthwise, out + x if self.residual else out)


@torch.no_grad()
def init_kaiming(module: nn.Module) -> None:
    """Draw every convolution from a normal distribution of variance 2 / fan-out (He et al., arXiv:1502.01852)."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
