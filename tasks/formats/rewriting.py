"""A network as exports want it: norms folded into convolutions, h-swish in parts, pooling that every format has."""

import copy
import math
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heads.lraspp import POOL_KERNEL, POOL_STRIDE, GlobalPool, WindowPool
from tasks.models.folding import fold_norms
from tasks.models.replacing import replace_layers

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
    fold_norms(model, example)
    pooled: dict[nn.Module, tuple[int, int]] = {}

    def note_pool(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        pooled[layer] = (inputs[0].shape[2], inputs[0].shape[3])

    pools = [module for module in model.modules() if isinstance(module, WindowPool)]
    hooks = [module.register_forward_pre_hook(note_pool) for module in pools]
    if pools:
        with torch.no_grad():
            model(example)
    for hook in hooks:
        hook.remove()

    def choose(layer: nn.Module) -> nn.Module | None:
        if layer in pooled:
            return choose_pool(*pooled[layer])
        return PARTS[type(layer)]() if parts and type(layer) in PARTS else None

    replace_layers(model, choose)


def choose_pool(height: int, width: int) -> nn.Module:
    """Return the pooling of a map of this size: a window that covers it is its mean."""
    return GlobalPool() if max(height, width) <= POOL_KERNEL else ProductPool(height, width)


def copy_of(model: Module) -> Module:
    """Return a copy of a model in evaluation mode that needs no gradients."""
    return copy.deepcopy(model).eval().requires_grad_(requires_grad=False)
