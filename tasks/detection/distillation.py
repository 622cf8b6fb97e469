"""What a detector learns from another: its class scores and its offsets, where the teacher sees an object.

The anchors are weighted by the teacher's foreground score, and so are the sums (Feature-Richness Score,
arXiv:2111.00674; softened logits: arXiv:1503.02531, section 2). Here the score is squared: a softmax detector taught
with hard negatives gives some foreground to every anchor. On four scenes of the demo its anchors with a score below .1
held 60 % of the sum of the scores, but 6 % of the sum of their squares.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from heads.ssdlite import RawDetections
from tasks.collectives import mean_count
from tasks.detection.postprocess import read_scores
from tasks.distillation.settings import Distillation


def choose_classes(class_logits: Tensor, class_map: Tensor | None, *, scores: str) -> Tensor:
    """Return a teacher's logits for the classes of the student.

    With softmax, what the teacher gives to classes that the student does not have goes to the background.

    Args:
        class_logits: (N, A, 1 + K').
        class_map: (K,) int64, the teacher's index of each of the student's classes; None if both have the same.
        scores: "sigmoid" or "softmax", as the logits are read.

    Returns:
        (N, A, 1 + K).
    """
    if class_map is None:
        return class_logits
    background, kept = class_logits[..., :1], 1 + class_map
    if scores == "softmax":
        background = class_logits.index_fill(-1, kept, -torch.inf).logsumexp(-1, keepdim=True)
    return torch.cat((background, class_logits.index_select(-1, kept)), dim=-1)


def class_divergence(class_logits: Tensor, teacher_logits: Tensor, *, scores: str, temperature: float) -> Tensor:
    """Compare the student's scores with the teacher's: KL(teacher || student), 0 where they are equal.

    Sigmoid scores are K distributions of two outcomes each: binary cross-entropy less the teacher's entropy, which has
    the same gradient. Their background logit is never read, and so not learned.

    Args:
        class_logits: (N, A, 1 + K), the student's.
        teacher_logits: (N, A, 1 + K), the teacher's.
        scores: "sigmoid" or "softmax", as both are read.
        temperature: T, that both are divided by; the result is T^2 times the divergence.

    Returns:
        (N, A).
    """
    ours, theirs = class_logits / temperature, teacher_logits / temperature
    if scores == "sigmoid":
        ours, theirs = ours[..., 1:], theirs[..., 1:]
        target = theirs.sigmoid()
        cross = F.binary_cross_entropy_with_logits(ours, target, reduction="none")
        divergence = cross - F.binary_cross_entropy_with_logits(theirs, target, reduction="none")  # (N, A, K)
    else:
        divergence = F.kl_div(ours.log_softmax(-1), theirs.log_softmax(-1), reduction="none", log_target=True)
    return temperature**2 * divergence.sum(-1)


def weigh_anchors(teacher_logits: Tensor, *, scores: str) -> Tensor:
    """Return the square of the teacher's foreground score (N, A): softmax without background, or the best sigmoid."""
    read = read_scores(teacher_logits, scores)  # (N, A, K)
    foreground = read.amax(-1) if scores == "sigmoid" else read.sum(-1)
    return foreground**2


def distillation_loss(
    raw: RawDetections, teacher_raw: RawDetections, *, class_map: Tensor | None, scores: str, settings: Distillation
) -> Tensor:
    """Average the divergence of scores and the smooth L1 distance of offsets over the weighted anchors, in float32.

    With weights w, sum(w * (T^2 * KL + box_weight * smooth L1)) / max(1, sum(w)), over the anchors of the batch, of all
    processes; as the labels' losses, the distance is summed over the four offsets.

    Args:
        raw: the student's predictions.
        teacher_raw: the teacher's, for the same anchors.
        class_map: (K,) int64, the teacher's index of each of the student's classes; None if both have the same.
        scores: "sigmoid" or "softmax", as the logits of both are read.
        settings: temperature and weight of the offsets.

    Returns:
        A scalar.
    """
    logits = choose_classes(teacher_raw.class_logits.float(), class_map, scores=scores)
    weights = weigh_anchors(logits, scores=scores)
    classes = class_divergence(raw.class_logits.float(), logits, scores=scores, temperature=settings.temperature)
    offsets = F.smooth_l1_loss(raw.deltas.float(), teacher_raw.deltas.float(), reduction="none").sum(-1)  # (N, A)
    return (weights * (classes + settings.box_weight * offsets)).sum() / mean_count(weights.sum())
