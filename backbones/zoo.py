"""The paper's baselines (MobileNetV1, V2, MnasNet-A1) and MobileNetV4, built by timm, behind the same taps.

Needs the optional dependency timm, which is imported when the first such network is built.
"""

from collections.abc import Mapping
from functools import partial
from types import ModuleType
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor

from backbones.blocks import make_divisible
from backbones.taps import Tap

STEM, LAST = 32, 1280  # channels of the first and last convolution of the networks in `INVERTED`


class Inverted(NamedTuple):
    """A network of inverted residuals, for any width, in timm's notation of rows.

    Attributes:
        body: the rows before the one whose expansion is C4.
        tails: halving rule -> the rows from there; rules as in `backbones.mobilenetv3.halve_tail`.
        act: the non-linearity.
    """

    body: tuple[str, ...]
    tails: Mapping[str, tuple[tuple[str, ...], ...]]
    act: type[nn.Module]


INVERTED = {
    "mobilenetv2": Inverted(  # arXiv:1801.04381, Table 2
        ("ds_r1_k3_s1_c16", "ir_r2_k3_s2_e6_c24", "ir_r3_k3_s2_e6_c32", "ir_r4_k3_s2_e6_c64", "ir_r3_k3_s1_e6_c96"),
        {
            "none": (("ir_r3_k3_s2_e6_c160",), ("ir_r1_k3_s1_e6_c320",)),
            "detection": (("ir_r1_k3_s2_e6_c80", "ir_r2_k3_s1_e6_c80"), ("ir_r1_k3_s1_e6_c160",)),
            "segmentation": (("ir_r1_k3_s2_e3_c80", "ir_r2_k3_s1_e6_c80"), ("ir_r1_k3_s1_e6_c160",)),
        },
        nn.ReLU6,
    ),
    "mnasnet_a1": Inverted(  # arXiv:1807.11626, Figure 7
        (
            "ds_r1_k3_s1_e1_c16_noskip",
            "ir_r2_k3_s2_e6_c24",
            "ir_r3_k5_s2_e3_c40_se0.25",
            "ir_r4_k3_s2_e6_c80",
            "ir_r2_k3_s1_e6_c112_se0.25",
        ),
        {
            "none": (("ir_r3_k5_s2_e6_c160_se0.25",), ("ir_r1_k3_s1_e6_c320",)),
            "detection": (("ir_r1_k5_s2_e6_c80_se0.25", "ir_r2_k5_s1_e6_c80_se0.25"), ("ir_r1_k3_s1_e6_c160",)),
            "segmentation": (("ir_r1_k5_s2_e3_c80_se0.25", "ir_r2_k5_s1_e6_c80_se0.25"), ("ir_r1_k3_s1_e6_c160",)),
        },
        nn.ReLU,
    ),
}

# Networks that timm has in some widths only: width -> its name.
NAMED = {
    "mobilenetv1": {1.0: "mobilenetv1_100", 1.25: "mobilenetv1_125"},
    "mobilenetv4_conv_small": {
        0.35: "mobilenetv4_conv_small_035",
        0.5: "mobilenetv4_conv_small_050",
        1.0: "mobilenetv4_conv_small",
    },
    "mobilenetv4_conv_medium": {1.0: "mobilenetv4_conv_medium"},
    "mobilenetv4_conv_large": {1.0: "mobilenetv4_conv_large"},
    "mobilenetv4_hybrid_medium": {0.75: "mobilenetv4_hybrid_medium_075", 1.0: "mobilenetv4_hybrid_medium"},
    "mobilenetv4_hybrid_large": {0.75: "mobilenetv4_hybrid_large_075", 1.0: "mobilenetv4_hybrid_large"},
}
BASELINES = (*INVERTED, *NAMED)

# tap -> timm's name of the layer. As for MobileNetV3, C4 is the expansion of the first block of the last stage, where
# there is one, and the skip is what the depthwise convolution of the last block at stride 8 gives, before
# squeeze-and-excite. A classifier's last 1x1 convolution is C5 for a detector; "body" is the map before it, which
# the paper's segmenters take on these networks (Table 7; TensorFlow DeepLab, `layer_18`).
INVERTED_TAPS = {"C4": "blocks.5.0.bn1", "C5": "bn2", "body": "blocks.6.0", "skip": "blocks.2.2.bn2"}
V4_TAPS = {"C4": "blocks.3.0.pw_exp", "C5": "blocks.4.0", "body": "blocks.4.0", "skip": "blocks.1.1.dw_mid"}
TAPS: dict[str, dict[str, str]] = {
    **dict.fromkeys(INVERTED, INVERTED_TAPS),
    **dict.fromkeys(NAMED, V4_TAPS),
    "mobilenetv1": {"C4": "blocks.3.5", "C5": "blocks.4.1", "body": "blocks.4.1", "skip": "blocks.2.1.bn1"},
    "mobilenetv4_conv_small": {**V4_TAPS, "skip": "blocks.1.1"},
}


