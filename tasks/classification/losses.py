"""What the classifier is trained on: cross-entropy over the classes, or over each class by itself."""

from torch import Tensor
from torch.nn import functional as F

from tasks.collectives import part_of_mean


def classification_loss(logits: Tensor, targets: Tensor, *, scores: str, label_smoothing: float = 0.0) -> Tensor:
    """Average the cross-entropy over a batch, in float32.

    Several processes count the images of all: the mean of their losses is the loss of the whole batch.

    Args:
        logits: (N, K), any float type.
        targets: (N, K) float, how much of an image shows each class: for softmax all sum up to 1.
        scores: "softmax", of one class an image; or "sigmoid": the binary cross-entropy, averaged over classes too.
        label_smoothing: share of the targets that is spread over all classes; for softmax.

    Returns:
        A scalar.
    """
    if scores == "sigmoid":
        loss = F.binary_cross_entropy_with_logits(logits.float(), targets)
    else:
        loss = F.cross_entropy(logits.float(), targets, label_smoothing=label_smoothing)
    return part_of_mean(loss, len(logits))
