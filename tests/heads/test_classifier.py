import pytest
import torch
from torchvision.models import mobilenet_v3_large, mobilenet_v3_small

from tasks.models.architecture import Arch
from tasks.models.network import build_model
from tests.support.random_weights import copy_by_order, randomize


@pytest.mark.parametrize(
    ("backbone", "width", "minimalistic", "parameters"),
    [
        ("large", 1.0, False, 5_483_032),
        ("small", 1.0, False, 2_542_856),
        ("large", 0.75, False, 3.99e6),
        ("small", 0.75, False, 2.04e6),
        ("large", 1.0, True, 3.9e6),
    ],
)
def test_parameters_are_the_published_ones(backbone, width, minimalistic, parameters):
    with torch.device("meta"):
        model = build_model(Arch("classifier", backbone, 1000, width=width, minimalistic=minimalistic))
    count = sum(p.numel() for p in model.parameters())
    assert count == parameters if width == 1.0 and not minimalistic else count == pytest.approx(parameters, rel=0.01)


@pytest.mark.parametrize(("backbone", "build"), [("large", mobilenet_v3_large), ("small", mobilenet_v3_small)])
def test_logits_equal_those_of_torchvision(backbone, build):
    theirs = randomize(build())
    ours = copy_by_order(theirs, build_model(Arch("classifier", backbone, 1000)))
    images = torch.randn(3, 3, 96, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits, expected = ours(images), theirs(images)
    assert expected.std(dim=0).median() > 1e-3
    assert (logits - expected).abs().max() / expected.abs().max() < 1e-5
