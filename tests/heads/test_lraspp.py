import pytest
import torch
from torchvision.models.segmentation.lraspp import LRASPPHead

from backbones.taps import Tap
from heads.lraspp import LRASPP, resize
from tasks.models.architecture import Arch
from tasks.models.network import build_model
from tests.support.random_weights import randomize

TINY = {"C5": Tap("C5", 3, 16), "skip": Tap("skip", 2, 8)}


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def tiny():
    return randomize(LRASPP(TINY, num_classes=4, filters=5))


def pooled_by(head, features):
    """Return the map that enters the gate."""
    seen = []
    head.gate.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        head(features)
    return seen[0]


def weights_of(sources, targets):
    """Return the matrix (targets, sources) of linear interpolation with aligned ends."""
    matrix = torch.zeros(targets, sources)
    for target in range(targets):
        position = target * (sources - 1) / (targets - 1)
        low = min(int(position), sources - 2)
        matrix[target, low] += 1 - (position - low)
        matrix[target, low + 1] += position - low
    return matrix


def apply_1x1(conv, x):
    y = torch.einsum("fc,nchw->nfhw", conv.weight[:, :, 0, 0], x)
    return y if conv.bias is None else y + conv.bias[:, None, None]


@pytest.mark.parametrize(("backbone", "millions"), [("large", 1.51), ("small", 0.47)])
@pytest.mark.parametrize("output_stride", [16, 32])
def test_parameters_round_to_those_of_tables_7_and_8(backbone, millions, output_stride):
    with torch.device("meta"):
        model = build_model(Arch("lraspp", backbone, 19, halving="segmentation", output_stride=output_stride))
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 2) == millions


def test_256_filters_round_to_those_of_table_7():
    with torch.device("meta"):
        model = build_model(Arch("lraspp", "large", 19, halving="segmentation", output_stride=16, filters=256))
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 2) == 1.63


def test_resizing_aligns_the_corners():
    values = resize(torch.tensor([[[[0.0, 3.0]]]]), (1, 4))
    torch.testing.assert_close(values, torch.tensor([[[[0.0, 1, 2, 3]]]]))
    x = noise(2, 3, 3, 5)
    expected = torch.einsum("ah,nchw,bw->ncab", weights_of(3, 8), x, weights_of(5, 7))
    torch.testing.assert_close(resize(x, (8, 7)), expected)


def test_the_forward_pass_by_hand():
    head, c5, skip = tiny(), noise(2, 3, 3, 5), noise(2, 2, 6, 9, seed=1)
    norm = head.project.norm
    with torch.no_grad():
        logits = head({"C5": c5, "skip": skip})
        x = apply_1x1(head.project.conv, c5)
        x = (x - norm.running_mean[:, None, None]) / (norm.running_var[:, None, None] + 1e-5).sqrt()
        x = (x * norm.weight[:, None, None] + norm.bias[:, None, None]).clamp(min=0)
        gate = (apply_1x1(head.gate[0], c5.mean((2, 3), keepdim=True)) + 3).clamp(0, 6) / 6
        x = torch.einsum("ah,nchw,bw->ncab", weights_of(3, 6), x * gate, weights_of(5, 9))
        expected = apply_1x1(head.classify, x) + apply_1x1(head.classify_skip, skip)
    assert gate.std() > 0.01
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)


def test_the_gate_has_a_bias_and_no_norm_and_the_branch_the_reverse():
    head = LRASPP(TINY, num_classes=4)
    assert sum(p.numel() for p in head.gate.parameters()) == 3 * 128 + 128
    assert head.project.conv.bias is None
    assert sum(p.numel() for p in head.project.parameters()) == 3 * 128 + 2 * 128


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (49, 49), (20, 49), (49, 7)])
def test_up_to_a_crop_of_769_the_pool_covers_the_whole_map(size):
    c5 = noise(1, 3, *size)
    pooled = pooled_by(tiny(), {"C5": c5, "skip": noise(1, 2, 8, 8)})
    torch.testing.assert_close(pooled, c5.mean((2, 3), keepdim=True), rtol=1e-4, atol=1e-5)


def test_maps_of_1025_by_2049_pixels_are_pooled_to_two_by_five_windows():
    c5 = noise(1, 3, 65, 129)
    pooled = pooled_by(tiny(), {"C5": c5, "skip": noise(1, 2, 8, 8)})
    windows = [[c5[0, :, y : y + 49, x : x + 49].mean((1, 2)) for x in (0, 20, 40, 60, 80)] for y in (0, 16)]
    expected = torch.stack([torch.stack(row, dim=1) for row in windows], dim=1)[None]
    torch.testing.assert_close(pooled, expected, rtol=1e-4, atol=1e-5)


def test_maps_of_1024_by_2048_pixels_are_pooled_to_two_by_five_windows_too():
    pooled = pooled_by(tiny(), {"C5": noise(1, 3, 64, 128), "skip": noise(1, 2, 8, 8)})
    assert pooled.shape[-2:] == (2, 5)


@pytest.mark.parametrize("size", [(49, 49), (65, 129), (64, 128), (50, 70)])
def test_every_cell_of_the_map_counts_in_the_gate(size):
    c5, head = noise(1, 3, *size).requires_grad_(), tiny()
    seen = []
    head.gate.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    head({"C5": c5, "skip": noise(1, 2, 8, 8)})
    (gradient,) = torch.autograd.grad(seen[0].sum(), c5)
    assert (gradient > 0).all()


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (65, 321), (97, 161)])
def test_any_size_gives_logits_at_stride_8(size):
    model = randomize(build_model(Arch("lraspp", "small", 5, halving="segmentation", output_stride=16)))
    with torch.no_grad():
        logits = model(noise(1, 3, *size))
    assert logits.shape == (1, 5, -(-size[0] // 8), -(-size[1] // 8))
    assert logits.isfinite().all()
    assert logits.std() > 0.05


@pytest.mark.parametrize("size", [(8, 12), (65, 129)])
def test_torchvisions_convention_gives_its_logits(size):
    theirs = randomize(LRASPPHead(2, 3, 4, 5))
    ours = LRASPP(TINY, num_classes=4, filters=5, convention="torchvision")
    names = {"project.conv": "cbr.0", "project.norm": "cbr.1", "gate.0": "scale.1"}
    names |= {"classify": "high_classifier", "classify_skip": "low_classifier"}
    weights = theirs.state_dict()
    parts = [(key, *key.rsplit(".", 1)) for key in ours.state_dict()]
    ours.load_state_dict({key: weights[f"{names[layer]}.{value}"] for key, layer, value in parts})
    c5, skip = noise(2, 3, *size), noise(2, 2, 2 * size[0], 2 * size[1] - 1, seed=1)
    with torch.no_grad():
        logits, expected = ours.eval()({"C5": c5, "skip": skip}), theirs({"low": skip, "high": c5})
    assert expected.std() > 0.05
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
