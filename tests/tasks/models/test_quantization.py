import torch
from torch import nn

from backbones.blocks import SqueezeExcite
from tasks.models.quantization import RoundedActivation, RoundedConv, quantize, round_weight, weight_scales


def rounding(low, high):
    layer = RoundedActivation().eval()
    layer.low, layer.high = torch.tensor(low), torch.tensor(high)
    return layer


def test_255_steps_lie_between_lowest_and_highest_value():
    scale, zero = rounding(-1.0, 1.55).grid()
    assert (round(scale.item(), 7), zero.item()) == (0.01, 100)
    found = rounding(-1.0, 1.55)(torch.tensor([-2.0, -1.0, 0.0, 0.004, 0.006, 1.55, 9.0]))
    torch.testing.assert_close(found, torch.tensor([-1.0, -1.0, 0.0, 0.0, 0.01, 1.55, 1.55]))


def test_what_is_never_below_0_has_all_steps_above_it():
    scale, zero = rounding(0.0, 2.55).grid()
    assert (round(scale.item(), 7), zero.item()) == (0.01, 0)


def test_gradients_pass_inside_the_range_and_stop_beyond_it():
    x = torch.tensor([-2.0, -0.5, 0.3, 2.0], requires_grad=True)
    rounding(-1.0, 1.55)(x).sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 1.0, 0.0]


def test_the_first_batch_sets_the_range_and_later_ones_move_it():
    layer = RoundedActivation()
    layer(torch.tensor([1.0, 3.0]))
    assert (layer.low.item(), layer.high.item()) == (0.0, 3.0)
    layer(torch.tensor([-2.0, 5.0]))
    assert (round(layer.low.item(), 6), round(layer.high.item(), 6)) == (-0.1, 3.1)
    layer.eval()(torch.tensor([-50.0, 50.0]))
    assert round(layer.high.item(), 6) == 3.1


def test_each_channel_of_a_weight_has_a_scale_of_its_own():
    weight = torch.tensor([[1.27, -0.5, 0.004], [-12.7, 6.0, 0.06]])
    torch.testing.assert_close(weight_scales(weight), torch.tensor([0.01, 0.1]))
    torch.testing.assert_close(round_weight(weight), torch.tensor([[1.27, -0.5, 0.0], [-12.7, 6.0, 0.1]]))


def test_a_weight_is_rounded_as_torch_s_own_fake_quantisation_rounds_it():
    weight = torch.randn(8, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    zeros = torch.zeros(8, dtype=torch.int32)
    peer = torch.fake_quantize_per_channel_affine(weight, weight_scales(weight), zeros, 0, -127, 127)
    torch.testing.assert_close(round_weight(weight), peer, rtol=0, atol=1e-7)


def test_rounding_stands_behind_a_rectifier_and_before_and_behind_h_swish():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.Hardswish()
    )
    quantize(model)
    first, norm, relu, second, swish = model
    kinds = [[type(part.before), type(part.after)] for part in (first, second)]
    assert kinds == [[RoundedActivation, nn.Identity], [nn.Identity, RoundedActivation]]
    assert isinstance(norm, nn.Identity)
    assert [type(part[1]) for part in (relu, swish)] == [RoundedActivation, RoundedActivation]


def test_a_rounded_network_stays_close_to_the_one_before():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 16, 3, bias=False), nn.BatchNorm2d(16), nn.Hardswish(), SqueezeExcite(16))
    x = torch.rand(2, 3, 16, 16)
    expected = model.eval()(x)
    quantize(model)
    model.train()(x)
    found = model.eval()(x)
    assert 0 < (found - expected).abs().max() < 0.02 * expected.abs().max()
    assert sum(isinstance(layer, RoundedConv) for layer in model.modules()) == 3


def test_weights_learn_through_the_rounding():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 1, 1, bias=False))
    quantize(model)
    model.train()(torch.rand(1, 3, 4, 4)).sum().backward()
    assert model[0].conv.weight.grad.abs().min() > 0


def test_a_range_is_part_of_the_state():
    layer = rounding(-1.0, 2.0)
    other = RoundedActivation()
    other.load_state_dict(layer.state_dict())
    assert other.grid()[1] == layer.grid()[1] == 85
