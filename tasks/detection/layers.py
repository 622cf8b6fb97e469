"""The layers of a detector's head, as they are timed one by one."""

from collections.abc import Mapping

from torch import Tensor, nn

from backbones.blocks import make_norm
from heads.ssdlite import build_extra, build_predictor, flatten_cells, scale_extras
from tasks.models.architecture import Arch
from tasks.models.layers import Layer, Shape, differing, shrink
from tasks.models.network import choose_layout

BOX = 4  # numbers of an anchor
NORM = make_norm(eps=0.001, momentum=0.03)


class Predictors(nn.Module):
    """Both predictors of a level."""

    def __init__(self, channels: int, per_cell: int, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs
        self.classes = build_predictor(channels, per_cell * outputs, norm=NORM)
        self.boxes = build_predictor(channels, per_cell * BOX, norm=NORM)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Turn a level (N, C, H, W) into its class logits and deltas."""
        return flatten_cells(self.classes(x), self.outputs), flatten_cells(self.boxes(x), BOX)


def make_extra(*, c_in: int, half: int, out: int, padding: str = "symmetric") -> nn.Module:
    """Build an extra level."""
    return build_extra(c_in, half, out, norm=NORM, padding=padding)


def make_predictors(*, c_in: int, anchors: int, outputs: int) -> nn.Module:
    """Build the predictors of a level with so many anchors at a cell."""
    return Predictors(c_in, anchors, outputs)


def list_layers(arch: Arch, maps: Mapping[str, Shape]) -> list[Layer]:
    """Return the layers of the head, for maps of these shapes."""
    levels, layers = [maps["C4"], maps["C5"]], []
    for half, out in arch.extras or scale_extras(arch.width):
        channels, *size = levels[-1]
        settings = {"c_in": channels, "half": half, "out": out, **differing(padding=arch.padding, usual="symmetric")}
        layers.append(Layer("extra", tuple(settings.items()), levels[-1], make_extra))
        levels.append((out, *shrink((size[0], size[1]), 2)))
    for level, per_cell in zip(levels, choose_layout(arch).per_cell, strict=True):
        settings = {"c_in": level[0], "anchors": per_cell, "outputs": 1 + arch.num_classes}
        layers.append(Layer("predictors", tuple(settings.items()), level, make_predictors))
    return layers
