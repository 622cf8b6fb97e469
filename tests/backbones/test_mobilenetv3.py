import math

import pytest
import torch
from torch import nn
from torchvision.models import mobilenet_v3_large, mobilenet_v3_small
from torchvision.models.detection import ssdlite320_mobilenet_v3_large
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from backbones.blocks import make_divisible
from backbones.mobilenetv3 import MobileNetV3
from backbones.tables import TABLES, find_tail
from backbones.taps import Tap
from tests.support.random_weights import copy_by_order, randomize

HIDDEN = {"large": 1280, "small": 1024}  # of the classifier, which the package does not have
PEERS = {"large": mobilenet_v3_large, "small": mobilenet_v3_small}


def images(height, width, batch=2):
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


def relative_difference(ours, theirs):
    assert ours.shape == theirs.shape
    assert theirs.std(dim=(0, 2, 3)).median() > 0.01  # the map varies over images and pixels
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def count_parameters(name, **options):
    """Count the parameters of the whole classifier: convolutions, norms and the two linear layers."""
    net = MobileNetV3(name, **options)
    hidden, last = HIDDEN[name], net.taps["C5"].channels
    return sum(p.numel() for p in net.parameters()) + (last + 1) * hidden + (hidden + 1) * 1000


def count_multiply_adds(name, **options):
    """Count those of all convolutions and the two linear layers at 224 x 224."""
    with torch.device("meta"):
        net = MobileNetV3(name, **options).eval()
    total = 0

    def add(layer, inputs, output):
        nonlocal total
        total += output.numel() * layer.weight[0].numel()

    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(add)
    net(torch.zeros(1, 3, 224, 224, device="meta"))
    return total + HIDDEN[name] * (net.taps["C5"].channels + 1000)


@pytest.mark.parametrize(
    ("value", "expected"), [(1, 8), (11, 16), (12, 16), (18, 24), (20, 24), (24, 24), (90, 88), (168, 168), (8.4, 8)]
)
def test_widths_round_to_eights_but_lose_at_most_a_tenth(value, expected):
    assert make_divisible(value) == expected


@pytest.mark.parametrize(("name", "expected"), [("large", 5_483_032), ("small", 2_542_856)])
def test_the_classifier_has_the_published_parameters(name, expected):
    assert count_parameters(name) == expected


@pytest.mark.parametrize(
    ("name", "options", "millions"),
    [
        ("large", {"width": 0.75}, 3.99),
        ("large", {"width": 0.5}, 2.69),
        ("small", {"width": 0.75}, 2.04),
        ("large", {"minimalistic": True}, 3.9),
        ("small", {"minimalistic": True}, 2.0),
    ],
)
def test_narrow_and_minimalistic_parameters_round_to_the_published_ones(name, options, millions):
    digits = len(str(millions).split(".")[1])
    assert round(count_parameters(name, **options) / 1e6, digits) == millions


@pytest.mark.parametrize(
    ("name", "options", "millions"),
    [
        ("large", {}, 216.6),
        ("small", {}, 56.5),
        ("large", {"width": 0.75}, 154.6),
        ("large", {"width": 0.5}, 69.2),
        ("small", {"width": 0.75}, 43.4),
        ("large", {"minimalistic": True}, 209),
        ("small", {"minimalistic": True}, 52.3),  # TensorFlow's zoo says 65, beside 66 for the full one (paper: 56.5)
    ],
)
def test_multiply_adds_round_to_the_published_ones(name, options, millions):
    digits = 1 if isinstance(millions, float) else 0
    assert round(count_multiply_adds(name, **options) / 1e6, digits) == millions


def test_minimalistic_has_no_squeeze_no_h_swish_and_no_large_kernel():
    layers = list(MobileNetV3("large", minimalistic=True).modules())
    assert {layer.kernel_size for layer in layers if isinstance(layer, nn.Conv2d)} == {(1, 1), (3, 3)}
    assert not any(isinstance(layer, nn.Hardswish | nn.Hardsigmoid) for layer in layers)


