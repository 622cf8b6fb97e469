from itertools import product
from math import prod

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tasks.latency.table import list_layers
from tasks.models.architecture import Arch
from tasks.models.layers import find_maps
from tasks.models.network import build_model

HEADS = ("ssdlite", "lraspp", "raspp", "classifier")
VARIANTS = (
    {},
    {"width": 0.5, "minimalistic": True, "padding": "same"},
    {"halving": "detection", "output_stride": 16, "se": "before_act"},
)


def count(module: torch.nn.Module, shape: tuple[int, ...]) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(torch.empty(1, *shape, device="meta"))
    return counter.get_total_flops()


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize(("head", "backbone"), list(product(HEADS, ("large", "small"))))
def test_the_layers_together_have_the_weights_and_multiply_adds_of_the_network(head, backbone, variant):
    arch, size = Arch(head, backbone, 5, **variant), (96, 129)
    with torch.device("meta"):
        whole, layers = build_model(arch).eval(), list_layers(arch, size)
        parts = [(layer.build(), layer.shape) for layer in layers]
    weights = [sum(p.numel() for p in module.parameters()) for module in (whole, *(part for part, _ in parts))]
    skip = 8 * 5 + 5 if head == "lraspp" else 0  # of the context's own, which it does not use
    assert sum(weights[1:]) - skip == weights[0]
    assert sum(count(part, shape) for part, shape in parts) == count(whole, (3, *size))


@pytest.mark.parametrize("variant", [*VARIANTS, {"aspp": "torchvision", "output_stride": 16}], ids=str)
@pytest.mark.parametrize("head", ["ssdlite", "lraspp"])
def test_the_maps_of_a_head_have_the_shapes_that_the_backbone_gives(head, variant):
    arch, size = Arch(head, "small", 5, **variant), (96, 129)
    given = build_model(arch).eval().backbone(torch.zeros(1, 3, *size))
    assert find_maps(arch, size) == {tap: tuple(x.shape[1:]) for tap, x in given.items()}


def test_a_layer_is_named_by_all_that_its_time_depends_on():
    arch = Arch("ssdlite", "small", 5)
    names = [layer.name for layer in list_layers(arch, (320, 320))]
    assert names[0] == "conv c_in=3 out=16 kernel=3 s=2 NL=HS on 3x320x320"
    assert names[4] == "bneck c_in=24 exp_size=96 out=40 kernel=5 SE=true NL=HS s=2 on 24x40x40"
    assert names[-1] == "predictors c_in=128 anchors=6 outputs=6 on 128x1x1"
    layers = list_layers(arch, (320, 320))
    assert layers[5] == layers[6]  # rows 5 and 6 are the same
    assert prod(layers[4].shape) == 24 * 40 * 40
