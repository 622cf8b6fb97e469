"""How much each layer of a network suffers from integers, one at a time: which to leave in float first."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from tasks.formats.graph import Graph

WEIGHT_STEPS, INPUT_STEPS = 127, 255  # of int8, symmetric; of uint8
SILENT = 200.0  # decibel: of a layer whose integers change nothing


class Layer(NamedTuple):
    """One convolution of a network."""

    name: str  # of the module, "backbone.stem.conv"
    madds: int  # for one image
    signal_to_noise: float  # decibel, of the network's outputs when this layer alone computes in integers


def list_layers(graph: Graph) -> dict[str, nn.Conv2d]:
    """Return the convolutions of a graph by name."""
    return {name: module for name, module in graph.named_modules() if isinstance(module, nn.Conv2d)}


@torch.inference_mode()
def measure_layers(graph: Graph, inputs: np.ndarray) -> list[Layer]:
    """Quantise each layer by itself, and see what that does to the head's outputs.

    Args:
        graph: of raw predictions.
        inputs: of it, some real images.

    Returns:
        The layers, the one that suffers most first.
    """
    images = torch.from_numpy(inputs)
    ranges, madds = observe(graph, images)
    reference = run_raw(graph, images)
    found = []
    for name, layer in list_layers(graph).items():
        with quantized(layer, ranges[name]):
            noisy = run_raw(graph, images)
        found.append(Layer(name, madds[name], min(map(signal_to_noise, reference, noisy))))
    return sorted(found, key=lambda each: each.signal_to_noise)


def run_raw(graph: Graph, images: Tensor) -> list[Tensor]:
    """Return what the head gives."""
    stages = graph.stages(images)
    return [stages[name] for name in graph.raw]


def observe(graph: Graph, images: Tensor) -> tuple[dict[str, tuple[float, float]], dict[str, int]]:
    """Return the range of each layer's input, 0 in it, and its multiply-adds for one image."""
    ranges: dict[str, tuple[float, float]] = {}
    madds: dict[str, int] = {}
    hooks = []
    for name, layer in list_layers(graph).items():

        def note(layer: nn.Conv2d, inputs: tuple[Tensor], output: Tensor, name: str = name) -> None:
            low, high = inputs[0].aminmax()
            ranges[name] = (min(float(low), 0.0), max(float(high), 0.0))
            madds[name] = layer.weight[0].numel() * output[0].numel()

        hooks.append(layer.register_forward_hook(note))
    run_raw(graph, images)
    for hook in hooks:
        hook.remove()
    return ranges, madds


@contextmanager
def quantized(layer: nn.Conv2d, span: tuple[float, float]) -> Iterator[None]:
    """Let a layer compute with weights of int8, per channel, and an input of uint8."""
    weight, (low, high) = layer.weight.data, span
    step = max(high - low, 1e-12) / INPUT_STEPS
    largest = weight.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-12)
    layer.weight.data = (weight / largest * WEIGHT_STEPS).round() * largest / WEIGHT_STEPS

    def enter(_: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        zero = round(-low / step)
        return (((inputs[0] / step).round() + zero).clamp(0, INPUT_STEPS).sub(zero) * step,)

    hook = layer.register_forward_pre_hook(enter)
    try:
        yield
    finally:
        hook.remove()
        layer.weight.data = weight


def signal_to_noise(reference: Tensor, noisy: Tensor) -> float:
    """Return the ratio of a signal's power to that of what was added to it, in decibel."""
    noise = float((noisy - reference).double().square().mean())
    signal = float(reference.double().square().mean())
    return SILENT if noise == 0 else min(10 * math.log10(max(signal, 1e-30) / noise), SILENT)
