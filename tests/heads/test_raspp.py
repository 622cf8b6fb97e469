import pytest
import torch

from backbones.taps import Tap
from heads.raspp import RASPP
from tasks.models.architecture import Arch
from tasks.models.network import build_model
from tests.support.random_weights import randomize

TINY = {"C5": Tap("C5", 3, 16)}


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def apply(branch, x):
    """Apply a 1x1 convolution, its norm and a ReLU to x (N, C, h, w), written out."""
    y = torch.einsum("fc,nchw->nfhw", branch.conv.weight[:, :, 0, 0], x)
    norm, columns = branch.norm, (slice(None), None, None)
    y = (y - norm.running_mean[columns]) / (norm.running_var[columns] + norm.eps).sqrt()
    return (y * norm.weight[columns] + norm.bias[columns]).clamp(min=0)


def test_the_forward_pass_by_hand():
    head, c5 = randomize(RASPP(TINY, num_classes=4, filters=5)), noise(2, 3, 4, 6)
    with torch.no_grad():
        logits = head({"C5": c5})
        mean = apply(head.pool, c5.mean((2, 3), keepdim=True)).expand(2, 5, 4, 6)
        x = apply(head.fuse, torch.cat((mean, apply(head.project, c5)), dim=1))
        expected = torch.einsum("kf,nfhw->nkhw", head.classify.weight[:, :, 0, 0], x)
        expected = expected + head.classify.bias[:, None, None]
    assert expected.std() > 0.05
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("halving", "millions"), [("none", 3.60), ("segmentation", 1.76)])
def test_parameters_round_to_those_of_table_7(halving, millions):
    with torch.device("meta"):
        model = build_model(Arch("raspp", "large", 19, halving=halving, output_stride=16, filters=256))
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 2) == millions


def test_a_tenth_is_dropped_in_training_alone():
    head, c5 = randomize(RASPP(TINY, num_classes=4)), noise(2, 3, 4, 6)
    assert torch.equal(head({"C5": c5}), head({"C5": c5}))
    head.train()
    seen = []
    head.classify.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    head.dropout.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    for _ in range(20):
        head({"C5": c5})
    before, after = torch.cat(seen[::2]), torch.cat(seen[1::2])
    dropped = ((before > 0) & (after == 0)).sum() / (before > 0).sum()
    assert 0.08 < dropped < 0.12
