"""From a graph to the bytes of a LiteRT file, by litert-torch: of floats, or of the integers that a network learnt."""

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from tasks.formats.graph import Graph
from tasks.formats.litert_file import name_convolutions, take_integers
from tasks.formats.trained_rounding import is_rounded, pair_scales
from tasks.models.quantization import LEVELS, RoundedConv

NEXT_TO_1 = 1 + torch.finfo(torch.float32).eps


def enter_in_float(graph: Graph) -> Graph:
    """Return a graph that normalises before channels come first, so that the converter need not move them at all."""
    other = copy.copy(graph)
    scale, shift = (values.flatten().expand(3) for values in (graph.scale, graph.shift))
    other.enter = lambda images: (images.float() * scale + shift).permute(0, 3, 1, 2)  # type: ignore[method-assign]
    return other


def enter_in_integers(graph: Graph) -> Graph:
    """Return a graph that takes pixels as floats and normalises by a depthwise convolution, which integers do too."""
    other = copy.deepcopy(graph)
    normalize = nn.Conv2d(3, 3, 1, groups=3).requires_grad_(requires_grad=False)
    normalize.weight.copy_(graph.scale.reshape(-1, 1, 1, 1).expand(3, 1, 1, 1))
    normalize.bias.copy_(graph.shift.flatten().expand(3))  # type: ignore[union-attr]
    other.normalize = round_pixels(normalize) if is_rounded(graph) else normalize
    other.enter = MethodType(enter_by_layer, other)  # type: ignore[method-assign]
    return other


def round_pixels(normalize: nn.Conv2d) -> RoundedConv:
    """Return a convolution of pixels that rounds as learnt ones do; the scale of its input is that of pixels, 1."""
    layer = RoundedConv(normalize, before=True, after=False)
    layer.before.get_buffer("high").fill_(LEVELS)
    return layer


def enter_by_layer(graph: Graph, images: Tensor) -> Tensor:
    """Turn pixels (N, H, W, 3) into what the network takes, by the graph's own layer."""
    y: Tensor = graph.get_submodule("normalize")(images.permute(0, 3, 1, 2))
    return y


class ChannelsLast(TorchFunctionMode):
    """Reduces channels where LiteRT keeps them, on the last axis, so that the converter need not move them."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call a function of torch."""
        if func in (Tensor.argmax, Tensor.amax, Tensor.softmax) and args[0].dim() == 4 and args[1:] == (1,):
            found = func(args[0].permute(0, 2, 3, 1), 3)
            return found.permute(0, 3, 1, 2) if func is Tensor.softmax else found
        return func(*args, **(kwargs or {}))


class JoinedInFloat(ChannelsLast):
    """Joins floats as floats, too.

    LiteRT has one scale for all that is joined in integers, and litert-torch 0.10 takes that of the last: a detector's
    first level would be cut off at a tenth. As integers move past all but arithmetic, what is joined is multiplied by
    the number next to 1.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call a function of torch."""
        if func is torch.cat and args[0][0].is_floating_point():
            args = ([values * NEXT_TO_1 for values in args[0]], *args[1:])
        return super().__torch_function__(func, types, args, kwargs)


class Lowered(nn.Module):
    """A graph of which some functions are replaced by what suits LiteRT."""

    def __init__(self, graph: Graph, mode: type[TorchFunctionMode] = ChannelsLast) -> None:
        super().__init__()
        self.whole = graph  # a module that is named `graph` breaks torch.export
        self.mode = mode

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs of the graph."""
        with self.mode():
            found: tuple[Tensor, ...] = self.whole(images)
        return found


def lower(graph: Graph, example: Tensor) -> bytes:
    """Return a graph as the bytes of a LiteRT file of floats."""
    import litert_torch  # late: it takes seconds, and files are run without it

    return name_convolutions(write(litert_torch.convert(Lowered(graph).eval(), (example,))), graph)


def lower_learnt(graph: Graph, example: Tensor) -> bytes:
    """Return a graph whose network learnt its scales in training as the bytes of a LiteRT file of integers."""
    import litert_torch
    from litert_torch.quantize.pt2e_quantizer import PT2EQuantizer, get_symmetric_quantization_config
    from litert_torch.quantize.quant_config import QuantConfig

    paired = pair_scales(graph)
    # This quantises nothing: it has the converter join each operator with the integers around it.
    joining = QuantConfig(PT2EQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True)))
    model = litert_torch.convert(Lowered(paired, JoinedInFloat).eval(), (example,), quant_config=joining)
    return name_convolutions(take_integers(write(model)), graph)


def write(model: Any) -> bytes:
    """Return the bytes of a file that litert-torch made."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        model.export(str(path))
        return path.read_bytes()
