"""A model as one static graph of tensors, each stage of it by name: what every format is converted from."""

import copy
from abc import abstractmethod

import torch
from torch import Tensor, nn

from tasks.formats.settings import GraphSettings
from tasks.models.preprocessing import Preprocessing

Stages = dict[str, Tensor]
PREPROCESSING = "preprocessing"  # the stage that a network begins with


class Graph(nn.Module):
    """A model as one static graph: no shape in it depends on the values of a tensor.

    Attributes:
        settings: what is in it.
        outputs: names of the stages that the file gives.
        raw: names of the stages that the head gives.
        planes: whether pixels come as (N, 3, H, W) float32, 0 to 255, as formats without bytes take them.
    """

    raw: tuple[str, ...]
    planes = False

    def __init__(self, settings: GraphSettings, preprocessing: Preprocessing, *, outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.settings, self.outputs = settings, outputs
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
    """Return a graph of the same layers whose outputs are all of its stages, for comparisons."""
    other = copy.copy(graph)
    with torch.no_grad():
        other.outputs = tuple(graph.stages(graph.example()))
    return other


def take_planes(graph: Graph) -> Graph:
    """Return a graph of the same layers that takes pixels as planes, where it takes pixels."""
    other = copy.copy(graph)
    other.planes = graph.settings.input == "uint8"
    return other
