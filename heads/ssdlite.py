"""SSDLite (arXiv:1801.04381, section 6.2) as MobileNetV3 uses it (arXiv:1905.02244, section 6.3)."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from backbones.blocks import ConvNormAct, Norm, make_norm
from backbones.taps import Tap
from heads.anchor_layouts import TENSORFLOW, AnchorLayout
from heads.anchors import build_anchors

EXTRAS = (512, 256, 256, 128)  # channels of the levels after C5, each at half the resolution of the one before
MIN_EXTRA = 16  # channels that a narrow network keeps there
INIT_STD = 0.03
CLASS_BIAS = -4.6  # sigmoid(-4.6) = .01; TensorFlow's class_prediction_bias_init. A softmax does not see it


class RawDetections(NamedTuple):
    """What the network says about each anchor."""

    class_logits: Tensor  # (N, A, 1 + K); slot 0 is background, slot 1 + k is class k
    deltas: Tensor  # (N, A, 4), unitless: dx, dy, dw, dh


def scale_extra(channels: float, width: float) -> int:
    """Scale the channels of an extra level (TensorFlow `feature_map_generators.py`, `get_depth_fn`)."""
    return max(int(channels * width), MIN_EXTRA)


def scale_extras(width: float) -> tuple[tuple[int, int], ...]:
    """Return the (half, out) channels of the extra levels of a network of some width."""
    return tuple((scale_extra(out / 2, width), scale_extra(out, width)) for out in EXTRAS)


def build_extra(in_channels: int, half: int, out_channels: int, *, norm: Norm, padding: str) -> nn.Sequential:
    """Return 1x1 to half the channels, 3x3 depthwise of stride 2, 1x1 to all."""
    return nn.Sequential(
        ConvNormAct(in_channels, half, kernel=1, norm=norm, act=nn.ReLU6),
        ConvNormAct(half, half, kernel=3, stride=2, groups=half, norm=norm, act=nn.ReLU6, padding=padding),
        ConvNormAct(half, out_channels, kernel=1, norm=norm, act=nn.ReLU6),
    )


def build_predictor(in_channels: int, out_channels: int, *, norm: Norm) -> nn.Sequential:
    """Return a separable convolution: 3x3 depthwise with norm and ReLU6, 1x1 with bias."""
    return nn.Sequential(
        ConvNormAct(in_channels, in_channels, kernel=3, groups=in_channels, norm=norm, act=nn.ReLU6),
        nn.Conv2d(in_channels, out_channels, 1),
    )


def flatten_cells(x: Tensor, values: int) -> Tensor:
    """Turn (N, anchors per cell * values, h, w) into (N, h * w * anchors per cell, values)."""
    # Four dimensions are all that many accelerators have.
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, values)


class SSDLite(nn.Module):
    """Six levels (C4, C5 and four extra ones), each with a separable class and box predictor.

    Args:
        taps: of the backbone; C4 and C5 are used.
        num_classes: K, without background.
        layout: shapes of the anchors per level.
        width: multiplier of the extra levels' channels.
        extras: (half, out) channels of each of these levels, in place of the published ones times the width.
        padding: of the extra levels' strided convolutions, "symmetric" or TensorFlow's "same".
        bn_eps: added to the variance in batch normalisation.
        bn_momentum: 1 - TensorFlow's decay.

    Attributes:
        TAPS: names of the feature maps that it takes.
        layout: shapes of the anchors per level.
        channels: (half, out) of each extra level.
        strides: of the levels in pixels, finest first.
    """

    TAPS = ("C4", "C5")

    def __init__(
        self,
        taps: Mapping[str, Tap],
        *,
        num_classes: int,
        layout: AnchorLayout = TENSORFLOW,
        width: float = 1.0,
        extras: Sequence[tuple[int, int]] | None = None,
        padding: str = "symmetric",
        bn_eps: float = 0.001,
        bn_momentum: float = 0.03,
    ) -> None:
        super().__init__()
        norm = make_norm(eps=bn_eps, momentum=bn_momentum)
        c4, c5 = (taps[name] for name in self.TAPS)
        self.channels = scale_extras(width) if extras is None else tuple(extras)
        channels = (c4.channels, c5.channels, *(out for _, out in self.channels))
        self.layout = layout
        self.strides = (c4.stride, *(c5.stride * 2**level for level in range(len(EXTRAS) + 1)))
        self.outputs = 1 + num_classes
        self.extras = nn.ModuleList(
            build_extra(before, half, out, norm=norm, padding=padding)
            for before, (half, out) in zip(channels[1:], self.channels, strict=False)
        )
        per_cell = self.layout.per_cell
        self.class_predictors = nn.ModuleList(
            build_predictor(c, a * self.outputs, norm=norm) for c, a in zip(channels, per_cell, strict=True)
        )
        self.box_predictors = nn.ModuleList(
            build_predictor(c, a * 4, norm=norm) for c, a in zip(channels, per_cell, strict=True)
        )
        self._init_weights()

    @torch.no_grad()
    def _init_weights(self) -> None:
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.trunc_normal_(layer.weight, std=INIT_STD, a=-2 * INIT_STD, b=2 * INIT_STD)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        for predictor in self.class_predictors.children():
            nn.init.constant_(list(predictor.parameters())[-1], CLASS_BIAS)

    def forward(self, features: Mapping[str, Tensor]) -> RawDetections:
        """Predict from C4 (N, C, h, w) and C5 (N, C', h', w'), in the order of `build_anchors`."""
        levels = [features[name] for name in self.TAPS]
        for extra in self.extras:
            levels.append(extra(levels[-1]))
        class_logits = [
            flatten_cells(predict(x), self.outputs) for predict, x in zip(self.class_predictors, levels, strict=True)
        ]
        deltas = [flatten_cells(predict(x), 4) for predict, x in zip(self.box_predictors, levels, strict=True)]
        return RawDetections(torch.cat(class_logits, dim=1), torch.cat(deltas, dim=1))

    def anchors(self, size: tuple[int, int]) -> Tensor:
        """Return the anchors (A, 4) for an input of `size`, xyxy in input pixels."""
        return build_anchors(size, strides=self.strides, layout=self.layout)

    def level_lengths(self, size: tuple[int, int]) -> tuple[int, ...]:
        """Return the number of anchors of each level, finest first, for an input of `size`."""
        cells = (math.ceil(size[0] / stride) * math.ceil(size[1] / stride) for stride in self.strides)
        return tuple(count * each for count, each in zip(cells, self.layout.per_cell, strict=True))
