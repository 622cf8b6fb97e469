import pytest
import torch
from torch import nn
from torchvision.models.detection import ssdlite320_mobilenet_v3_large

from backbones.taps import Tap
from heads.ssdlite import SSDLite
from tasks.models.architecture import Arch
from tasks.models.network import build_model
from tests.support.random_weights import copy_by_order, randomize

TINY = {"C4": Tap("C4", 4, 16), "C5": Tap("C5", 6, 32)}


def arch(backbone="large", **options):
    return Arch("ssdlite", backbone, 90, **{"halving": "detection", "bn_momentum": 0.03, **options})


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_torchvisions_configuration_has_its_number_of_parameters():
    model = build_model(arch(anchors="torchvision"))
    assert sum(p.numel() for p in model.parameters()) == 3_440_060


@pytest.mark.parametrize(
    ("backbone", "halving", "millions"),
    [("large", "none", 4.97), ("large", "detection", 3.22), ("small", "none", 2.49), ("small", "detection", 1.77)],
)
def test_parameters_without_norms_round_to_table_6(backbone, halving, millions):
    with torch.device("meta"):
        model = build_model(arch(backbone, halving=halving))
    convolutions = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    assert round(sum(p.numel() for layer in convolutions for p in layer.parameters()) / 1e6, 2) == millions


@pytest.mark.parametrize("size", [(320, 320), (97, 161)])
def test_raw_predictions_equal_those_of_torchvision(size):
    theirs = randomize(ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=91))
    ours = copy_by_order(theirs, build_model(arch(anchors="torchvision")))
    images = noise(1, 3, *size)
    with torch.no_grad():
        raw, expected = ours(images), theirs.head(list(theirs.backbone(images).values()))
    pairs = [(raw.class_logits, expected["cls_logits"]), (raw.deltas, expected["bbox_regression"])]
    for value, reference in pairs:
        assert value.shape == reference.shape
        assert reference.std(dim=1).min() > 0.05  # otherwise equality would show nothing
        assert (value - reference).abs().max() / reference.abs().max() < 1e-5


@pytest.mark.parametrize("layout", ["tensorflow", "torchvision"])
@pytest.mark.parametrize("size", [(32, 32), (97, 161), (320, 320)])
def test_there_is_one_prediction_for_each_anchor(size, layout):
    with torch.device("meta"):
        model = build_model(arch("small", anchors=layout)).eval()
    raw, count = model(torch.zeros(2, 3, *size, device="meta")), len(model.head.anchors(size))
    assert raw.class_logits.shape == (2, count, 91)
    assert raw.deltas.shape == (2, count, 4)


@pytest.mark.parametrize(
    ("width", "channels"),
    [
        (1.0, [(256, 512), (128, 256), (128, 256), (64, 128)]),
        (0.5, [(128, 256), (64, 128), (64, 128), (32, 64)]),
        (0.35, [(89, 179), (44, 89), (44, 89), (22, 44)]),
        (0.1, [(25, 51), (16, 25), (16, 25), (16, 16)]),  # none below 16
    ],
)
def test_extra_levels_scale_with_the_width(width, channels):
    extras = SSDLite(TINY, num_classes=2, width=width).extras
    assert [(extra[0].conv.out_channels, extra[2].conv.out_channels) for extra in extras] == channels


def test_strides_follow_those_of_the_backbone():
    assert SSDLite(TINY, num_classes=2).strides == (16, 32, 64, 128, 256, 512)
    dilated = {**TINY, "C5": Tap("C5", 6, 16)}
    assert SSDLite(dilated, num_classes=2).strides == (16, 16, 32, 64, 128, 256)


@pytest.mark.parametrize(("level", "row", "column"), [(0, 0, 0), (0, 2, 7), (0, 5, 3), (1, 1, 4), (1, 2, 0)])
def test_what_one_cell_sees_moves_only_the_anchors_at_its_centre(level, row, column):
    size = (90, 150)  # maps of 6 x 10 and 3 x 5 cells
    head = randomize(SSDLite(TINY, num_classes=2))
    for predictor in (*head.class_predictors, *head.box_predictors):
        predictor[0].conv.weight.data[:, :, [0, 0, 0, 1, 1, 2, 2, 2], [0, 1, 2, 0, 2, 0, 1, 2]] = 0  # centre alone
    features = {"C4": noise(1, 4, 6, 10), "C5": noise(1, 6, 3, 5)}
    name = head.TAPS[level]
    seen = {**features, name: features[name].clone()}
    seen[name][:, :, row, column] += torch.tensor([3.0, -3] * 3)[: features[name].shape[1]]
    with torch.no_grad():
        before, after = head(features), head(seen)
    own = range(180) if level == 0 else range(180, 270)  # deeper levels see the cell as well, through the extras
    anchors = head.anchors(size)[own.start : own.stop]
    cell = size[0] / (6, 3)[level]  # 15 and 30 pixels, both ways
    expected = ((anchors[:, :2] + anchors[:, 2:]) / 2 - cell * torch.tensor([column + 0.5, row + 0.5])).abs().amax(1)
    for old, new in zip(before, after, strict=True):
        moved = (old != new).any(-1)[0, own.start : own.stop]
        assert torch.equal(moved, expected < 1e-3)
        assert moved.sum() == head.layout.per_cell[level]


def test_outputs_of_a_cell_are_ordered_by_anchor_then_value():
    head = SSDLite(TINY, num_classes=2).eval()
    for predictor in (head.class_predictors[0], head.box_predictors[0]):
        predictor[1].weight.data.zero_()
        predictor[1].bias.data = torch.arange(predictor[1].out_channels).float()
    with torch.no_grad():
        raw = head({"C4": noise(2, 4, 2, 3), "C5": noise(2, 6, 1, 2)})
    assert raw.class_logits[1, 15:18].tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]  # the last cell's three anchors
    assert raw.deltas[0, :3].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def test_before_training_every_class_scores_one_percent():
    torch.manual_seed(0)
    model = build_model(arch("small")).eval()
    with torch.no_grad():
        raw = model(noise(2, 3, 160, 160))
    scores = raw.class_logits.sigmoid()
    torch.testing.assert_close(scores, torch.full_like(scores, 0.01), rtol=0, atol=5e-4)
    assert raw.deltas.abs().max() < 0.1


def test_weights_start_truncated_at_two_deviations():
    torch.manual_seed(0)
    head = SSDLite({"C4": Tap("C4", 64, 16), "C5": Tap("C5", 64, 32)}, num_classes=20)
    weights = torch.cat([layer.weight.flatten() for layer in head.modules() if isinstance(layer, nn.Conv2d)])
    assert weights.abs().max() <= 0.06
    assert weights.std().item() == pytest.approx(0.03 * 0.88, rel=0.02)  # .88: of a normal cut at two deviations
