"""MobileNetV3 (arXiv:1905.02244): the network of `backbones.tables`' rows, at any width and output stride."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from torch import Tensor, nn

from backbones.blocks import Activation, ConvNormAct, InvertedResidual, init_kaiming, make_divisible, make_norm
from backbones.tables import CHOICES, HS, NO_SE, RE, STEM_STRIDE, TABLES, Table, TapPoint, find_tail, find_taps
from backbones.taps import Tap

ACTIVATIONS: dict[str, Activation] = {RE: nn.ReLU, HS: nn.Hardswish}


def check_choices(**values: object) -> None:
    """Check arguments of `MobileNetV3` by name.

    Raises:
        ValueError: if one is not among its `CHOICES`.
    """
    for name, value in values.items():
        if value not in CHOICES[name]:
            raise ValueError(f"{name}: unknown {value!r}; choose from {CHOICES[name]}")


def find_table(name: str) -> Table:
    """Return the published rows of a network.

    Raises:
        ValueError: if there are none of this name.
    """
    if name not in TABLES:
        raise ValueError(f"name: unknown {name!r}; choose from {tuple(TABLES)}")
    return TABLES[name]


def halve_tail(table: Table, rule: str) -> Table:
    """Halve the channels of the feature layers between C4 and C5 (paper, sections 6.3 and 6.4).

    Args:
        table: the published rows.
        rule: "none"; "detection" keeps C4's own channels (Table 6); "segmentation" halves them too (Table 7).

    Returns:
        The rows with halved channels.
    """
    if rule == "none":
        return table
    keep_c4, tail = rule == "detection", find_tail(table)
    rows = tuple(
        replace(
            row,
            out=row.out // 2 if number >= tail else row.out,
            exp_size=row.exp_size // 2 if number > tail or (number == tail and not keep_c4) else row.exp_size,
        )
        for number, row in enumerate(table.rows, start=1)
    )
    return replace(table, rows=rows, last=table.last // 2)


def scale_width(table: Table, width: float) -> Table:
    """Scale outputs, then expansions as the published factor of the scaled input (TensorFlow slim `mobilenet_v3.py`).

    torchvision scales the expansions directly instead, and so misses the paper's figures for widths below 1. The
    classifier's hidden layer is left alone by these ("finegrain" there).
    """
    stem = make_divisible(table.stem * width)
    published, scaled, rows = table.stem, stem, []
    for row in table.rows:
        out = make_divisible(row.out * width)
        rows.append(replace(row, exp_size=make_divisible(scaled * row.exp_size / published), out=out))
        published, scaled = row.out, out
    hidden = make_divisible(table.hidden * max(1.0, width))
    return replace(table, rows=tuple(rows), last=make_divisible(table.last * width), hidden=hidden, stem=stem)


def strip_to_minimal(table: Table) -> Table:
    """Remove squeeze-and-excite, h-swish and 5x5 kernels ("minimalistic" in TensorFlow's model zoo)."""
    return replace(table, rows=tuple(replace(row, kernel=3, SE=NO_SE, NL=RE) for row in table.rows), NL=RE)


def vary(table: Table, *, width: float = 1.0, minimalistic: bool = False, halving: str = "none") -> Table:
    """Return the rows of a variant of a network, see `MobileNetV3`."""
    table = halve_tail(table, halving)
    if width != 1.0:
        table = scale_width(table, width)
    return strip_to_minimal(table) if minimalistic else table


class Place(NamedTuple):
    """How a row runs at an output stride."""

    stride: int
    dilation: int
    total_stride: int  # of its output, in pixels of the image


def place_rows(table: Table, *, output_stride: int, dilate_strided: bool) -> list[Place]:
    """Give up strides for dilation where they would pass the output stride.

    Args:
        table: the rows, after a stem of stride 2.
        output_stride: the largest stride of a map.
        dilate_strided: whether a row that gives up its stride is dilated itself (torchvision), or the later ones only.

    Returns:
        One place a row.
    """
    places, total, dilation = [], STEM_STRIDE, 1
    for row in table.rows:
        stride = row.s if total * row.s <= output_stride else 1
        later = dilation * row.s // stride
        total *= stride
        places.append(Place(stride, later if dilate_strided else dilation, total))
        dilation = later
    return places


class MobileNetV3(nn.Module):
    """The convolutional part of MobileNetV3, giving the feature maps that are asked for.

    Any input from 32 pixels up works, odd sizes included.

    Args:
        name: "large" or "small", or rows of one's own.
        taps: name -> (row number from 1 or "last", part), parts as in `BlockMaps`; C4, C5 and skip by default.
        width: multiplier of the channels.
        minimalistic: no squeeze-and-excite, h-swish or 5x5 kernels.
        halving: rule for the channels between C4 and C5, see `halve_tail`.
        output_stride: stride of C5. At 16 the last strided row runs at stride 1 and the rows after it are dilated.
        dilate_strided: dilate that strided row too, as torchvision does; TensorFlow does not.
        padding: of strided convolutions: "symmetric", or "same" as in TensorFlow, which pads the right and bottom only
            where a stride meets an even size. Weights from there need it.
        se: where squeeze-and-excite stands in rows with an expansion: "after_act" of the depthwise convolution (the
            paper, TensorFlow, torchvision, timm), or "before_act" (d-li14/mobilenetv3.pytorch).
        bn_eps: added to the variance in batch normalisation.
        bn_momentum: 1 - TensorFlow's decay.

    Attributes:
        taps: name -> Tap, in the order asked for.
        table: its rows, with width, halving and the like applied.
    """

    def __init__(
        self,
        name: str | Table,
        *,
        taps: Mapping[str, TapPoint] | None = None,
        width: float = 1.0,
        minimalistic: bool = False,
        halving: str = "none",
        output_stride: int = 32,
        dilate_strided: bool = False,
        padding: str = "symmetric",
        se: str = "after_act",
        bn_eps: float = 0.001,
        bn_momentum: float = 0.01,
    ) -> None:
        super().__init__()
        check_choices(halving=halving, output_stride=output_stride, padding=padding, se=se)
        table = name if isinstance(name, Table) else find_table(name)
        self.table = table = vary(table, width=width, minimalistic=minimalistic, halving=halving)
        act, channels = ACTIVATIONS[table.NL], table.stem
        norm = make_norm(eps=bn_eps, momentum=bn_momentum)
        self.stem = ConvNormAct(3, channels, kernel=3, stride=STEM_STRIDE, norm=norm, act=act, padding=padding)
        self.blocks = nn.ModuleList()
        maps: dict[TapPoint, tuple[int, int]] = {}  # tap point -> channels, stride
        placed = place_rows(table, output_stride=output_stride, dilate_strided=dilate_strided)
        for number, (row, place) in enumerate(zip(table.rows, placed, strict=True), start=1):
            block = InvertedResidual(
                channels,
                row.exp_size,
                row.out,
                kernel=row.kernel,
                stride=place.stride,
                dilation=place.dilation,
                se=row.SE,
                act=ACTIVATIONS[row.NL],
                norm=norm,
                padding=padding,
                se_first=se == "before_act" and row.exp_size != channels,
            )
            self.blocks.append(block)
            maps[number, "expand"] = row.exp_size, place.total_stride // place.stride
            maps[number, "depthwise"] = row.exp_size, place.total_stride
            maps[number, "out"] = row.out, place.total_stride
            channels = row.out
        self.last = ConvNormAct(channels, table.last, kernel=1, norm=norm, act=act)
        maps["last", "out"] = table.last, placed[-1].total_stride
        usual = {tap: point for tap, point in find_taps(table).items() if tap != "low"}
        self.tap_points = dict(usual if taps is None else taps)
        unknown = [point for point in self.tap_points.values() if point not in maps]
        if unknown:
            raise ValueError(
                f"unknown tap points {unknown}; choose (row 1 to {len(table.rows)}, part) or ('last', 'out')"
            )
        self.taps = {tap: Tap(tap, *maps[point]) for tap, point in self.tap_points.items()}
        init_kaiming(self)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Turn images (N, 3, H, W) into tap name -> (N, channels, ceil(H / stride), ceil(W / stride))."""
        x = self.stem(images)
        features = {}
        for number, block in enumerate(self.blocks, start=1):
            maps = block(x)
            x = maps.out
            for tap, (row, part) in self.tap_points.items():
                if row == number:
                    features[tap] = getattr(maps, part)
            del maps  # or they would take memory while the next block runs
        x = self.last(x)
        features |= {tap: x for tap, (row, _) in self.tap_points.items() if row == "last"}
        return {tap: features[tap] for tap in self.tap_points}
