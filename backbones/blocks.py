"""The layers of MobileNetV3 (arXiv:1905.02244, section 5 and figure 4)."""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

Activation = Callable[[], nn.Module]
Norm = Callable[[int], nn.Module]


def make_divisible(value: float, divisor: int = 8) -> int:
    """Round to a multiple of `divisor`, never below 90 % of `value` (TensorFlow slim, `_make_divisible`)."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def make_norm(*, eps: float, momentum: float) -> Norm:
    """Return a constructor of batch normalisation: `norm(channels)`; momentum is 1 - TensorFlow's decay."""
    return partial(nn.BatchNorm2d, eps=eps, momentum=momentum)


class ConvNormAct(nn.Sequential):
    """Convolution without bias, normalisation, activation; padded so that stride 1 keeps the size."""

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
    ) -> None:
        padding = (kernel - 1) // 2 * dilation
        conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding, dilation, groups, bias=False)
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
    depthwise: Tensor  # after the depthwise convolution, its norm and activation, before squeeze-and-excite
    out: Tensor  # after the projection and the residual


class InvertedResidual(nn.Module):
    """Expand, filter depthwise, squeeze-and-excite, project ("bneck" in the paper's tables)."""

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
    ) -> None:
        super().__init__()
        self.expand: nn.Module = nn.Identity()
        if expanded != in_channels:
            self.expand = ConvNormAct(in_channels, expanded, kernel=1, norm=norm, act=act)
        self.depthwise = ConvNormAct(
            expanded, expanded, kernel=kernel, stride=stride, dilation=dilation, groups=expanded, norm=norm, act=act
        )
        self.se: nn.Module = SqueezeExcite(expanded) if se else nn.Identity()
        self.project = ConvNormAct(expanded, out_channels, kernel=1, norm=norm, act=nn.Identity)
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> BlockMaps:
        """Turn x (N, in_channels, H, W) into the block's maps; `out` goes on to the next block."""
        expand = self.expand(x)
        depthwise = self.depthwise(expand)
        out = self.project(self.se(depthwise))
        return BlockMaps(expand, depthwise, out + x if self.residual else out)


@torch.no_grad()
def init_kaiming(module: nn.Module) -> None:
    """Draw every convolution from a normal distribution of variance 2 / fan-out (He et al., arXiv:1502.01852)."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
