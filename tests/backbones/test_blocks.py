import pytest
import torch
from timm.layers import Conv2dSame

from backbones.blocks import InvertedResidual, SameConv2d, make_norm
from tests.support.random_weights import randomize


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [(1, 1), (7, 8), (32, 32), (33, 50)])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 2, 1), (5, 2, 1), (3, 1, 2), (5, 2, 2), (1, 2, 1)])
def test_same_padding_is_that_of_tensorflow(size, kernel, stride, dilation):
    ours = SameConv2d(3, 4, kernel, stride, 0, dilation, bias=False)
    theirs = Conv2dSame(3, 4, kernel, stride, 0, dilation, bias=False)
    theirs.load_state_dict(ours.state_dict())
    x = noise(2, 3, *size)
    out = ours(x)
    assert out.shape[2:] == (-(-size[0] // stride), -(-size[1] // stride))
    torch.testing.assert_close(out, theirs(x))


def test_an_odd_pixel_of_padding_goes_to_the_bottom_and_the_right():
    conv = SameConv2d(1, 1, 3, 2, bias=False)
    conv.weight.data.fill_(1.0)
    out = conv(torch.ones(1, 1, 4, 4))
    assert out[0, 0].tolist() == [[9, 6], [6, 4]]


def test_squeeze_may_stand_before_the_activation():
    options = {"kernel": 3, "stride": 1, "dilation": 1, "se": True, "act": torch.nn.Hardswish}
    norm = make_norm(eps=1e-3, momentum=0.01)
    first = randomize(InvertedResidual(8, 24, 8, **options, norm=norm, se_first=True))
    second = randomize(InvertedResidual(8, 24, 8, **options, norm=norm))
    x = noise(2, 8, 6, 6)
    with torch.no_grad():
        maps = first(x)
        depthwise = first.depthwise.norm(first.depthwise.conv(first.expand(x)))
        expected = torch.nn.functional.hardswish(first.se(depthwise))
        assert torch.equal(maps.depthwise, expected)
        assert torch.equal(maps.out, first.project(expected) + x)
        assert (maps.out - second(x).out).abs().max() > 0.01
