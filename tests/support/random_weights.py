"""Random weights under which a network's outputs vary; freshly initialised ones give nearly constant outputs."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from backbones.weights import strip

Network = TypeVar("Network", bound=nn.Module)


def randomize(module: Network, seed: int = 0) -> Network:
    """Draw weights and norm statistics under which the signal neither dies nor explodes."""
    generator = torch.Generator().manual_seed(seed)
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            fan_in = layer.weight[0].numel()
            layer.weight.data = torch.randn(layer.weight.shape, generator=generator) * (2 / fan_in) ** 0.5
            if layer.bias is not None:
                layer.bias.data = torch.randn(layer.bias.shape, generator=generator) * 0.1
        elif isinstance(layer, nn.BatchNorm2d):
            shape = layer.weight.shape
            layer.weight.data = torch.rand(shape, generator=generator) + 0.5
            layer.bias.data = torch.randn(shape, generator=generator) * 0.1
            layer.running_mean = torch.randn(shape, generator=generator) * 0.1
            layer.running_var = torch.rand(shape, generator=generator) + 0.5
    return module.eval()


@torch.no_grad()
def settle(module: Network, run: Callable[[], object]) -> Network:
    """Run a network once in training mode and keep the norm statistics of that run.

    After it no activation saturates: where a network's values are large, h-swish and ReLU are the same function.
    """
    norms = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    module.train()
    run()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return module.eval()


def copy_by_order(source: nn.Module, target: Network) -> Network:
    """Copy one module's tensors to another's, in order; shapes must agree, but linear layers fit 1x1 convolutions."""
    pairs = zip(source.state_dict().values(), target.state_dict().items(), strict=True)
    state = {name: (value, old) for value, (name, old) in pairs}
    assert all(strip(value.shape) == strip(old.shape) for value, old in state.values())
    target.load_state_dict({name: value.reshape(old.shape) for name, (value, old) in state.items()})
    return target.eval()
