"""A small fully convolutional head (arXiv:1411.4038) that teaches the backbone's middle, in training alone.

As PSPNet's (arXiv:1612.01105, section 4): its loss reaches the layers before C4 on a shorter way than the network's.
"""

from collections.abc import Mapping

from torch import Tensor, nn

from backbones.blocks import ConvNormAct, init_kaiming, make_norm
from backbones.taps import Tap
from heads.lraspp import BN_EPS


class FCN(nn.Module):
    """Two 1x1 convolutions on C4.

    Args:
        taps: of the backbone; C4 is used.
        num_classes: K.
        filters: width F between the convolutions.
        bn_momentum: 1 - TensorFlow's decay.

    Attributes:
        TAPS: names of the feature maps that it takes.
    """

    TAPS = ("C4",)

    def __init__(
        self, taps: Mapping[str, Tap], *, num_classes: int, filters: int = 64, bn_momentum: float = 0.01
    ) -> None:
        super().__init__()
        norm = make_norm(eps=BN_EPS, momentum=bn_momentum)
        self.project = ConvNormAct(taps["C4"].channels, filters, kernel=1, norm=norm, act=nn.ReLU)
        self.classify = nn.Conv2d(filters, num_classes, 1)
        init_kaiming(self)

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        """Turn C4 (N, C, h, w) into logits (N, K, h, w); resize them where wanted."""
        return self.classify(self.project(features["C4"]))
