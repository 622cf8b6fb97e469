"""The maps of published networks, reproduced from their weights; the peers' are random, but such that maps vary."""

import pytest
import timm
import torch
from torch import nn
from torchvision.models import mobilenet_v3_large, mobilenet_v3_small

from backbones.mobilenetv3 import MobileNetV3
from backbones.weights import CLASSIFIERS, NAMINGS, MismatchError, convert, find_unused
from tests.support.dli14 import DLi14
from tests.support.random_weights import randomize

TOLERANCE = 1e-5  # of the largest value


def assert_reproduced(found, expected):
    """Compare maps (2, C, h, w) of two images, which must differ from each other."""
    limit = TOLERANCE * expected.abs().max()
    assert (expected[0] - expected[1]).abs().max() > 0.1 * expected.abs().max()
    assert (found - expected).abs().max() <= limit


def copy(state, net, publisher):
    """Load a publisher's tensors into our network; every one of them must have a place."""
    names = NAMINGS[publisher](net)
    classifier = [f"{layer}.{leaf}" for layer in CLASSIFIERS[publisher] for leaf in ("weight", "bias")]
    assert find_unused(state, {**names, **CLASSIFIERS[publisher]}, like=[*net.state_dict(), *classifier]) == []
    net.load_state_dict(convert(state, names, like=net.state_dict()))
    return net.eval()


@pytest.fixture
def images():
    """Return two images of an odd height and an even width."""
    return torch.randn(2, 3, 97, 128, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
@pytest.mark.parametrize(("name", "build"), [("large", mobilenet_v3_large), ("small", mobilenet_v3_small)])
def test_torchvisions_maps_are_reproduced(name, build, images):
    peer = randomize(build())
    net = copy(peer.state_dict(), MobileNetV3(name), "torchvision")
    assert_reproduced(net(images)["C5"], peer.features(images))


@torch.no_grad()
@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("mobilenetv3_large_100", {"name": "large"}),
        ("mobilenetv3_large_075", {"name": "large", "width": 0.75}),
        ("mobilenetv3_small_075", {"name": "small", "width": 0.75}),
    ],
)
def test_timms_maps_are_reproduced(model, options, images):
    peer = randomize(timm.create_model(model))
    net = copy(peer.state_dict(), MobileNetV3(**options, bn_eps=1e-5), "timm")
    assert_reproduced(net(images)["C5"], peer.forward_features(images))


@torch.no_grad()
@pytest.mark.parametrize("size", [(96, 128), (97, 129), (98, 131)])
@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("tf_mobilenetv3_large_100", {"name": "large"}),
        ("tf_mobilenetv3_small_minimal_100", {"name": "small", "minimalistic": True}),
    ],
)
def test_maps_of_tensorflows_weights_are_reproduced_with_same_padding(model, options, size):
    peer = randomize(timm.create_model(model))
    net = copy(peer.state_dict(), MobileNetV3(**options, padding="same"), "timm")
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    assert_reproduced(net(images)["C5"], peer.forward_features(images))


@torch.no_grad()
@pytest.mark.parametrize("name", ["large", "small"])
def test_maps_with_the_gate_before_the_activation_are_reproduced(name, images):
    peer = randomize(DLi14(name))
    net = copy(peer.state_dict(), MobileNetV3(name, se="before_act", bn_eps=1e-5), "d-li14")
    assert_reproduced(net(images)["C5"], peer.maps(images))


def test_the_order_of_the_tensors_does_not_matter():
    peer, net = randomize(mobilenet_v3_small()), MobileNetV3("small")
    state, names = peer.state_dict(), NAMINGS["torchvision"](net)
    backwards = convert(dict(sorted(state.items(), reverse=True)), names, like=net.state_dict())
    forwards = convert(state, names, like=net.state_dict())
    assert all(torch.equal(forwards[name], backwards[name]) for name in net.state_dict())


def test_counts_of_batches_may_be_missing():
    state = {"bn.weight": torch.ones(3), "bn.bias": torch.zeros(3), "bn.running_mean": torch.zeros(3)}
    like = nn.Sequential(nn.BatchNorm2d(3)).state_dict()
    converted = convert({**state, "bn.running_var": torch.ones(3)}, {"0": "bn"}, like=like)
    assert converted["0.num_batches_tracked"].dtype == torch.int64
    assert converted.keys() == like.keys()


def test_a_linear_layer_and_a_1x1_convolution_turn_into_each_other():
    weight = torch.randn(5, 4)
    found = convert({"fc.weight": weight, "fc.bias": torch.ones(5)}, {"0": "fc"}, like=like_conv(4, 5))
    assert torch.equal(found["0.weight"], weight[:, :, None, None])


def like_conv(channels, out):
    return nn.Sequential(nn.Conv2d(channels, out, 1)).state_dict()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            {"fc.weight": torch.ones(5, 3), "fc.bias": torch.ones(5)},
            r"fc.weight has the shape \(5, 3\).*\(5, 4, 1, 1\)",
        ),
        ({"fc.weight": torch.ones(5, 4)}, r"fc.bias is missing.*\(5,\)"),
    ],
)
def test_tensors_of_other_shapes_are_named(state, message):
    with pytest.raises(MismatchError, match=message):
        convert(state, {"0": "fc"}, like=like_conv(4, 5))


def test_tensors_without_a_place_are_found():
    unused = find_unused(
        ["stem.weight", "stem.bias", "stem.num_batches_tracked", "extra.0.weight"],
        {"ours": "stem"},
        like=["ours.weight"],
    )
    assert unused == ["stem.bias", "extra.0.weight"]
