"""The classifier that MobileNetV3 is trained with on ImageNet (arXiv:1905.02244, Tables 1 and 2, last rows)."""

from collections.abc import Mapping

from torch import Tensor, nn

from backbones.blocks import Activation
from backbones.taps import Tap

DROPOUT = 0.2


class Classifier(nn.Module):
    """Global mean of C5, a hidden layer with its activation, one logit a class.

    Published ImageNet weights hold it, and the paper's Table 3 counts it; nothing here trains it.

    Args:
        taps: of the backbone; C5 is used.
        num_classes: K.
        hidden: width of the hidden layer, which a width multiplier below 1 leaves alone.
        act: after it; a ReLU in minimalistic networks.

    Attributes:
        TAPS: names of the feature maps that it takes.
    """

    TAPS = ("C5",)

    def __init__(self, taps: Mapping[str, Tap], *, num_classes: int, hidden: int, act: Activation) -> None:
        super().__init__()
        self.hidden = nn.Linear(taps["C5"].channels, hidden)
        self.act = act()
        self.dropout = nn.Dropout(DROPOUT)
        self.classify = nn.Linear(hidden, num_classes)

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        """Turn C5 (N, C, h, w) into logits (N, K)."""
        pooled = features["C5"].mean((2, 3))  # (N, C)
        return self.classify(self.dropout(self.act(self.hidden(pooled))))
