"""Rows, names, widths and taps of the paper's baselines (MobileNetV1, V2, MnasNet-A1) and of MobileNetV4."""

from collections.abc import Mapping
from typing import NamedTuple

STEM, LAST = 32, 1280  # channels of the first and last convolution of the networks in `INVERTED`


class Inverted(NamedTuple):
    """A network of inverted residuals, for any width, in timm's notation of rows.

    Attributes:
        body: the rows before the one whose expansion is C4.
        tails: halving rule -> the rows from there; rules as in `backbones.mobilenetv3.halve_tail`.
        act: timm's name of the non-linearity.
    """

    body: tuple[str, ...]
    tails: Mapping[str, tuple[tuple[str, ...], ...]]
    act: str


INVERTED = {
    "mobilenetv2": Inverted(  # arXiv:1801.04381, Table 2
        ("ds_r1_k3_s1_c16", "ir_r2_k3_s2_e6_c24", "ir_r3_k3_s2_e6_c32", "ir_r4_k3_s2_e6_c64", "ir_r3_k3_s1_e6_c96"),
        {
            "none": (("ir_r3_k3_s2_e6_c160",), ("ir_r1_k3_s1_e6_c320",)),
            "detection": (("ir_r1_k3_s2_e6_c80", "ir_r2_k3_s1_e6_c80"), ("ir_r1_k3_s1_e6_c160",)),
            "segmentation": (("ir_r1_k3_s2_e3_c80", "ir_r2_k3_s1_e6_c80"), ("ir_r1_k3_s1_e6_c160",)),
        },
        "relu6",
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
        "relu",
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
V4 = tuple(name for name in NAMED if name.startswith("mobilenetv4"))

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


def list_widths(name: str) -> tuple[float, ...] | None:
    """Return the widths that a baseline comes in; None for any."""
    return tuple(NAMED[name]) if name in NAMED else None


def list_halvings(name: str) -> tuple[str, ...]:
    """Return the halving rules that a baseline has."""
    return tuple(INVERTED[name].tails) if name in INVERTED else ("none",)