@pytest.mark.parametrize("output_stride", [16, 32])
@pytest.mark.parametrize(
    ("name", "halving", "c4", "c5", "skip"),
    [
        ("large", "none", 672, 960, 120),
        ("large", "detection", 672, 480, 120),
        ("large", "segmentation", 336, 480, 120),
        ("small", "none", 288, 576, 88),
        ("small", "detection", 288, 288, 88),
        ("small", "segmentation", 144, 288, 88),
    ],
)
def test_taps_are_those_of_the_published_heads(name, halving, output_stride, c4, c5, skip):
    taps = MobileNetV3(name, halving=halving, output_stride=output_stride).taps
    assert taps == {"C4": Tap("C4", c4, 16), "C5": Tap("C5", c5, output_stride), "skip": Tap("skip", skip, 8)}


@pytest.mark.parametrize(
    ("name", "halving", "channels"),
    [  # out of the row before the tail, out of its first row, expansion and out of its last row
        ("large", "none", [112, 160, 960, 160]),
        ("large", "detection", [112, 80, 480, 80]),
        ("large", "segmentation", [112, 80, 480, 80]),
        ("small", "none", [48, 96, 576, 96]),
        ("small", "detection", [48, 48, 288, 48]),
        ("small", "segmentation", [48, 48, 288, 48]),
    ],
)
def test_halving_starts_at_the_row_after_c4(name, halving, channels):
    tail, end = find_tail(TABLES[name]), {"large": 15, "small": 11}[name]
    points = {"a": (tail - 1, "out"), "b": (tail, "out"), "c": (end, "expand"), "d": (end, "out")}
    net = MobileNetV3(name, taps=points, halving=halving).eval()
    assert [tap.channels for tap in net.taps.values()] == channels
    with torch.no_grad():
        assert [x.shape[1] for x in net(images(32, 32)).values()] == channels


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (65, 321), (320, 320)])
@pytest.mark.parametrize("output_stride", [16, 32])
@pytest.mark.parametrize("name", ["large", "small"])
def test_maps_of_any_size_are_the_rounded_up_share_of_the_image(name, output_stride, size):
    with torch.device("meta"):
        net = MobileNetV3(name, output_stride=output_stride).eval()
    maps = net(torch.zeros(1, 3, *size, device="meta"))
    assert list(maps) == ["C4", "C5", "skip"]
    for tap in net.taps.values():
        assert maps[tap.name].shape == (1, tap.channels, *(math.ceil(side / tap.stride) for side in size))


