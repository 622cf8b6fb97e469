"""What a segmenter learns from another: the class scores of each pixel.

Softened logits as arXiv:1503.02531, section 2; one pixel after the other as the pixel-wise term of arXiv:1903.04197.
"""

from torch import Tensor
from torch.nn import functional as F

from data.samples import IGNORE
from tasks.collectives import mean_count


def distillation_loss(
    logits: Tensor, teacher_logits: Tensor, masks: Tensor, *, class_map: Tensor | None, temperature: float
) -> Tensor:
    """Average T^2 * KL(teacher || student) over all pixels that are not ignored, in float32; 0 where every pixel is.

    Teacher classes missing from the student are dropped: the others share each pixel. Several processes count the
    pixels of all.

    Args:
        logits: (N, K, H, W), the student's.
        teacher_logits: (N, K', H, W), the teacher's.
        masks: (N, H, W) int64, class indices or IGNORE.
        class_map: (K,) int64, the teacher's index of each of the student's classes; None if both have the same.
        temperature: T, that both logits are divided by.

    Returns:
        A scalar.
    """
    if class_map is not None:
        teacher_logits = teacher_logits.index_select(1, class_map)  # (N, K, H, W)
    ours, theirs = ((x.float() / temperature).log_softmax(1) for x in (logits, teacher_logits))
    divergence = F.kl_div(ours, theirs, reduction="none", log_target=True).sum(1)  # (N, H, W)
    counted = masks != IGNORE
    return temperature**2 * (divergence * counted).sum() / mean_count(counted.sum())
