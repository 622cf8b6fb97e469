import pytest
import torch
from torch import nn

torch.set_num_threads(1)  # the tensors are small: a second thread costs more than it brings


def _randomize(module, seed=0):
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


@pytest.fixture(scope="session")
def randomize():
    """Return a function that draws weights and norm statistics under which the signal neither dies nor explodes.

    Freshly initialised networks give nearly constant outputs, so comparing two of them would show nothing.
    """
    return _randomize


@torch.no_grad()
def _settle(module, run):
    norms = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    module.train()
    run()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return module.eval()


@pytest.fixture
def settle():
    """Return a function that runs a network once in training mode and keeps the norm statistics of that run.

    After it no activation saturates: where a network's values are large, h-swish and ReLU are the same function.
    """
    return _settle


@pytest.fixture
def copy_by_order():
    """Return a function that copies one module's tensors to another's, in order; shapes must agree."""

    def copy(source, target):
        pairs = zip(source.state_dict().values(), target.state_dict().items(), strict=True)
        state = {name: (value, old) for value, (name, old) in pairs}
        assert all(value.shape == old.shape for value, old in state.values())
        target.load_state_dict({name: value for name, (value, _) in state.items()})
        return target.eval()

    return copy