@pytest.mark.parametrize("name", ["large", "small"])
def test_at_stride_16_only_the_rows_after_the_strided_one_are_dilated(name):
    tail, net, full = find_tail(TABLES[name]), MobileNetV3(name, output_stride=16), MobileNetV3(name)
    for number, (block, plain) in enumerate(zip(net.blocks, full.blocks, strict=True), start=1):
        conv, expected = block.depthwise.conv, plain.depthwise.conv
        dilation = 2 if number > tail else 1
        assert conv.dilation == (dilation, dilation)
        assert conv.padding == (conv.kernel_size[0] // 2 * dilation,) * 2
        assert conv.stride == ((1, 1) if number == tail else expected.stride)
        assert expected.dilation == (1, 1)
    assert full.blocks[tail - 1].depthwise.conv.stride == (2, 2)


@pytest.mark.parametrize(("name", "row", "c4_row"), [("large", 6, 13), ("small", 3, 9)])
def test_skip_is_the_depthwise_map_before_squeeze_and_c4_the_expansion(name, row, c4_row):
    net, x = randomize(MobileNetV3(name)), images(64, 96)
    with torch.no_grad():
        maps = net(x)
        x = net.stem(x)
        for number, block in enumerate(net.blocks, start=1):
            if number == row:
                depthwise = block.depthwise(block.expand(x))
            if number == c4_row:
                c4 = block.expand(x)
            x = block(x).out
    assert torch.equal(maps["skip"], depthwise)
    assert torch.equal(maps["C4"], c4)
    assert torch.equal(maps["C5"], net.last(x))


def test_parts_of_a_block_differ_by_squeeze_projection_and_residual():
    points = {part: (6, part) for part in ("expand", "depthwise", "out")} | {"before": (5, "out")}
    net = randomize(MobileNetV3("large", taps=points))
    block = net.blocks[5]
    with torch.no_grad():
        maps = net(images(64, 64))
        assert torch.equal(maps["expand"], block.expand(maps["before"]))
        assert torch.equal(maps["depthwise"], block.depthwise(maps["expand"]))
        squeezed = block.se(maps["depthwise"])
        assert not torch.allclose(squeezed, maps["depthwise"])
        assert torch.equal(maps["out"], block.project(squeezed) + maps["before"])


def test_the_first_row_of_large_has_no_expansion_so_its_map_is_the_stem():
    net = randomize(MobileNetV3("large", taps={"first": (1, "expand"), "second": (2, "expand")}))
    x = images(32, 32)
    with torch.no_grad():
        assert torch.equal(net(x)["first"], net.stem(x))
    assert net.taps == {"first": Tap("first", 16, 2), "second": Tap("second", 64, 2)}


@pytest.mark.parametrize("point", [(16, "out"), (0, "out"), (3, "se"), ("last", "expand")])
def test_an_unknown_tap_point_is_refused(point):
    with pytest.raises(ValueError, match=r"unknown tap points.*row 1 to 15"):
        MobileNetV3("large", taps={"C5": ("last", "out"), "wrong": point})


@pytest.mark.parametrize("size", [(64, 64), (97, 75)])
@pytest.mark.parametrize(("halving", "reduced_tail"), [("none", False), ("detection", True)])
@pytest.mark.parametrize("name", ["large", "small"])
def test_features_equal_those_of_torchvision(name, halving, reduced_tail, size):
    theirs = randomize(PEERS[name](reduced_tail=reduced_tail).features)
    ours = copy_by_order(theirs, MobileNetV3(name, halving=halving))
    row = ours.tap_points["skip"][0]
    x = images(*size)
    with torch.no_grad():
        maps = ours(x)
        skip = theirs[row].block[:2](theirs[:row](x))
        c4 = theirs[find_tail(TABLES[name])].block[0](theirs[: find_tail(TABLES[name])](x))
        assert relative_difference(maps["C5"], theirs(x)) < 1e-5
        assert relative_difference(maps["C4"], c4) < 1e-5
        assert relative_difference(maps["skip"], skip) < 1e-5


@pytest.mark.parametrize("name", ["large", "small"])
def test_dilated_features_equal_those_of_torchvision_but_for_the_strided_row(name):
    theirs = randomize(PEERS[name](dilated=True).features)
    ours = copy_by_order(theirs, MobileNetV3(name, output_stride=16))
    x = images(64, 96)
    with torch.no_grad():
        c5 = ours(x)["C5"]
        assert relative_difference(c5, theirs(x)) > 1e-3  # torchvision dilates the strided row too
        strided = theirs[find_tail(TABLES[name])].block[1][0]
        strided.dilation, strided.padding = (1, 1), (2, 2)
        assert relative_difference(c5, theirs(x)) < 1e-5


def test_c4_and_c5_equal_those_of_torchvisions_ssdlite():
    theirs = randomize(ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None).backbone)
    ours = copy_by_order(theirs.features, MobileNetV3("large", halving="detection"))
    x = images(160, 128)
    with torch.no_grad():
        maps, expected = ours(x), theirs(x)
    assert relative_difference(maps["C4"], expected["0"]) < 1e-5
    assert relative_difference(maps["C5"], expected["1"]) < 1e-5


def test_torchvisions_segmentation_skip_is_the_output_of_row_4():
    theirs = randomize(lraspp_mobilenet_v3_large(weights=None, weights_backbone=None).backbone)
    ours = copy_by_order(theirs, MobileNetV3("large", taps={"low": (4, "out")}, output_stride=16))
    assert ours.taps["low"] == Tap("low", 40, 8)
    x = images(96, 64)
    with torch.no_grad():
        assert relative_difference(ours(x)["low"], theirs(x)["low"]) < 1e-5


def test_norms_take_the_given_settings():
    net = MobileNetV3("small", bn_eps=1e-5, bn_momentum=0.03)
    norms = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert len(norms) == 34  # stem, two of row 1, three of the ten others, last
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-5, 0.03)}
