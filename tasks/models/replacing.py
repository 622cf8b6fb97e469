"""Layers of a model put in the place of others."""

from collections.abc import Callable

from torch import nn


def replace_layers(model: nn.Module, choose: Callable[[nn.Module], nn.Module | None]) -> None:
    """Put other layers in the place of a model's, in place, under the same names.

    Args:
        model: whose layers are replaced, but not itself.
        choose: gives what takes the place of a layer; None where it stays.
    """
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            other = choose(child)
            if other is not None:
                setattr(parent, name, other)
