"""A network as layers that are timed one by one, in the manner of NetAdapt's tables (arXiv:1804.03230, section 3.2).

A layer is as large as runtimes fuse: a convolution with its activation, a whole row. What several give is joined, and
taps are handed on, at no cost worth a row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil

from torch import Tensor, nn

from backbones.blocks import ConvNormAct, InvertedResidual, make_norm
from backbones.mobilenetv3 import ACTIVATIONS, place_rows
from backbones.tables import STEM_STRIDE, list_inputs
from data.sizes import Size
from tasks.models.architecture import Arch
from tasks.models.network import choose_taps, resolve_table

Shape = tuple[int, int, int]  # channels, height, width
Setting = int | str | bool


@dataclass(frozen=True)
class Layer:
    """One layer; equal ones take as long.

    Attributes:
        kind: of it.
        settings: of its kind, by name.
        shape: of what enters it.
        make: builds it from its settings.
    """

    kind: str
    settings: tuple[tuple[str, Setting], ...]
    shape: Shape
    make: Callable[..., nn.Module] = field(compare=False, repr=False)

    @property
    def name(self) -> str:
        """What it is called in tables: "bneck c_in=16 exp_size=64 out=24 kernel=3 SE=false NL=RE s=2 on 16x96x144"."""
        settings = " ".join(f"{key}={say(value)}" for key, value in self.settings)
        return f"{self.kind} {settings} on {'x'.join(map(str, self.shape))}"

    def build(self) -> nn.Module:
        """Build it, freshly initialised, in evaluation mode."""
        return self.make(**dict(self.settings)).eval()


def say(setting: Setting) -> str:
    """Return a setting as names have it."""
    return str(setting).lower() if isinstance(setting, bool) else str(setting)


class Row(nn.Module):
    """A row of the table, whose output alone comes out."""

    def __init__(self, block: InvertedResidual) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        """Turn x (N, C, H, W) into (N, C', H', W')."""
        out: Tensor = self.block(x).out
        return out


class OnC5(nn.Module):
    """A head that takes C5 alone."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, c5: Tensor) -> Tensor:
        """Turn C5 (N, C, h, w) into logits."""
        logits: Tensor = self.head({"C5": c5})
        return logits


def make_conv(*, c_in: int, out: int, kernel: int, s: int, NL: str, padding: str = "symmetric") -> nn.Module:  # noqa: N803
    """Build a convolution with norm and activation."""
    norm = make_norm(eps=0.001, momentum=0.01)
    return ConvNormAct(c_in, out, kernel=kernel, stride=s, norm=norm, act=ACTIVATIONS[NL], padding=padding)


def make_row(
    *,
    c_in: int,
    exp_size: int,
    out: int,
    kernel: int,
    SE: bool,  # noqa: N803
    NL: str,  # noqa: N803
    s: int,
    dilation: int = 1,
    padding: str = "symmetric",
    se: str = "after_act",
) -> nn.Module:
    """Build a row."""
    block = InvertedResidual(
        c_in,
        exp_size,
        out,
        kernel=kernel,
        stride=s,
        dilation=dilation,
        se=SE,
        act=ACTIVATIONS[NL],
        norm=make_norm(eps=0.001, momentum=0.01),
        padding=padding,
        se_first=se == "before_act" and exp_size != c_in,
    )
    return Row(block)


def list_backbone(arch: Arch, size: Size) -> list[Layer]:
    """Return the layers of a MobileNetV3 for an input of (height, width) pixels, first to last."""
    table = resolve_table(arch)
    places = place_rows(table, output_stride=arch.output_stride, dilate_strided=arch.aspp == "torchvision")
    common = differing(padding=arch.padding, usual="symmetric")
    stem: dict[str, Setting] = {"c_in": 3, "out": table.stem, "kernel": 3, "s": STEM_STRIDE, "NL": table.NL, **common}
    layers = [Layer("conv", tuple(stem.items()), (3, *size), make_conv)]
    stride = STEM_STRIDE
    for row, place, channels in zip(table.rows, places, list_inputs(table), strict=True):
        settings = {"c_in": channels, **vars(row), "s": place.stride, **common}
        settings |= differing(dilation=place.dilation, usual=1) | differing(se=arch.se, usual="after_act")
        layers.append(Layer("bneck", order(settings), (channels, *shrink(size, stride)), make_row))
        stride = place.total_stride
    channels = table.rows[-1].out
    last: dict[str, Setting] = {"c_in": channels, "out": table.last, "kernel": 1, "s": 1, "NL": table.NL}
    return [*layers, Layer("conv", tuple(last.items()), (channels, *shrink(size, stride)), make_conv)]


def order(settings: Mapping[str, Setting]) -> tuple[tuple[str, Setting], ...]:
    """Return the settings of a row, channels first."""
    first = ("c_in", "exp_size", "out")
    return tuple(sorted(settings.items(), key=lambda item: first.index(item[0]) if item[0] in first else len(first)))


def differing(usual: Setting, **setting: Setting) -> dict[str, Setting]:
    """Return a setting where it is not the usual one, which names leave out."""
    return {name: value for name, value in setting.items() if value != usual}


def shrink(size: Size, stride: int) -> Size:
    """Return the size of a map at a stride."""
    return ceil(size[0] / stride), ceil(size[1] / stride)


def find_maps(arch: Arch, size: Size) -> dict[str, Shape]:
    """Return the shape of each map that the head takes, by its name."""
    table, found = resolve_table(arch), {}
    places = place_rows(table, output_stride=arch.output_stride, dilate_strided=arch.aspp == "torchvision")
    for tap, (number, part) in choose_taps(arch).items():
        if number == "last":
            found[tap] = (table.last, *shrink(size, places[-1].total_stride))
            continue
        row, place = table.rows[number - 1], places[number - 1]
        stride = place.total_stride // place.stride if part == "expand" else place.total_stride
        found[tap] = (row.out if part == "out" else row.exp_size, *shrink(size, stride))
    return found
