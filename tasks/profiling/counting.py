"""What a network costs: parameters, multiply-adds by several conventions, and the memory of its activations.

Operations are counted by `torch.utils.flop_counter.FlopCounterMode` on the meta device, where nothing is computed.
"""

import math
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from data.sizes import Size

aten = torch.ops.aten
Shape = tuple[int, ...]
Formula = Callable[..., int]  # shapes and settings of one operation -> the arithmetic operations that it takes


def count_convolution(x: Shape, weight: Shape, bias: Shape | None, *_: Any, out_shape: Shape, **__: Any) -> int:
    """Count two operations for each multiply-add, and one for each element to which a bias is added."""
    return math.prod(out_shape) * (2 * math.prod(weight[1:]) + (bias is not None))


def count_linear(bias: Shape, x: Shape, weight: Shape, *_: Any, out_shape: Shape, **__: Any) -> int:
    """Count two operations for each multiply-add, and one for each element to which a bias is added."""
    return math.prod(out_shape) * (2 * weight[0] + 1)


def count_pool(x: Shape, kernel: Shape, *_: Any, out_shape: Shape, **__: Any) -> int:
    """Count one operation for each element of each window."""
    return math.prod(out_shape) * math.prod(kernel)


def per_output(operations: int) -> Formula:
    """Return a formula: so many operations for each element that comes out."""
    return lambda *_, out_shape, **__: operations * math.prod(out_shape)


def per_input(operations: int) -> Formula:
    """Return a formula: so many operations for each element that goes in."""
    return lambda x, *_, **__: operations * math.prod(x)


# A norm folded into the convolution before it leaves that convolution a bias. Which of the two norms
# it is depends on torch's version.
BIASES: dict[Any, Formula] = {
    aten.convolution: count_convolution,
    aten.addmm: count_linear,
    **dict.fromkeys((aten.native_batch_norm, aten._native_batch_norm_legit_no_training), per_input(1)),
}
# TensorFlow's profiler (tensorflow/python/profiler/internal/flops_registry.py) counts these and, of what these networks
# do, nothing else: no ReLU, sigmoid, resizing or concatenation. It sees h-swish as x * relu6(x + 3) / 6.
PROFILED: dict[Any, Formula] = {
    **dict.fromkeys((aten.add, aten.add_, aten.mul, aten.mul_), per_output(1)),
    **dict.fromkeys((aten.hardsigmoid, aten.hardsigmoid_), per_input(2)),
    **dict.fromkeys((aten.hardswish, aten.hardswish_), per_input(3)),
    aten.mean: per_input(1),
    aten.avg_pool2d: count_pool,
}


class CountingConvention(NamedTuple):
    """What counts.

    Attributes:
        parameters: what counts as one, in words.
        madds: what counts as a multiply-add, in words.
        norms: whether the scales and shifts of batch normalisation are parameters.
        formulas: of the operations that count beside matrix products and convolutions, as FlopCounterMode takes them.
    """

    parameters: str
    madds: str
    norms: bool
    formulas: Mapping[Any, Formula]


PRODUCTS = "those of convolutions, linear layers and other matrix products"
ALL = "all, batch norm's scales and shifts included"
CONVENTIONS = {
    "products": CountingConvention(ALL, f"{PRODUCTS}, nothing else: no bias adds, no batch norm", True, {}),
    "folded": CountingConvention(
        "weights and biases; batch norm is folded into the convolutions, and the biases that this leaves do not count",
        f"{PRODUCTS}, and half of one for every bias add, those of folded batch norm included",
        False,
        BIASES,
    ),
    "profiler": CountingConvention(
        ALL,
        f"{PRODUCTS}, and half of one for every other operation that TensorFlow's profiler counts, batch norm folded: "
        "bias adds, additions and multiplications 1 an element, hard-sigmoid 2, h-swish 3, "
        "means and average pools 1 an element that they take; ReLU, resizing and concatenation none",
        True,
        {**BIASES, **PROFILED},
    ),
}


class Stage(NamedTuple):
    """A part of a network."""

    name: str
    params: int
    madds: int


class Activations(NamedTuple):
    """Bytes that the feature maps of one image take."""

    peak: int  # all that live at once
    largest: int  # the largest single one


def count_parameters(model: nn.Module, *, norms: bool) -> int:
    """Count the parameters, with or without those of batch normalisation."""
    return sum(
        parameter.numel()
        for layer in model.modules()
        for parameter in layer.parameters(recurse=False)
        if norms or not isinstance(layer, nn.BatchNorm2d)
    )


