"""How a graph is turned into a file, whatever the format."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.formats.settings import Precision, System


@dataclass(frozen=True)
class Quantization:
    """How a network becomes one of integers after training.

    Attributes:
        calibration: inputs of the graph, each of its own shape, that show the range of every tensor.
        exclude: names of layers of the graph that stay in float, "backbone.stem.conv".
    """

    calibration: Sequence[np.ndarray]
    exclude: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Conversion:
    """How a graph is turned into a file.

    Attributes:
        precision: of weights and of what is computed.
        opset: of ONNX operators.
        deployment_target: the oldest system that a Core ML program runs on, "iOS16".
        quantization: for "int8".
    """

    precision: Precision = "fp32"
    opset: int = 18
    deployment_target: System = "iOS16"
    quantization: Quantization | None = None
