import itertools

import pytest
import torch

from heads.ssdlite import RawDetections
from tasks.models import architecture, network
from tasks.models.architecture import Arch
from tasks.models.network import build_model
from tests.support.random_weights import randomize

HEADS = ("ssdlite", "lraspp")
BASELINES = ("mobilenetv1", "mobilenetv2", "mnasnet_a1", "mobilenetv4_conv_small")


def images(batch, height=64, width=64):
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


def test_every_head_that_an_architecture_may_name_has_a_builder():
    assert list(network.BUILDERS) == list(architecture.HEADS)


@pytest.mark.parametrize("output_stride", [16, 32])
@pytest.mark.parametrize("halving", ["none", "detection", "segmentation"])
@pytest.mark.parametrize(("head", "backbone"), list(itertools.product(HEADS, ("large", "small"))))
def test_every_architecture_builds_and_runs(head, backbone, halving, output_stride):
    model = build_model(Arch(head, backbone, 5, halving=halving, output_stride=output_stride))
    with torch.no_grad():
        out = randomize(model)(images(1, 48, 65))
    if head == "lraspp":
        assert out.shape == (1, 5, 6, 9)
    else:
        count = len(model.head.anchors((48, 65)))
        assert (out.class_logits.shape, out.deltas.shape) == ((1, count, 6), (1, count, 4))
    for value in [out] if head == "lraspp" else out:
        assert value.isfinite().all()
        assert value.std() > 0.01


@pytest.mark.parametrize("options", [{"width": 0.35}, {"width": 1.25}, {"minimalistic": True}])
@pytest.mark.parametrize("head", HEADS)
def test_scaled_and_minimalistic_architectures_train(head, options):
    torch.manual_seed(0)
    model = build_model(Arch(head, "small", 3, halving="detection", **options))
    out = model(images(2))
    sum(value.square().sum() for value in (out if isinstance(out, RawDetections) else [out])).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("head", HEADS)
def test_a_model_computes_only_the_maps_that_its_head_takes(head):
    model = build_model(Arch(head, "large", 3))
    assert tuple(model.backbone.taps) == model.head.TAPS == {"ssdlite": ("C4", "C5"), "lraspp": ("C5", "skip")}[head]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("head", "unet"),
        ("backbone", "medium"),
        ("halving", "all"),
        ("output_stride", 8),
        ("anchors", "paddle"),
        ("padding", "valid"),
        ("se", "last"),
        ("aspp", "paddle"),
        ("scores", "logits"),
        ("num_classes", 0),
        ("width", -1.0),
        ("bn_eps", 0.0),
        ("bn_momentum", float("nan")),
        ("filters", 0),
    ],
)
def test_unknown_values_are_refused_by_name(field, value):
    values = {"head": "ssdlite", "backbone": "large", "num_classes": 2, field: value}
    with pytest.raises(ValueError, match=rf"^model\.{field}: (unknown )?{value!r}; (choose from|expected)"):
        Arch(**values)


@pytest.mark.parametrize("head", [*HEADS, "raspp"])
@pytest.mark.parametrize("backbone", BASELINES)
def test_every_head_runs_on_every_baseline(backbone, head):
    model = randomize(build_model(Arch(head, backbone, 5, output_stride=32 if head == "ssdlite" else 16)))
    with torch.no_grad():
        out = model(images(1, 48, 65))
    if head == "ssdlite":
        assert out.class_logits.shape == (1, len(model.head.anchors((48, 65))), 6)
    else:
        assert out.shape == ((1, 5, 6, 9) if head == "lraspp" else (1, 5, 3, 5))
    assert (out[0] if head == "ssdlite" else out).std() > 1e-3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("halving", "detection"),
        ("width", 0.5),
        ("minimalistic", True),
        ("padding", "same"),
        ("se", "before_act"),
        ("aspp", "torchvision"),
    ],
)
def test_what_a_baseline_lacks_is_refused_by_name(field, value):
    values = {"head": "ssdlite", "backbone": "mobilenetv1", "num_classes": 2, field: value}
    with pytest.raises(ValueError, match=rf"^model\.{field}: unknown {value!r} with backbone mobilenetv1; choose from"):
        Arch(**values)


def test_r_aspp_has_no_convention_of_torchvision():
    with pytest.raises(ValueError, match=r"^model\.aspp: unknown 'torchvision' with head raspp"):
        Arch("raspp", "large", 2, aspp="torchvision")


@pytest.mark.parametrize(("backbone", "row", "channels"), [("large", 4, 40), ("small", 2, 24)])
def test_torchvisions_segmenter_taps_the_row_that_reaches_stride_8(backbone, row, channels):
    model = build_model(Arch("lraspp", backbone, 2, output_stride=16, aspp="torchvision"))
    assert model.backbone.tap_points["skip"] == (row, "out")
    assert model.backbone.taps["skip"] == ("skip", channels, 8)


def test_an_unknown_field_is_refused():
    with pytest.raises(TypeError, match="depth"):
        Arch("ssdlite", "large", 2, depth=3)


@pytest.mark.parametrize("head", HEADS)
def test_an_image_alone_gives_what_it_gives_in_a_batch(head):
    model, batch = randomize(build_model(Arch(head, "small", 4, halving="detection"))), images(3)
    with torch.no_grad():
        together, alone = model(batch), model(batch[1:2])
    if head == "lraspp":
        together, alone = [together], [alone]
    for values, value in zip(together, alone, strict=True):
        assert (values[0] - values[1]).abs().max() > 0.1  # the images differ
        torch.testing.assert_close(values[1:2], value, rtol=1e-4, atol=1e-4)


def test_the_same_seed_builds_the_same_weights():
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        states.append(build_model(Arch("ssdlite", "small", 2)).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not torch.equal(states[0]["backbone.stem.conv.weight"], states[2]["backbone.stem.conv.weight"])


@pytest.mark.parametrize(("head", "eps"), [("ssdlite", 1e-4), ("lraspp", 1e-5), ("raspp", 1e-5)])
def test_norm_settings_reach_every_norm_but_for_the_epsilon_of_segmentation_heads(head, eps):
    model = build_model(Arch(head, "small", 2, bn_eps=1e-4, bn_momentum=0.2))
    for part, expected in ((model.backbone, 1e-4), (model.head, eps)):
        norms = [layer for layer in part.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
        assert {(norm.eps, norm.momentum) for norm in norms} == {(expected, 0.2)}
