import copy
import sys

import pytest
import timm
import torch

from backbones.baselines import BASELINES, TAPS
from backbones.zoo import TimmBackbone, build_inverted
from tests.support.random_weights import randomize

DETECTION, SEGMENTATION = ("C4", "C5"), ("body", "skip")
SMALL = ("mobilenetv1", "mobilenetv2", "mnasnet_a1", "mobilenetv4_conv_small", "mobilenetv4_conv_medium")
PEERS = {
    "mobilenetv1": "mobilenetv1_100",
    "mobilenetv2": "mobilenetv2_100",
    "mnasnet_a1": "semnasnet_100",
    "mobilenetv4_conv_small": "mobilenetv4_conv_small",
    "mobilenetv4_conv_medium": "mobilenetv4_conv_medium",
}


def build(name, taps=DETECTION, **options):
    return TimmBackbone(name, taps={tap: TAPS[name][tap] for tap in taps}, **options)


def images(height=64, width=96):
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("output_stride", [16, 32])
@pytest.mark.parametrize(
    ("name", "c4", "c5", "body", "skip"),
    [
        ("mobilenetv1", 512, 1024, 1024, 256),
        ("mobilenetv2", 576, 1280, 320, 192),
        ("mnasnet_a1", 672, 1280, 320, 120),
        ("mobilenetv4_conv_small", 576, 960, 960, 64),
        ("mobilenetv4_conv_medium", 960, 960, 960, 160),
    ],
)
def test_taps_are_those_of_the_published_heads(name, c4, c5, body, skip, output_stride):
    net = build(name, ("C4", "C5", *SEGMENTATION) if name == "mobilenetv2" else DETECTION, output_stride=output_stride)
    assert net.taps["C4"] == ("C4", c4, 16)
    assert net.taps["C5"] == ("C5", c5, output_stride)
    other = build(name, SEGMENTATION, output_stride=output_stride)
    assert other.taps == {"body": ("body", body, output_stride), "skip": ("skip", skip, 8)}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [(32, 32), (97, 161)])
def test_maps_of_any_size_are_the_rounded_up_share_of_the_image(name, size):
    net = build(name).eval()
    with torch.no_grad():
        maps = net(images(*size))
    for tap in net.taps.values():
        assert maps[tap.name].shape == (2, tap.channels, *(-(-side // tap.stride) for side in size))


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_maps_equal_those_inside_timms_own_network(name):
    peer, seen = randomize(timm.create_model(PEERS[name])), {}
    for layer in set(TAPS[name].values()):
        peer.get_submodule(layer).register_forward_hook(
            lambda module, inputs, output, layer=layer: seen.update({layer: output})
        )
    with torch.no_grad():
        peer(images())
    for taps in (DETECTION, SEGMENTATION):
        net = build(name, taps, bn_eps=1e-5)
        weights = peer.state_dict()
        net.net.load_state_dict({key: weights[key] for key in net.net.state_dict()})
        with torch.no_grad():
            maps = net.eval()(images())
        for tap, x in maps.items():
            assert x.std(dim=(0, 2, 3)).median() > 1e-3
            torch.testing.assert_close(x, seen[TAPS[name][tap]], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("name", "peer"), [("mobilenetv2", "mobilenetv2_100"), ("mnasnet_a1", "semnasnet_100")])
def test_our_rows_build_timms_network(name, peer):
    ours = build_inverted(name, width=1.0, halving="none", output_stride=32).state_dict()
    theirs = timm.create_model(peer).state_dict()
    assert {key: value.shape for key, value in ours.items()} == {key: value.shape for key, value in theirs.items()}


@pytest.mark.parametrize(
    ("halving", "c4", "body"), [("none", 576, 320), ("detection", 576, 160), ("segmentation", 288, 160)]
)
def test_halving_starts_at_the_row_after_c4(halving, c4, body):
    net = build("mobilenetv2", ("C4", "body"), halving=halving)
    assert [tap.channels for tap in net.taps.values()] == [c4, body]
    tail = net.net.get_submodule("blocks.5")
    out, expanded = (160, 960) if halving == "none" else (80, 480)
    assert [block.conv_pwl.out_channels for block in tail.children()] == [out] * 3
    assert [block.conv_pw.out_channels for block in tail.children()] == [c4, expanded, expanded]


def test_only_the_layers_that_the_taps_need_are_kept():
    names = {name.split(".")[0] for name, _ in build("mobilenetv2", SEGMENTATION).net.named_parameters()}
    assert names == {"conv_stem", "bn1", "blocks"}
    names = {name.split(".")[0] for name, _ in build("mobilenetv2").net.named_parameters()}
    assert names == {"conv_stem", "bn1", "blocks", "conv_head", "bn2"}


@pytest.mark.parametrize("name", SMALL)
def test_a_baseline_trains_and_can_be_copied(name):
    net = copy.deepcopy(build(name, bn_momentum=0.5)).train()
    sum(x.square().mean() for x in net(images()).values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    norms = [layer for layer in net.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(0.001, 0.5)}
    assert all(norm.running_mean.abs().sum() > 0 for norm in norms)


def test_a_width_that_timm_lacks_is_refused():
    with pytest.raises(ValueError, match=r"width: 0\.75 of mobilenetv1; timm has \(1\.0, 1\.25\)"):
        build("mobilenetv1", width=0.75)


@pytest.mark.parametrize("name", BASELINES)
def test_without_timm_the_error_says_how_to_install_it(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ModuleNotFoundError, match=r"needs timm: pip install 'bneck\[timm\]'"):
        build(name)
