"""Weights of a network in one with fewer channels: the largest stay (NetAdapt, arXiv:1804.03230, section 3.3)."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from tasks.models.architecture import Arch
from tasks.models.network import build_model

SQUEEZED = {"reduce.weight": 0, "reduce.bias": 0, "expand.weight": 1}  # of squeeze-and-excite: its own channels' axis
GATE = ".se."

Shapes = dict[str, tuple[int, ...]]


class Narrowing(NamedTuple):
    """How many channels there were, and how many there will be."""

    before: int
    after: int


def list_shapes(arch: Arch) -> Shapes:
    """Return the shape of each tensor of a network."""
    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in build_model(arch).state_dict().items()}


def truncate(weights: Mapping[str, Tensor], before: Arch, after: Arch, narrowing: Narrowing) -> dict[str, Tensor]:
    """Return the weights of a network that differs in the number of one group's channels.

    The channels that stay are those whose filters are largest: by the squares of all weights, norms folded into them,
    that compute the channel in any layer. The channels of a squeeze-and-excite follow by its own filters.

    Args:
        weights: of the network, by name.
        before: the network.
        after: the same with fewer channels.
        narrowing: how many channels the group has in both.
    """
    shapes = list_shapes(after)
    changed = {
        name: [axis for axis, (a, b) in enumerate(zip(shape, shapes[name], strict=True)) if a != b]
        for name, shape in list_shapes(before).items()
    }
    makers = [name for name, axes in changed.items() if 0 in axes and len(shapes[name]) == 4 and GATE not in name]
    kept = choose(sum_squares([fold(weights, name, before.bn_eps) for name in makers]), narrowing.after)
    found = {}
    for name, value in weights.items():
        for axis in changed[name]:
            value = value.index_select(axis, choose_axis(weights, name, axis, kept, narrowing, shapes))
        found[name] = value.clone()
    return found


def choose_axis(
    weights: Mapping[str, Tensor], name: str, axis: int, kept: Tensor, narrowing: Narrowing, shapes: Shapes
) -> Tensor:
    """Return which indices of an axis stay: those of the group, of a squeeze, or of several copies of the group."""
    gate, _, leaf = name.rpartition(GATE)
    if gate and SQUEEZED.get(leaf) == axis:
        reduce = f"{gate}{GATE}reduce.weight"
        return choose(sum_squares([weights[reduce].index_select(1, kept)]), shapes[reduce][0])
    copies = weights[name].shape[axis] // narrowing.before  # R-ASPP joins two of them
    return torch.cat([kept + copy * narrowing.before for copy in range(copies)])


def fold(weights: Mapping[str, Tensor], name: str, eps: float) -> Tensor:
    """Return a convolution's weight (C, ...) times the factors of the norm behind it, where there is one."""
    norm = f"{name.removesuffix('conv.weight')}norm"
    weight = weights[name].float()
    if not name.endswith("conv.weight") or f"{norm}.weight" not in weights:
        return weight
    factors = weights[f"{norm}.weight"].float() / (weights[f"{norm}.running_var"].float() + eps).sqrt()
    return weight * factors.reshape(-1, 1, 1, 1)


def sum_squares(filters: list[Tensor]) -> Tensor:
    """Return the squared magnitude of each channel (C,), of several layers (C, ...) that compute it."""
    return torch.stack([each.flatten(1).square().sum(1) for each in filters]).sum(0)


def choose(magnitudes: Tensor, count: int) -> Tensor:
    """Return the indices of the largest, in their own order."""
    return magnitudes.topk(count).indices.sort().values
