"""Scales that a network learnt in training (`quantize=int8`), written into its graph: no calibration is needed."""

import copy
from collections import OrderedDict
from collections.abc import Callable

import torch
import torch.ao.quantization.fx._decomposed  # defines the operators below
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization

from tasks.formats.graph import Graph
from tasks.models.quantization import LEVELS, WEIGHT_LIMIT, RoundedActivation, RoundedConv, weight_scales, weight_steps
from tasks.models.replacing import replace_layers

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
        self.register_buffer("steps", weight_steps(layer.conv.weight))
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


class FakeActivation(nn.Module):
    """`RoundedActivation` by torch's fake quantisation."""

    def __init__(self, layer: RoundedActivation) -> None:
        super().__init__()
        scale, zero = layer.grid()
        self.step = (scale.item(), int(zero), 0, LEVELS)

    def forward(self, x: Tensor) -> Tensor:
        """Round x."""
        return torch.fake_quantize_per_tensor_affine(x, *self.step)


class FakeWeight(nn.Module):
    """Rounds the weight of a `RoundedConv` by torch's fake quantisation."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("scales", weight_scales(weight))
        self.register_buffer("zeros", torch.zeros_like(self.scales, dtype=torch.int32))

    scales: Tensor
    zeros: Tensor

    def forward(self, weight: Tensor) -> Tensor:
        """Round a weight (C, ...)."""
        return torch.fake_quantize_per_channel_affine(weight, self.scales, self.zeros, 0, -WEIGHT_LIMIT, WEIGHT_LIMIT)


class PairedWeight(FakeWeight):
    """Rounds the weight of a `RoundedConv` by a quantisation and a dequantisation, which stay in the graph."""

    def forward(self, weight: Tensor) -> Tensor:
        """Round a weight (C, ...)."""
        grid = (self.scales, self.zeros, 0, -WEIGHT_LIMIT, WEIGHT_LIMIT, torch.int8)
        y: Tensor = OPERATORS.dequantize_per_channel(OPERATORS.quantize_per_channel(weight, *grid), *grid)
        return y


def fake_conv(layer: RoundedConv) -> nn.Module:
    """Return `RoundedConv` by torch's fake quantisation."""
    return parametrize(layer, FakeWeight)


def pair_conv(layer: RoundedConv) -> nn.Module:
    """Return `RoundedConv` with a weight that passes through integers."""
    return parametrize(layer, PairedWeight)


def parametrize(layer: RoundedConv, rounding: type[FakeWeight]) -> nn.Module:
    """Return `RoundedConv` with another rounding of its weight."""
    register_parametrization(layer.conv, "weight", rounding(layer.conv.weight))
    return nn.Sequential(OrderedDict(before=layer.before, conv=layer.conv, after=layer.after))


def is_rounded(network: nn.Module) -> bool:
    """Tell whether a network, or that of a graph, was trained with `quantize=int8`."""
    return any(isinstance(layer, RoundedConv) for layer in network.modules())


def fix_scales(graph: Graph, *, signed: bool) -> Graph:
    """Return a copy of a graph whose network has weights of integers and activations of fixed scales.

    Args:
        graph: of a network trained with `quantize=int8`.
        signed: whether activations are int8, as XNNPACK has them, or uint8, as onnxruntime has; the steps are the same.
    """
    return replace_rounded(graph, lambda layer: FixedActivation(layer, signed=signed), FixedConv)


def pair_scales(graph: Graph) -> Graph:
    """Return a copy of a graph whose weights and activations pass through int8 of fixed scales, as LiteRT wants it."""
    return replace_rounded(graph, lambda layer: FixedActivation(layer, signed=True), pair_conv)


def fake_scales(graph: Graph) -> Graph:
    """Return a copy of a graph whose network rounds as it learnt to, by torch's own operators and fixed scales."""
    return replace_rounded(graph, FakeActivation, fake_conv)


def replace_rounded(
    graph: Graph,
    activation: Callable[[RoundedActivation], nn.Module],
    conv: Callable[[RoundedConv], nn.Module],
) -> Graph:
    """Return a copy of a graph with other layers in the place of those that round."""
    other = copy.deepcopy(graph)
    new: dict[type[nn.Module], Callable[..., nn.Module]] = {RoundedActivation: activation, RoundedConv: conv}
    for kind in new:  # activations first, for some are in convolutions
        replace_layers(other, lambda layer, kind=kind: new[kind](layer) if type(layer) is kind else None)  # type: ignore[misc]
    return other
