"""A model as one static graph of tensors, each stage of it by name: what every format is converted from."""

import copy
from abc import abstractmethod

import torch
from torch import Tensor, nn

from backbones.mobilenetv3 import MobileNetV3
from backbones.tables import TapPoint
from tasks.formats.settings import GraphSettings
from tasks.models.preprocessing import Preprocessing

Stages = dict[str, Tensor]
PREPROCESSING = "preprocessing"  # the stage that a network begins with
ORDER = ("expand", "depthwise", "out")  # of a block's maps, first computed first


class Graph(nn.Module):
    """A model as one static graph: no shape in it depends on the values of a tensor.

    Attributes:
        settings: what is in it.
        outputs: names of the stages that the file gives.
        levels: of stages (N, A, ...) that several layers give, one behind the other: how many of the A each gives.
        raw: names of the stages that the head gives.
        planes: whether pixels come as (N, 3, H, W) float32, 0 to 255, as formats without bytes take them.
    """

    raw: tuple[str, ...]
    planes = False

    def __init__(self, settings: GraphSettings, preprocessing: Preprocessing, *, outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.settings, self.outputs = settings, outputs
        self.levels: dict[str, tuple[int, ...]] = {}
        scale, shift = (torch.stack(values) for values in zip(*fold_normalization(preprocessing), strict=True))
        self.register_buffer("scale", by_channel(scale), persistent=False)
        self.register_buffer("shift", by_channel(shift), persistent=False)

    scale: Tensor
    shift: Tensor

    @abstractmethod
    def stages(self, images: Tensor) -> Stages:
        """Return every stage by name, first to last, for input as `settings` says."""

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the stages that are the file's outputs."""
        found = self.stages(images)
        return tuple(found[name] for name in self.outputs)

    def enter(self, images: Tensor) -> Tensor:
        """Turn the file's input into what the network takes before padding: (N, 3, H, W) float32, normalised."""
        if self.settings.input == "float":
            return images
        return (images if self.planes else images.float().permute(0, 3, 1, 2)) * self.scale + self.shift

    def example(self) -> Tensor:
        """Return an input of the right shape and type; of two images where the number is free."""
        n, (height, width) = self.settings.batch or 2, self.settings.size
        generator = torch.Generator().manual_seed(0)
        if self.settings.input == "float":
            return torch.randn(n, 3, height, width, generator=generator)
        pixels = torch.randint(0, 256, (n, height, width, 3), generator=generator, dtype=torch.uint8)
        return pixels.permute(0, 3, 1, 2).float().contiguous() if self.planes else pixels


def fold_normalization(preprocessing: Preprocessing) -> list[tuple[Tensor, Tensor]]:
    """Return factor and addend of each channel that normalise values of 0 to 255, computed in float64."""
    pairs = zip(preprocessing.mean, preprocessing.std, strict=True)
    return [
        (
            torch.tensor(1 / (255 * std), dtype=torch.float64).float(),
            torch.tensor(-mean / std, dtype=torch.float64).float(),
        )
        for mean, std in pairs
    ]


def by_channel(values: Tensor) -> Tensor:
    """Turn a value for each channel into (1, 3, 1, 1), or (1, 1, 1, 1) where all are equal: that is faster."""
    return (values[:1] if (values == values[0]).all() else values).reshape(1, -1, 1, 1)


def give_all(graph: Graph) -> Graph:
    """Return a copy of a graph whose outputs are all of its stages, for comparisons.

    Of MobileNetV3 these are also "row_1", "row_2" and so on: what the rows of the paper's table give.
    """
    other = copy.deepcopy(graph)
    backbone = other.get_submodule("backbone")
    if isinstance(backbone, MobileNetV3):
        backbone.tap_points = tap_rows(backbone.tap_points, rows=len(backbone.blocks))
    with torch.no_grad():
        other.outputs = tuple(other.stages(other.example()))
    return other


def take_planes(graph: Graph) -> Graph:
    """Return a graph of the same layers that takes pixels as planes, where it takes pixels."""
    other = copy.copy(graph)
    other.planes = graph.settings.input == "uint8"
    return other


def tap_rows(points: dict[str, TapPoint], *, rows: int) -> dict[str, TapPoint]:
    """Return taps and the outputs of all rows by name, in the order in which they are computed."""
    every: dict[str, TapPoint] = {f"row_{number}": (number, "out") for number in range(1, rows + 1)}
    taken = set(points.values())
    named = points | {name: point for name, point in every.items() if point not in taken}
    order = {point: (point[0], ORDER.index(point[1])) for point in named.values() if point[0] != "last"}
    return dict(sorted(named.items(), key=lambda item: order.get(item[1], (rows + 1, 0))))
