"""What a rule about an accelerator may ask of a network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tasks.formats.settings import GraphSettings, Precision

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """One operator of a graph.

    Attributes:
        name: of the module that it stands in, "backbone.blocks.0.se"; its own where that is the graph itself.
        op: torch's name of the operator: "conv2d", "hardswish".
        inputs: shapes of the tensors that enter, weights too.
        output: shape of the first tensor that leaves.
        constant: whether one of these tensors is a constant of the graph.
        options: its other arguments, by their names in torch.
    """

    name: str
    op: str
    inputs: tuple[Shape, ...]
    output: Shape
    constant: bool = False
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Network:
    """A network as it is to be exported.

    Attributes:
        layers: its operators, in the order of their execution.
        settings: what else is in the file.
        precision: of weights and of what is computed.
    """

    layers: Sequence[Layer]
    settings: GraphSettings
    precision: Precision
