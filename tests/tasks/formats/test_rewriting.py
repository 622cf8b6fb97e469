import pytest
import torch
from torch import nn

from heads.lraspp import WindowPool
from tasks.formats.rewriting import HSigmoidParts, HSwishParts, ProductPool, choose_pool, rewrite
from tests.support.exports import describe_small
from tests.support.random_weights import randomize


@pytest.mark.parametrize("size", [(50, 50), (51, 63), (65, 129), (66, 130), (49, 81), (20, 90)])
def test_windows_as_products(size):
    x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    expected = WindowPool()(x)
    assert expected.shape[2:] != (1, 1)
    assert torch.allclose(ProductPool(*size)(x), expected, atol=1e-6)


def test_a_window_that_covers_the_map_is_its_mean():
    x = torch.randn(2, 3, 12, 49, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(choose_pool(12, 49)(x), WindowPool()(x), atol=1e-6)


def test_h_swish_in_parts_is_h_swish():
    x = torch.linspace(-8, 8, 1001)
    assert torch.allclose(HSwishParts()(x), nn.functional.hardswish(x), atol=1e-6)
    assert torch.allclose(HSigmoidParts()(x), nn.functional.hardsigmoid(x), atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [("ssdlite",), ("ssdlite_tensorflow",), ("lraspp",), ("raspp",), ("ssdlite", "backbone=mobilenetv4_conv_small")],
    ids="-".join,
)
@torch.no_grad()
def test_norms_are_folded_and_nothing_else_changes(options):
    if len(options) > 1:
        pytest.importorskip("timm")
    from tasks.models.network import build_model

    network = randomize(build_model(describe_small(*options).arch))
    x = torch.randn(1, 3, 65, 97, generator=torch.Generator().manual_seed(0))
    expected = network(x)
    rewrite(network, x, parts=False)
    found = network(x)
    assert not [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    for one, other in zip(found, expected, strict=True):
        assert (one - other).abs().max() < 1e-4 * other.abs().max()
