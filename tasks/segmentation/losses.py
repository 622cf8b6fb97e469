"""What the segmenter is trained on: cross-entropy over the pixels that count."""

from torch import Tensor
from torch.nn import functional as F

from data.samples import IGNORE


def segmentation_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Average the cross-entropy over all pixels that are not ignored; 0 where every pixel is.

    Args:
        logits: (N, K, H, W), any float type.
        masks: (N, H, W) int64, class indices or IGNORE.

    Returns:
        A scalar, float32.
    """
    loss = F.cross_entropy(logits.float(), masks, ignore_index=IGNORE, reduction="sum")
    return loss / (masks != IGNORE).sum().clamp(min=1)
