"""What a classifier learns from another: the softened scores of its classes (arXiv:1503.02531, section 2)."""

from torch import Tensor
from torch.nn import functional as F

from tasks.collectives import part_of_mean


def distillation_loss(
    logits: Tensor, teacher_logits: Tensor, *, scores: str, class_map: Tensor | None, temperature: float
) -> Tensor:
    """Average T^2 * KL(teacher || student) over a batch, in float32.

    Teacher classes missing from the student are dropped. Several processes count the images of all.

    Args:
        logits: (N, K), the student's.
        teacher_logits: (N, K'), the teacher's.
        scores: "softmax"; or "sigmoid", where it is that of each class by itself, averaged over classes too.
        class_map: (K,) int64, the teacher's index of each of the student's classes; None if both have the same.
        temperature: T, that both logits are divided by.

    Returns:
        A scalar.
    """
    if class_map is not None:
        teacher_logits = teacher_logits.index_select(1, class_map)  # (N, K)
    ours, theirs = logits.float() / temperature, teacher_logits.float() / temperature
    if scores == "sigmoid":
        wanted = theirs.sigmoid()
        entropy = F.binary_cross_entropy_with_logits(theirs, wanted)
        divergence = F.binary_cross_entropy_with_logits(ours, wanted) - entropy
    else:
        divergence = F.kl_div(ours.log_softmax(1), theirs.log_softmax(1), reduction="batchmean", log_target=True)
    return part_of_mean(temperature**2 * divergence, len(logits))
