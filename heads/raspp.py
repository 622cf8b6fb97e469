"""R-ASPP (arXiv:1801.04381, section 6.3; arXiv:1905.02244, Table 7), as TensorFlow DeepLab builds it."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from backbones.blocks import ConvNormAct, init_kaiming, make_norm
from backbones.taps import Tap
from heads.lraspp import BN_EPS

DROPOUT = 0.1


class RASPP(nn.Module):
    """Reduced atrous spatial pyramid pooling: C5 beside its own global mean, no skip.

    Args:
        taps: of the backbone; C5 is used.
        num_classes: K.
        filters: width F of the branches, 256 in the paper.
        bn_momentum: 1 - TensorFlow's decay.

    Attributes:
        TAPS: names of the feature maps that it takes.
        align_corners: how its logits are to be resized.
    """

    TAPS = ("C5",)
    align_corners = True

    def __init__(
        self,
        taps: Mapping[str, Tap],
        *,
        num_classes: int,
        filters: int = 256,
        bn_momentum: float = 0.01,
    ) -> None:
        super().__init__()
        channels = taps["C5"].channels
        norm = make_norm(eps=BN_EPS, momentum=bn_momentum)
        self.pool = ConvNormAct(channels, filters, kernel=1, norm=norm, act=nn.ReLU)
        self.project = ConvNormAct(channels, filters, kernel=1, norm=norm, act=nn.ReLU)
        self.fuse = ConvNormAct(2 * filters, filters, kernel=1, norm=norm, act=nn.ReLU)
        self.dropout = nn.Dropout(DROPOUT)
        self.classify = nn.Conv2d(filters, num_classes, 1)
        init_kaiming(self)

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        """Turn C5 (N, C, h, w) into logits (N, K, h, w); resize them where wanted."""
        c5 = features["C5"]
        mean = self.pool(c5.mean((2, 3), keepdim=True)).expand(-1, -1, *c5.shape[2:])  # (N, F, h, w)
        x = torch.cat((mean, self.project(c5)), dim=1)  # (N, 2 F, h, w)
        return self.classify(self.dropout(self.fuse(x)))
