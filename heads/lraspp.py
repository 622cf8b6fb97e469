"""LR-ASPP (arXiv:1905.02244, section 6.4 and figure 10), as TensorFlow DeepLab builds it."""

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F

from backbones.blocks import ConvNormAct, init_kaiming, make_norm
from backbones.taps import Tap

POOL_KERNEL = 49  # covers the whole map of a 769-pixel crop at stride 16
POOL_STRIDE = (16, 20)


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (N, C, h, w) to (N, C, *size), bilinear with aligned corners, as everywhere in the paper's segmenter."""
    return F.interpolate(x, size=size, mode="bilinear", align_corners=True)


class LRASPP(nn.Module):
    """Lite reduced atrous spatial pyramid pooling: C5 gated by pooled context, plus a skip at stride 8.

    Args:
        taps: of the backbone; C5 and skip are used.
        num_classes: K.
        filters: width F of the two branches, 128 or 256 in the paper.
        bn_eps: added to the variance in batch normalisation.
        bn_momentum: 1 - TensorFlow's decay.

    Attributes:
        TAPS: names of the feature maps that it takes.
    """

    TAPS = ("C5", "skip")

    def __init__(
        self,
        taps: Mapping[str, Tap],
        *,
        num_classes: int,
        filters: int = 128,
        bn_eps: float = 0.001,
        bn_momentum: float = 0.01,
    ) -> None:
        super().__init__()
        c5, skip = (taps[name] for name in self.TAPS)
        norm = make_norm(eps=bn_eps, momentum=bn_momentum)
        self.project = ConvNormAct(c5.channels, filters, kernel=1, norm=norm, act=nn.ReLU)
        self.gate = nn.Sequential(nn.Conv2d(c5.channels, filters, 1), nn.Hardsigmoid())
        self.classify = nn.Conv2d(filters, num_classes, 1)
        self.classify_skip = nn.Conv2d(skip.channels, num_classes, 1)
        init_kaiming(self)

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        """Turn C5 (N, C, h, w) and skip (N, C', h', w') into logits (N, K, h', w'); resize them where wanted."""
        c5, skip = (features[name] for name in self.TAPS)
        height, width = c5.shape[-2:]
        kernel = min(POOL_KERNEL, height), min(POOL_KERNEL, width)
        # With ceil_mode, cells past the last whole window count too. At the paper's 1025 x 2049 there are none.
        context = self.gate(F.avg_pool2d(c5, kernel, POOL_STRIDE, ceil_mode=True))
        x = self.project(c5) * resize(context, (height, width))
        skip_height, skip_width = skip.shape[-2:]
        return self.classify(resize(x, (skip_height, skip_width))) + self.classify_skip(skip)
