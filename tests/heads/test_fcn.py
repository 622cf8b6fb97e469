import torch

from backbones.taps import Tap
from heads.fcn import FCN


def test_the_forward_pass_by_hand():
    head = FCN({"C4": Tap("C4", 2, 16)}, num_classes=1, filters=2).eval()
    with torch.no_grad():
        head.project.conv.weight.copy_(torch.tensor([[1.0, 2], [1, -1]])[..., None, None])
        head.classify.weight.copy_(torch.tensor([[10.0, 1]])[..., None, None])
        head.classify.bias.fill_(0.5)
        logits = head({"C4": torch.tensor([[[[1.0, 3]], [[2, -1]]]])})
    # 1 + 4 and 1 - 2, 3 - 2 and 3 + 1; what is negative becomes 0
    torch.testing.assert_close(logits, torch.tensor([[[[50.5, 14.5]]]]), rtol=1e-4, atol=0)


def test_it_takes_maps_of_any_size():
    head = FCN({"C4": Tap("C4", 6, 16)}, num_classes=4)
    for size in ((1, 1), (5, 9)):
        assert head({"C4": torch.zeros(2, 6, *size), "C5": None}).shape == (2, 4, *size)
