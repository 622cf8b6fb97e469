"""The classifier that MobileNetV3 is trained with on ImageNet (arXiv:1905.02244, Tables 1 and 2, last rows)."""

from collections.abc import Mapping

from torch import Tensor, nn

from backbones.blocks import Activation
from backbones.taps import Tap

DROPOUT = 0.2
DEVIATION = 0.01  # of the weights that a fresh classifier begins with


class ClassifierHead(nn.Module):
    """Global mean of C5, a 1x1 convolution without norm and its activation, dropout, one logit a class.

    Args:
        taps: of the backbone; C5 is used.
        num_classes: K.
        hidden: width of the hidden layer, which a width multiplier below 1 leaves alone; None for networks whose C5
            is their last layer before the logits.
        act: after it; a ReLU in minimalistic networks.

    Attributes:
        TAPS: names of the feature maps that it takes.
    """

    TAPS = ("C5",)

    def __init__(self, taps: Mapping[str, Tap], *, num_classes: int, hidden: int | None, act: Activation) -> None:
        super().__init__()
        channels = taps["C5"].channels
        self.hidden = nn.Identity() if hidden is None else nn.Conv2d(channels, hidden, 1)
        self.act = nn.Identity() if hidden is None else act()
        self.dropout = nn.Dropout(DROPOUT)
        self.classify = nn.Conv2d(hidden or channels, num_classes, 1)
        for layer in (self.hidden, self.classify):
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                nn.init.normal_(layer.weight, std=DEVIATION)
                nn.init.zeros_(layer.bias)

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        """Turn C5 (N, C, h, w) into logits (N, K)."""
        pooled = features["C5"].mean((2, 3), keepdim=True)  # (N, C, 1, 1)
        return self.classify(self.dropout(self.act(self.hidden(pooled)))).flatten(1)  # (N, K)
