import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.optim import SGD, RMSprop

from tasks.models.architecture import Arch
from tasks.models.network import build_model
from tasks.optimization import Optimization, lr_factor
from tasks.optimizers import build_optimizer, fuse, split_parameters

SETTINGS = Optimization("sgd", lr=0.4, momentum=0.9, weight_decay=4e-5, schedule="cosine", warmup=0.1, steps=20)


def kinds(model):
    """Return the names of the parameters of full convolutions, and of all others."""
    full, others = set(), set()
    for path, layer in model.named_modules():
        for name, _ in layer.named_parameters(recurse=False):
            depthwise = isinstance(layer, nn.Conv2d) and layer.groups > 1
            convolves = isinstance(layer, nn.Conv2d) and name == "weight" and not depthwise
            (full if convolves else others).add(f"{path}.{name}")
    return full, others


@pytest.mark.parametrize("head", ["ssdlite", "lraspp"])
def test_full_convolutions_decay_and_norms_biases_and_depthwise_ones_do_not(head):
    model = build_model(Arch(head, "small", 3))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decayed, rest = ({names[id(parameter)] for parameter in group} for group in split_parameters(model))
    assert (decayed, rest) == kinds(model)
    assert "backbone.stem.conv.weight" in decayed
    assert {"backbone.blocks.0.depthwise.conv.weight", "backbone.stem.norm.weight"} <= rest


@pytest.mark.parametrize("head", ["ssdlite", "lraspp"])
def test_every_parameter_is_in_exactly_one_group(head):
    model = build_model(Arch(head, "large", 3))
    groups = build_optimizer(model, SETTINGS)["optimizer"].param_groups
    ids = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(ids) == sorted(id(parameter) for parameter in model.parameters())
    assert [group["weight_decay"] for group in groups] == [4e-5, 0.0]


def test_a_convolution_of_one_channel_is_no_depthwise_one():
    decayed, rest = split_parameters(nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, groups=4)))
    assert [parameter.shape for parameter in decayed] == [(4, 1, 3, 3)]
    assert len(rest) == 3


def test_the_warm_up_rises_linearly_to_the_highest_rate():
    factors = [lr_factor(step, schedule="cosine", warmup_steps=3, steps=13) for step in range(5)]
    assert factors[:4] == [1 / 4, 2 / 4, 3 / 4, 1.0]
    assert factors[4] == pytest.approx((1 + math.cos(math.pi / 10)) / 2)


def test_the_papers_rate_falls_by_one_per_cent_every_three_epochs():
    factors = [
        lr_factor(step, schedule="step", warmup_steps=0, steps=120, epochs=12) for step in (0, 29, 30, 59, 60, 119)
    ]
    assert factors == pytest.approx([1, 1, 0.99, 0.99, 0.99**2, 0.99**3])


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [("cosine", [1, (1 + 0.5**0.5) / 2, 0.5, 0, 0]), ("poly", [1, 0.75**0.9, 0.5**0.9, 0, 0])],
)
def test_schedules_by_hand(schedule, expected):
    factors = [lr_factor(step, schedule=schedule, warmup_steps=0, steps=100) for step in (0, 25, 50, 100, 130)]
    assert factors == pytest.approx(expected, abs=1e-12)


def test_the_rate_moves_with_every_step_of_the_optimizer():
    built = build_optimizer(nn.Conv2d(2, 2, 1), SETTINGS)
    optimizer, schedule = built["optimizer"], built["lr_scheduler"]
    assert schedule["interval"] == "step"
    rates = []
    for _ in range(20):
        rates.append(optimizer.param_groups[1]["lr"])
        optimizer.step()
        schedule["scheduler"].step()
    cosine = [0.2 * (1 + math.cos(math.pi * step / 18)) for step in range(18)]  # 2 of 20 steps warm up
    assert rates == pytest.approx([0.4 / 3, 0.8 / 3, *cosine])
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0)


def test_a_run_of_no_steps_has_a_schedule_all_the_same():
    assert lr_factor(0, schedule="poly", warmup_steps=0, steps=0) == 1


@pytest.mark.parametrize(("name", "kind"), [("sgd", SGD), ("rmsprop", RMSprop)])
def test_the_named_optimizer_is_built(name, kind):
    optimizer = build_optimizer(nn.Conv2d(2, 2, 1), replace(SETTINGS, name=name))["optimizer"]
    assert type(optimizer) is kind
    assert optimizer.defaults["momentum"] == 0.9


def test_rmsprop_is_tensorflows():
    optimizer = build_optimizer(nn.Conv2d(2, 2, 1), replace(SETTINGS, name="rmsprop"))["optimizer"]
    assert optimizer.defaults["alpha"] == 0.9
    assert optimizer.defaults["eps"] == pytest.approx(math.sqrt(0.001), rel=1e-2)


def test_decay_shrinks_weights_and_leaves_biases_alone():
    layer = nn.Conv2d(2, 2, 1)
    before = {name: parameter.detach().clone() for name, parameter in layer.named_parameters()}
    settings = replace(SETTINGS, lr=1.0, momentum=0.0, weight_decay=0.1, warmup=0.0)
    for parameter in layer.parameters():
        parameter.grad = torch.zeros_like(parameter)
    built = build_optimizer(layer, settings)
    built["optimizer"].step()
    torch.testing.assert_close(layer.weight.detach(), before["weight"] * 0.9)
    assert torch.equal(layer.bias.detach(), before["bias"])


def test_one_kernel_changes_the_weights_as_many_do():
    layers, optimizers = [], []
    for fused in (False, True):
        torch.manual_seed(0)
        layers.append(nn.Conv2d(2, 2, 1))
        optimizers.append(build_optimizer(layers[-1], replace(SETTINGS, weight_decay=0.1))["optimizer"])
        if fused:
            fuse(optimizers[-1])
    for _ in range(3):
        for layer, optimizer in zip(layers, optimizers, strict=True):
            layer(torch.ones(1, 2, 1, 1)).square().sum().backward()
            optimizer.step()
    for plain, fused in zip(*(layer.parameters() for layer in layers), strict=True):
        torch.testing.assert_close(plain, fused)
    assert not hasattr(optimizers[1], "_step_supports_amp_scaling")  # Lightning would not clip gradients


def test_no_gradient_outlives_the_step_that_used_it():
    layer = nn.Conv2d(2, 2, 1)
    optimizer = build_optimizer(layer, SETTINGS)["optimizer"]
    before = layer.weight.detach().clone()

    def closure():
        layer(torch.ones(1, 2, 1, 1)).sum().backward()

    optimizer.step(closure)
    assert not torch.equal(layer.weight.detach(), before)
    assert all(parameter.grad is None for parameter in layer.parameters())


@pytest.mark.parametrize(("field", "value", "choices"), [("name", "adam", "rmsprop"), ("schedule", "stairs", "cosine")])
def test_unknown_names_are_refused(field, value, choices):
    with pytest.raises(ValueError, match=rf"{field}: unknown '{value}'; choose from .*{choices}"):
        replace(SETTINGS, **{field: value})
