"""MobileNetV3's Tables 1 and 2 (arXiv:1905.02244) as rows, and the feature maps that heads take as a table."""

from typing import Literal, NamedTuple

RE, HS = "ReLU", "h-swish"
SE, NO_SE = True, False
STEM = 16  # channels of the first convolution

TapPoint = tuple[int | Literal["last"], Literal["expand", "depthwise", "out"]]


class Row(NamedTuple):
    """One line of the paper's table."""

    kernel: int
    expanded: int
    out: int
    se: bool
    act: str  # RE or HS
    stride: int


class Table(NamedTuple):
    """The rows, numbered from 1, and the width of the last 1x1 convolution."""

    rows: tuple[Row, ...]
    last: int


TABLES = {
    "large": Table(
        (
            Row(3, 16, 16, NO_SE, RE, 1),
            Row(3, 64, 24, NO_SE, RE, 2),
            Row(3, 72, 24, NO_SE, RE, 1),
            Row(5, 72, 40, SE, RE, 2),
            Row(5, 120, 40, SE, RE, 1),
            Row(5, 120, 40, SE, RE, 1),
            Row(3, 240, 80, NO_SE, HS, 2),
            Row(3, 200, 80, NO_SE, HS, 1),
            Row(3, 184, 80, NO_SE, HS, 1),
            Row(3, 184, 80, NO_SE, HS, 1),
            Row(3, 480, 112, SE, HS, 1),
            Row(3, 672, 112, SE, HS, 1),
            Row(5, 672, 160, SE, HS, 2),
            Row(5, 960, 160, SE, HS, 1),
            Row(5, 960, 160, SE, HS, 1),
        ),
        last=960,
    ),
    "small": Table(
        (
            Row(3, 16, 16, SE, RE, 2),
            Row(3, 72, 24, NO_SE, RE, 2),
            Row(3, 88, 24, NO_SE, RE, 1),
            Row(5, 96, 40, SE, HS, 2),
            Row(5, 240, 40, SE, HS, 1),
            Row(5, 240, 40, SE, HS, 1),
            Row(5, 120, 48, SE, HS, 1),
            Row(5, 144, 48, SE, HS, 1),
            Row(5, 288, 96, SE, HS, 2),
            Row(5, 576, 96, SE, HS, 1),
            Row(5, 576, 96, SE, HS, 1),
        ),
        last=576,
    ),
}

# The first row of the stride-32 stage: its expansion, still at stride 16, is C4.
TAIL = {"large": 13, "small": 9}

# Where the paper's heads take their maps: SSDLite C4 and C5 (section 6.3), LR-ASPP C5 and skip (section 6.4).
# "low" is what torchvision's LR-ASPP takes for a skip: the output of the row that reaches stride 8.
TAPS: dict[str, dict[str, TapPoint]] = {
    "large": {"C4": (13, "expand"), "C5": ("last", "out"), "skip": (6, "depthwise"), "low": (4, "out")},
    "small": {"C4": (9, "expand"), "C5": ("last", "out"), "skip": (3, "depthwise"), "low": (2, "out")},
}

HALVINGS = ("none", "detection", "segmentation")
OUTPUT_STRIDES = (16, 32)
PADDINGS = ("symmetric", "same")
SE_ORDERS = ("after_act", "before_act")
CHOICES: dict[str, tuple[object, ...]] = {
    "name": tuple(TABLES),
    "halving": HALVINGS,
    "output_stride": OUTPUT_STRIDES,
    "padding": PADDINGS,
    "se": SE_ORDERS,
}
