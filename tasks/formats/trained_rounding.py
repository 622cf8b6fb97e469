"""Scales that a network learnt in training (`quantize=int8`), written into its graph: no calibration is needed."""

import copy

import torch
import torch.ao.quantization.fx._decomposed  # defines the operators below
from torch import Tensor, nn

from data.errors import InputError
from tasks.formats.graph import Graph
from tasks.models.quantization import LEVELS, WEIGHT_LIMIT, RoundedActivation, RoundedConv, weight_scales

OPERATORS = torch.ops.quantized_decomposed  # which exporters to ONNX and ExecuTorch know
SIGNED_SHIFT = 128  # between uint8 and int8


class FixedActivation(nn.Module):
    """`RoundedActivation` as a quantisation and a dequantisation of fixed scale."""

    def __init__(self, layer: RoundedActivation, *, signed: bool) -> None:
        super().__init__()
        scale, zero = layer.grid()
        shift = SIGNED_SHIFT if signed else 0
        dtype = torch.int8 if signed else torch.uint8
        self.step = (scale.item(), int(zero) - shift, -shift, LEVELS - shift, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Round x."""
        y: Tensor = OPERATORS.dequantize_per_tensor(OPERATORS.quantize_per_tensor(x, *self.step), *self.step)
        return y


class FixedConv(nn.Module):
    """`RoundedConv` with a weight of integers."""

    def __init__(self, layer: RoundedConv) -> None:
        super().__init__()
        self.conv, self.before, self.after = layer.conv, layer.before, layer.after
        scales = weight_scales(layer.conv.weight)
        steps = layer.conv.weight.detach() / scales.reshape(-1, 1, 1, 1)
        self.register_buffer("steps", steps.round().clamp(-WEIGHT_LIMIT, WEIGHT_LIMIT).to(torch.int8))
        self.register_buffer("scales", scales)
        self.register_buffer("zeros", torch.zeros_like(scales, dtype=torch.int64))

    steps: Tensor
    scales: Tensor
    zeros: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Turn x (N, C, H, W) into (N, C', H', W')."""
        grid = (self.scales, self.zeros, 0, -WEIGHT_LIMIT, WEIGHT_LIMIT, torch.int8)
        weight = {"weight": OPERATORS.dequantize_per_channel(self.steps, *grid)}
        y: Tensor = self.after(torch.func.functional_call(self.conv, weight, (self.before(x),)))
        return y


def is_rounded(graph: Graph) -> bool:
    """Tell whether a graph's network was trained with `quantize=int8`."""
    return any(isinstance(layer, RoundedConv) for layer in graph.modules())


def check_precision(graph: Graph, precision: str) -> None:
    """Check that a network that learnt to compute in integers is to be written in them.

    Raises:
        InputError: if not.
    """
    if is_rounded(graph) and precision != "int8":
        raise InputError(f"precision={precision}: the checkpoint was trained with quantize=int8; expected int8")


def fix_scales(graph: Graph, *, signed: bool) -> Graph:
    """Return a copy of a graph whose network has weights of integers and activations of fixed scales.

    Args:
        graph: of a network trained with `quantize=int8`.
        signed: whether activations are int8, as XNNPACK has them, or uint8, as onnxruntime has; the steps are the same.
    """
    other = copy.deepcopy(graph)
    for parent in list(other.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, RoundedActivation):
                setattr(parent, name, FixedActivation(child, signed=signed))
    for parent in list(other.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, RoundedConv):
                setattr(parent, name, FixedConv(child))
    return other
