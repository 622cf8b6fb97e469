"""A network as exports want it: norms folded into convolutions, h-swish in parts, pooling that every format has."""

import copy
import math
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils.hooks import RemovableHandle

from heads.lraspp import POOL_KERNEL, POOL_STRIDE, GlobalPool, WindowPool

Module = TypeVar("Module", bound=nn.Module)


class HSigmoidParts(nn.Module):
    """Hard sigmoid by an addition, a clipping and a multiplication."""

    def forward(self, x: Tensor) -> Tensor:
        """Return relu6(x + 3) / 6."""
        return F.relu6(x + 3.0) * (1.0 / 6.0)


class HSwishParts(nn.Module):
    """H-swish of the same parts (paper, section 5.2)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x * relu6(x + 3) / 6."""
        return x * (F.relu6(x + 3.0) * (1.0 / 6.0))


PARTS: dict[type[nn.Module], type[nn.Module]] = {nn.Hardswish: HSwishParts, nn.Hardsigmoid: HSigmoidParts}


class ProductPool(nn.Module):
    """`heads.lraspp.WindowPool` for a map of one size, as two products with constant matrices.

    Formats differ in what they make of windows that reach past the map, or have no such pooling; products all have.
    """

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("rows", average_windows(height, POOL_STRIDE[0]), persistent=False)
        self.register_buffer("columns", average_windows(width, POOL_STRIDE[1]).T.contiguous(), persistent=False)

    rows: Tensor
    columns: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Turn x (N, C, h, w) into (N, C, h', w')."""
        return self.rows @ (x @ self.columns)


def average_windows(length: int, stride: int) -> Tensor:
    """Return the matrix (windows, length) that averages windows along a side; the last one is cut at its end."""
    kernel = min(POOL_KERNEL, length)
    count = math.ceil((length - kernel) / stride) + 1
    if (count - 1) * stride >= length:  # as torch: no window begins past the end
        count -= 1
    matrix = torch.zeros(count, length)
    for index in range(count):
        window = slice(index * stride, min(index * stride + kernel, length))
        matrix[index, window] = 1 / (window.stop - window.start)
    return matrix


def rewrite(model: nn.Module, example: Tensor, *, parts: bool) -> None:
    """Change a network, in place, to one that computes the same in fewer or simpler operators.

    Args:
        model: in evaluation mode; its submodules keep their names.
        example: that it takes: pooling becomes that of maps of this size.
        parts: whether h-swish and h-sigmoid are written in parts.
    """
    pooled: dict[nn.Module, tuple[int, int]] = {}
    norms: dict[nn.Module, tuple[nn.Conv2d, nn.BatchNorm2d]] = {}
    givers: dict[int, tuple[Tensor, nn.Conv2d]] = {}  # by the identity of what they gave, which is kept alive

    def note_conv(layer: nn.Conv2d, _: tuple[Tensor, ...], output: Tensor) -> None:
        givers[id(output)] = (output, layer)

    def note_norm(layer: nn.BatchNorm2d, inputs: tuple[Tensor, ...]) -> None:
        if id(inputs[0]) in givers:
            norms[layer] = (givers[id(inputs[0])][1], layer)

    def note_pool(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        pooled[layer] = (inputs[0].shape[2], inputs[0].shape[3])

    hooks: list[RemovableHandle] = []
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(module.register_forward_hook(note_conv))
        elif isinstance(module, nn.BatchNorm2d):
            hooks.append(module.register_forward_pre_hook(note_norm))
        elif isinstance(module, WindowPool):
            hooks.append(module.register_forward_pre_hook(note_pool))
    with torch.no_grad():
        model(example)
    for hook in hooks:
        hook.remove()
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if child in norms:
                fold(*norms[child])
                setattr(parent, name, what_follows(child))
            elif child in pooled:
                setattr(parent, name, choose_pool(*pooled[child]))
            elif parts and type(child) in PARTS:
                setattr(parent, name, PARTS[type(child)]())


def fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    """Fold the batch norm behind a convolution into its weight and bias."""
    fused = fuse_conv_bn_eval(conv, norm)
    conv.weight, conv.bias = fused.weight, fused.bias


def what_follows(norm: nn.Module) -> nn.Module:
    """Return what is left of a norm that was folded: timm's have an activation of their own."""
    rest = [getattr(norm, name) for name in ("drop", "act") if isinstance(getattr(norm, name, None), nn.Module)]
    return nn.Sequential(*rest) if rest else nn.Identity()


def choose_pool(height: int, width: int) -> nn.Module:
    """Return the pooling of a map of this size: a window that covers it is its mean."""
    return GlobalPool() if max(height, width) <= POOL_KERNEL else ProductPool(height, width)


def copy_of(model: Module) -> Module:
    """Return a copy of a model in evaluation mode that needs no gradients."""
    return copy.deepcopy(model).eval().requires_grad_(requires_grad=False)
