"""LR-ASPP (arXiv:1905.02244, section 6.4 and figure 10), as TensorFlow DeepLab builds it, and as torchvision does."""

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F

from backbones.blocks import ConvNormAct, init_kaiming, make_norm
from backbones.taps import Tap
from heads.lraspp_conventions import CONVENTIONS

BN_EPS = 0.00001  # of the heads' norms, in TensorFlow and in torchvision, whatever the backbone's
POOL_KERNEL = 49  # covers the whole map of a 769-pixel crop at stride 16
POOL_STRIDE = (16, 20)
GATES: dict[str, type[nn.Module]] = {"hard sigmoid": nn.Hardsigmoid, "sigmoid": nn.Sigmoid}


def resize(x: Tensor, size: tuple[int, int], *, align_corners: bool = True) -> Tensor:
    """Resize (N, C, h, w) to (N, C, *size), bilinear; with aligned corners as everywhere in the paper's segmenters."""
    return F.interpolate(x, size=size, mode="bilinear", align_corners=align_corners)


class GlobalPool(nn.Module):
    """The mean of the whole map."""

    def forward(self, x: Tensor) -> Tensor:
        """Turn x (N, C, h, w) into (N, C, 1, 1)."""
        return x.mean((2, 3), keepdim=True)


class WindowPool(nn.Module):
    """The means of windows of 49 x 49 cells, 16 cells down and 20 cells right of each other."""

    def forward(self, x: Tensor) -> Tensor:
        """Turn x (N, C, h, w) into (N, C, h', w')."""
        kernel = min(POOL_KERNEL, x.shape[2]), min(POOL_KERNEL, x.shape[3])
        # With ceil_mode, cells past the last whole window count too. At the paper's 1025 x 2049 there are none.
        return F.avg_pool2d(x, kernel, POOL_STRIDE, ceil_mode=True)


class LRASPP(nn.Module):
    """Lite reduced atrous spatial pyramid pooling: C5 gated by pooled context, plus a skip at stride 8.

    Args:
        taps: of the backbone; C5 and skip are used.
        num_classes: K.
        filters: width F of the two branches, 128 or 256 in the paper.
        convention: key of `heads.lraspp_conventions.CONVENTIONS`.
        bn_momentum: 1 - TensorFlow's decay.

    Attributes:
        TAPS: names of the feature maps that it takes.
        align_corners: how its logits are to be resized.
    """

    TAPS = ("C5", "skip")

    def __init__(
        self,
        taps: Mapping[str, Tap],
        *,
        num_classes: int,
        filters: int = 128,
        convention: str = "tensorflow",
        bn_momentum: float = 0.01,
    ) -> None:
        super().__init__()
        c5, skip = (taps[name] for name in self.TAPS)
        rules = CONVENTIONS[convention]
        norm = make_norm(eps=BN_EPS, momentum=bn_momentum)
        self.align_corners = rules.align_corners
        self.pool: nn.Module = WindowPool() if rules.windows else GlobalPool()
        self.project = ConvNormAct(c5.channels, filters, kernel=1, norm=norm, act=nn.ReLU)
        self.gate = nn.Sequential(nn.Conv2d(c5.channels, filters, 1, bias=rules.gate_bias), GATES[rules.gate]())
        self.classify = nn.Conv2d(filters, num_classes, 1)
        self.classify_skip = nn.Conv2d(skip.channels, num_classes, 1)
        init_kaiming(self)

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        """Turn C5 (N, C, h, w) and skip (N, C', h', w') into logits (N, K, h', w'); resize them where wanted."""
        c5, skip = (features[name] for name in self.TAPS)
        gate = self.gate(self.pool(c5))
        if gate.shape[2:] != (1, 1):
            gate = resize(gate, (c5.shape[2], c5.shape[3]), align_corners=self.align_corners)
        x = resize(self.project(c5) * gate, (skip.shape[2], skip.shape[3]), align_corners=self.align_corners)
        return self.classify(x) + self.classify_skip(skip)