def import_timm() -> ModuleType:
    """Import timm.

    Raises:
        ModuleNotFoundError: saying how to install it.
    """
    try:
        import timm
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("needs timm: pip install 'bneck[timm]'") from error
    return timm


def list_widths(name: str) -> tuple[float, ...] | None:
    """Return the widths that a baseline comes in; None for any."""
    return tuple(NAMED[name]) if name in NAMED else None


def list_halvings(name: str) -> tuple[str, ...]:
    """Return the halving rules that a baseline has."""
    return tuple(INVERTED[name].tails) if name in INVERTED else ("none",)


def build_inverted(name: str, *, width: float, halving: str, output_stride: int) -> nn.Module:
    """Build a network of `INVERTED`, with its classifier; all channels are scaled, the last convolution's too."""
    import_timm()
    from timm.models import EfficientNet
    from timm.models._efficientnet_builder import decode_arch_def, round_channels

    body, tails, act = INVERTED[name]
    return EfficientNet(
        block_args=decode_arch_def([[row] for row in body] + [list(rows) for rows in tails[halving]]),
        stem_size=STEM,
        num_features=make_divisible(LAST * width),
        round_chs_fn=partial(round_channels, multiplier=width),
        act_layer=act,
        output_stride=output_stride,
    )


class TimmBackbone(nn.Module):
    """The part of a timm network that the taps need; its layers keep timm's names, so timm's weights fit.

    Args:
        name: one of `BASELINES`.
        taps: name -> timm's name of the layer, such as those in `TAPS[name]`.
        width: multiplier of the channels.
        halving: rule for the channels between C4 and C5.
        output_stride: stride of C5, 32 or 16; at 16 only the rows after the strided one are dilated.
        bn_eps: added to the variance in batch normalisation.
        bn_momentum: 1 - TensorFlow's decay.

    Attributes:
        taps: name -> Tap, in the order asked for.

    Raises:
        ModuleNotFoundError: if timm is not installed.
        ValueError: if there is no such width or halving.
    """

    def __init__(
        self,
        name: str,
        *,
        taps: Mapping[str, str],
        width: float = 1.0,
        halving: str = "none",
        output_stride: int = 32,
        bn_eps: float = 0.001,
        bn_momentum: float = 0.01,
    ) -> None:
        super().__init__()
        if halving not in list_halvings(name):
            raise ValueError(f"halving: unknown {halving!r} of {name}; choose from {list_halvings(name)}")
        widths = list_widths(name)
        if widths is None:
            net = build_inverted(name, width=width, halving=halving, output_stride=output_stride)
        elif width in widths:
            net = import_timm().create_model(NAMED[name][width], features_only=True, output_stride=output_stride)
        else:
            raise ValueError(f"width: {width} of {name}; timm has {widths}")
        for layer in net.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eps, layer.momentum = bn_eps, bn_momentum
        self.net = cut(net, taps)
        found = measure_taps(self.net)
        self.taps = {tap: found[tap] for tap in taps}

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Turn images (N, 3, H, W) into tap name -> (N, channels, ceil(H / stride), ceil(W / stride))."""
        maps = self.net(images)
        return {tap: maps[tap] for tap in self.taps}


def cut(net: nn.Module, points: Mapping[str, str]) -> nn.Module:
    """Return a network that gives the outputs of the named layers, tap -> layer, and has no more than they need."""
    from timm.layers.norm_act import BatchNormAct2d

    return create_feature_extractor(
        net, {layer: tap for tap, layer in points.items()}, tracer_kwargs={"leaf_modules": [BatchNormAct2d]}
    )


@torch.no_grad()
def measure_taps(net: nn.Module) -> dict[str, Tap]:
    """Run a small image through and note the channels and stride of each map."""
    side = 64
    training = net.training
    maps = net.eval()(torch.zeros(1, 3, side, side))
    net.train(training)
    return {tap: Tap(tap, x.shape[1], side // x.shape[2]) for tap, x in maps.items()}