def count_madds(model: nn.Module, size: Size, *, formulas: Mapping[Any, Formula]) -> int:
    """Count the multiply-adds for one image; two operations of any kind are one.

    Args:
        model: in evaluation mode, on the meta device.
        size: (height, width) of the image.
        formulas: of a `CountingConvention`.
    """
    return count_operations(model, size, formulas=formulas)["Global"] // 2


def count_operations(model: nn.Module, size: Size, *, formulas: Mapping[Any, Formula]) -> dict[str, int]:
    """Count the operations for one image: path of a module that was called -> its count, that of its parts included."""
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=dict(formulas)) as counter:
        model(torch.empty(1, 3, *size, device="meta"))
    counts = {path: sum(operations.values()) for path, operations in counter.get_flop_counts().items()}
    return {"Global": 0, **counts}


def count_stages(model: nn.Module, size: Size, *, convention: CountingConvention) -> list[Stage]:
    """Split the counts of a backbone with a head by stage, in the order of the network.

    Args:
        model: in evaluation mode, on the meta device.
        size: (height, width) of the image.
        convention: of the count.
    """
    operations: dict[str, int] = {}
    for path, own in split_operations(count_operations(model, size, formulas=convention.formulas)).items():
        stage = name_stage(path.partition(".")[2])
        operations[stage] = operations.get(stage, 0) + own
    params: dict[str, int] = {}
    for path, layer in model.named_modules():
        counted = sum(parameter.numel() for parameter in layer.parameters(recurse=False))
        if counted and (convention.norms or not isinstance(layer, nn.BatchNorm2d)):
            params[name_stage(path)] = params.get(name_stage(path), 0) + counted
    names = [*params, *(stage for stage in operations if stage not in params and operations[stage])]
    return [Stage(name, params.get(name, 0), operations.get(name, 0) // 2) for name in names]


def split_operations(totals: Mapping[str, int]) -> dict[str, int]:
    """Turn what `count_operations` returned into what each module does itself, its parts left out."""
    own = {path: total for path, total in totals.items() if path != "Global"}
    for path in list(own):
        parent = path.rpartition(".")[0]
        while parent and parent not in own:  # a container, or a module of which only parts are called
            parent = parent.rpartition(".")[0]
        if parent:
            own[parent] -= totals[path]
    return own


# timm's names for what MobileNetV3 here calls stem and last.
ALIASES = {"conv_stem": "stem", "bn1": "stem", "conv_head": "last", "bn2": "last"}


def name_stage(path: str) -> str:
    """Name the stage that the module at `path` belongs to: a part of backbone or head, blocks one by one."""
    parts = [part for part in path.split(".") if part != "net"]
    depth = 3 if "blocks" in parts[:2] else 2
    stage = ".".join(ALIASES.get(part, part) for part in parts[:depth])
    # Products of two maps, in MobileNetV4's hybrids, belong to no layer of the traced network.
    return "backbone.attention" if stage == "backbone" else stage


class LiveTensors(TorchDispatchMode):
    """Keeps the number of bytes of the tensors that live while it is active.

    Args:
        ignored: tensors that do not count, nor do views of them.

    Attributes:
        live: bytes now.
        peak: the most bytes at once.
        largest: bytes of the largest tensor.
    """

    def __init__(self, ignored: Iterable[Tensor]) -> None:
        super().__init__()
        self.live = self.peak = self.largest = 0
        self.known = {id(tensor.untyped_storage()) for tensor in ignored}

    def add(self, tensor: Tensor) -> None:
        """Count a tensor until its memory is given back; a view of a known one takes none."""
        storage = tensor.untyped_storage()
        if id(storage) in self.known:
            return
        self.known.add(id(storage))
        self.live += storage.nbytes()
        self.peak, self.largest = max(self.peak, self.live), max(self.largest, storage.nbytes())
        weakref.finalize(storage, self.remove, id(storage), storage.nbytes())

    def remove(self, key: int, size: int) -> None:
        """Stop counting the memory of a tensor that is gone."""
        self.known.discard(key)
        self.live -= size

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and count what comes out."""
        out = func(*args, **(kwargs or {}))
        for value in tree_leaves(out):
            if isinstance(value, Tensor):
                self.add(value)
        return out


def measure_activations(model: nn.Module, size: Size) -> Activations:
    """Measure the memory of the float32 maps of one image, the image included, in inference, layer by layer.

    Args:
        model: in evaluation mode, on the meta device.
        size: (height, width) of the image.
    """
    tensors = LiveTensors([*model.parameters(), *model.buffers()])
    image = torch.empty(1, 3, *size, device="meta")
    tensors.add(image)
    with torch.no_grad(), tensors:
        model(image)
    return Activations(tensors.peak, tensors.largest)
