"""MobileNetV3's Tables 1 and 2 (arXiv:1905.02244) as rows, and the feature maps that heads take as a table."""

from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import mul
from typing import Literal

RE, HS = "RE", "HS"  # ReLU and h-swish, as the paper's tables have them
SE, NO_SE = True, False
STEM = 16  # channels of the first convolution, whose stride is 2

TapPoint = tuple[int | Literal["last"], Literal["expand", "depthwise", "out"]]

KERNELS = (3, 5, 7)
STRIDES = (1, 2)
WHOLE_STRIDE = 32  # of the last row, in pixels of the image
STEM_STRIDE = 2
MOST_CHANNELS, MOST_ROWS = 8192, 200


def check_fields(own: object, **allowed: tuple[object, ...]) -> None:
    """Check that each field of a row or table has one of the values allowed, or channels: a positive integer.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """
    for name, values in allowed.items():
        found = getattr(own, name)
        if values and not any(type(found) is type(value) and found == value for value in values):
            raise ValueError(f"{name}: unknown {found!r}; choose from {', '.join(map(str, values))}")
        if not values and not (type(found) is int and 1 <= found <= MOST_CHANNELS):
            raise ValueError(f"{name}: {found!r}; expected an integer from 1 to {MOST_CHANNELS}")


@dataclass(frozen=True)
class Row:
    """One line of the paper's table, under the names of its columns.

    Attributes:
        kernel: of the depthwise convolution.
        exp_size: channels after the expansion.
        out: channels of the output, #out in the paper.
        SE: whether there is a squeeze-and-excite; it has a quarter of the expanded channels.
        NL: the non-linearity, RE or HS.
        s: stride.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """

    kernel: int
    exp_size: int
    out: int
    SE: bool
    NL: str
    s: int

    def __post_init__(self) -> None:
        check_fields(self, kernel=KERNELS, exp_size=(), out=(), SE=(False, True), NL=(RE, HS), s=STRIDES)


@dataclass(frozen=True)
class Table:
    """A network: its rows, numbered from 1, and the layers around them.

    Attributes:
        rows: from the first to the last, at strides of 2 to 32 pixels.
        last: channels of the last 1x1 convolution.
        hidden: channels of the classifier's hidden layer.
        stem: channels of the first convolution.
        NL: non-linearity of these three layers.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """

    rows: tuple[Row, ...]
    last: int
    hidden: int
    stem: int = STEM
    NL: str = HS

    def __post_init__(self) -> None:
        check_fields(self, last=(), hidden=(), stem=(), NL=(RE, HS))
        if len(self.rows) > MOST_ROWS:
            raise ValueError(f"rows: {len(self.rows)}; expected at most {MOST_ROWS}")
        strides = list_strides(self)
        if strides[-1] != WHOLE_STRIDE:
            raise ValueError(
                f"rows: the stem's stride of {STEM_STRIDE} and their s make {strides[-1]}; expected {WHOLE_STRIDE}"
            )
        tail = find_tail(self)
        if self.rows[tail - 1].exp_size == list_inputs(self)[tail - 1]:
            raise ValueError(
                f"rows.{tail}.exp_size: {self.rows[tail - 1].exp_size}, as many as enter the row, so that it has no "
                "expansion; expected another number: that expansion is C4"
            )


def list_strides(table: Table) -> list[int]:
    """Return the stride of each map in pixels of the image: of the stem's, then of each row's."""
    return list(accumulate((row.s for row in table.rows), mul, initial=STEM_STRIDE))


def list_inputs(table: Table) -> list[int]:
    """Return the channels that enter each row."""
    return [table.stem, *(row.out for row in table.rows)][:-1]


def find_tail(table: Table) -> int:
    """Return the number of the row that reaches stride 32: its expansion, still at stride 16, is C4."""
    return next(n for n, (x, y) in enumerate(pairwise(list_strides(table)), start=1) if x < y == WHOLE_STRIDE)


def find_taps(table: Table) -> dict[str, TapPoint]:
    """Return where the paper's heads take their maps.

    SSDLite takes C4 and C5 (section 6.3), LR-ASPP C5 and skip, the last depthwise output at stride 8 (section 6.4).
    "low" is what torchvision's LR-ASPP takes for a skip: the output of the row that reaches stride 8.
    """
    eighths = [number for number, stride in enumerate(list_strides(table)) if stride == 8]
    return {
        "C4": (find_tail(table), "expand"),
        "C5": ("last", "out"),
        "skip": (eighths[-1], "depthwise"),
        "low": (eighths[0], "out"),
    }


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
        hidden=1280,
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
        hidden=1024,
    ),
}


HALVINGS = ("none", "detection", "segmentation")
OUTPUT_STRIDES = (16, 32)
PADDINGS = ("symmetric", "same")
SE_ORDERS = ("after_act", "before_act")
CHOICES: dict[str, tuple[object, ...]] = {
    "halving": HALVINGS,
    "output_stride": OUTPUT_STRIDES,
    "padding": PADDINGS,
    "se": SE_ORDERS,
}
