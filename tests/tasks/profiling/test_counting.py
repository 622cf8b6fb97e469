import pytest
import torch
from torch import Tensor, nn

from backbones.blocks import SqueezeExcite
from tasks.models.architecture import Arch
from tasks.models.network import build_model
from tasks.profiling.counting import (
    BIASES,
    CONVENTIONS,
    PROFILED,
    count_madds,
    count_parameters,
    count_stages,
    measure_activations,
    name_stage,
)


def three_layers(act: type[nn.Module]) -> nn.Module:
    """Return a 3x3 convolution of stride 2, a depthwise one and a 1x1 one with bias, on the meta device."""
    with torch.device("meta"):
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False),
            nn.BatchNorm2d(8),
            act(),
            nn.Conv2d(8, 8, 3, 1, 1, groups=8, bias=False),
            nn.BatchNorm2d(8),
            nn.Conv2d(8, 4, 1),
        ).eval()


def on_meta(arch: Arch) -> nn.Module:
    with torch.device("meta"):
        return build_model(arch).eval()


def test_parameters_are_counted_with_and_without_norms() -> None:
    model = three_layers(nn.ReLU)
    weights = 8 * 3 * 9 + 8 * 9 + (4 * 8 + 4)
    assert count_parameters(model, norms=False) == weights == 324
    assert count_parameters(model, norms=True) == weights + 2 * 8 + 2 * 8


def test_the_parameters_of_timms_norms_are_those_of_norms() -> None:
    pytest.importorskip("timm")
    from timm.layers import BatchNormAct2d

    assert count_parameters(nn.Sequential(nn.Conv2d(3, 8, 1), BatchNormAct2d(8)), norms=False) == 3 * 8 + 8


@pytest.mark.parametrize(("act", "operations"), [(nn.ReLU, 0), (nn.Hardswish, 3), (nn.Hardsigmoid, 2)])
def test_multiply_adds_of_three_layers_are_those_counted_by_hand(act: type[nn.Module], operations: int) -> None:
    model, cells = three_layers(act), 4 * 4
    products = cells * (8 * 27 + 8 * 9 + 4 * 8)
    biases = cells * (8 + 8 + 4)
    assert products == 5120
    assert count_madds(model, (8, 8), formulas={}) == products
    assert count_madds(model, (8, 8), formulas=BIASES) == products + biases // 2 == 5280
    whole = count_madds(model, (8, 8), formulas={**BIASES, **PROFILED})
    assert whole == products + (biases + operations * cells * 8) // 2


def test_odd_sizes_count_every_cell_that_comes_out() -> None:
    assert count_madds(three_layers(nn.ReLU), (9, 7), formulas={}) == 5 * 4 * (8 * 27 + 8 * 9 + 4 * 8)


def test_a_channel_gate_counts_its_mean_its_sigmoid_and_its_multiplication() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Conv2d(3, 32, 1, bias=False), SqueezeExcite(32)).eval()  # 32 -> 8 -> 32
    convolutions = 16 * 3 * 32 + 32 * 8 + 8 * 32
    operations = 16 * 32 + (8 + 32) + 2 * 32 + 16 * 32  # mean, biases, hard-sigmoid, multiplication
    assert count_madds(model, (4, 4), formulas=CONVENTIONS["profiler"].formulas) == convolutions + operations // 2


def test_a_linear_layer_counts_like_a_1x1_convolution() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Flatten(), nn.Linear(12, 5))
    assert count_madds(model, (2, 2), formulas={}) == 60
    assert count_madds(model, (2, 2), formulas=BIASES) == 60 + 5 // 2


@pytest.mark.parametrize(
    "arch",
    [
        Arch("ssdlite", "large", 3, halving="detection"),
        Arch("lraspp", "small", 3, output_stride=16),
        Arch("raspp", "large", 3, width=0.5),
        Arch("classifier", "small", 10),
    ],
    ids=lambda arch: arch.head,
)
def test_the_counter_agrees_with_hooks_on_real_tensors(arch: Arch) -> None:
    model, counted = build_model(arch).eval(), []

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> None:
        weights = layer.weight.shape
        counted.append(out.numel() * weights[1:].numel())

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    with torch.no_grad():
        model(torch.zeros(1, 3, 65, 97))
    assert len(counted) > 30
    assert count_madds(on_meta(arch), (65, 97), formulas={}) == sum(counted)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_the_stages_add_up_to_the_whole(name: str) -> None:
    model, convention = on_meta(Arch("ssdlite", "large", 80)), CONVENTIONS[name]
    stages = {stage.name: stage for stage in count_stages(model, (320, 320), convention=convention)}
    whole = count_madds(model, (320, 320), formulas=convention.formulas)
    assert sum(stage.params for stage in stages.values()) == count_parameters(model, norms=convention.norms)
    assert 0 <= whole - sum(stage.madds for stage in stages.values()) <= len(stages)  # halves, rounded down
    assert stages["backbone.stem"].madds >= 160 * 160 * 16 * 27
    assert list(stages)[:3] == ["backbone.stem", "backbone.blocks.0", "backbone.blocks.1"]
    assert list(stages)[-3:] == ["head.extras", "head.class_predictors", "head.box_predictors"]


def test_the_stages_of_a_baseline_add_up_and_are_named_alike() -> None:
    pytest.importorskip("timm")
    model, convention = on_meta(Arch("ssdlite", "mobilenetv2", 80)), CONVENTIONS["products"]
    stages = count_stages(model, (320, 320), convention=convention)
    assert sum(stage.madds for stage in stages) == count_madds(model, (320, 320), formulas={})
    assert [stage.name for stage in stages[:2]] == ["backbone.stem", "backbone.blocks.0"]
    assert stages[0].madds == 160 * 160 * 32 * 27
    assert "backbone.last" in [stage.name for stage in stages]


@pytest.mark.parametrize(
    ("path", "stage"),
    [
        ("backbone.blocks.12.depthwise.conv", "backbone.blocks.12"),
        ("backbone.net.blocks.5.0.conv_pw", "backbone.blocks.5"),
        ("backbone.net.bn1", "backbone.stem"),
        ("head.extras.0.1.conv", "head.extras"),
        ("head", "head"),
    ],
)
def test_a_module_belongs_to_a_block_or_to_a_part(path: str, stage: str) -> None:
    assert name_stage(path) == stage


def sequence(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(*layers).to("meta").eval()


def test_activation_memory_peaks_where_a_layer_holds_what_goes_in_and_what_comes_out() -> None:
    model = sequence(nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Conv2d(8, 4, 1))
    image, wide = 3 * 100 * 4, 8 * 100 * 4  # bytes of 10 x 10 cells
    found = measure_activations(model, (10, 10))
    assert (found.peak, found.largest) == (image + 2 * wide, wide) == (7600, 3200)


def test_a_layer_that_works_in_place_takes_no_memory() -> None:
    model = sequence(nn.Conv2d(3, 8, 1), nn.ReLU(inplace=True), nn.Flatten())
    assert measure_activations(model, (10, 10)).peak == (3 + 8) * 100 * 4


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(3, 3, 1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.convs[1](self.convs[0](x))


def test_a_map_that_is_needed_later_stays_in_memory() -> None:
    assert measure_activations(Residual().to("meta"), (10, 10)).peak == 3 * (3 * 100 * 4)
