"""What the detector is trained on: a class loss and a box loss, both over the number of matched anchors.

The class loss goes with how the logits are read and how anchors are assigned. Softmax scores learn by cross-entropy
over the positives and the hardest negatives (SSD, arXiv:1512.02325, section 2.2); sigmoid scores by focal loss
(RetinaNet, arXiv:1708.02002, eq. 5, with TensorFlow's alpha .75), or, with task-aligned assignment, by cross-entropy
with the quality of the match as the target.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from heads.box_coder import decode, encode
from heads.ssdlite import RawDetections
from tasks.collectives import mean_count
from tasks.detection.iou_assignment import BACKGROUND, IGNORED, Assignment
from tasks.detection.settings import LossSettings

NEGATIVES_PER_POSITIVE = 3
EPS = 1e-7  # square pixels


class DetectionLoss(NamedTuple):
    """The two parts of the loss, weighted; training minimises their sum."""

    classification: Tensor
    box: Tensor


def assign_class_targets(matches: Tensor, labels: Tensor) -> Tensor:
    """Turn matches (N, A) and labels (N, G) into the class slot of each anchor (N, A): 0, 1 + label or IGNORED."""
    class_targets = matches.clamp(max=0)  # background -1, ignored -2, matched 0
    class_targets = torch.where(class_targets == BACKGROUND, 0, class_targets)
    if labels.shape[1] == 0:
        return class_targets
    return torch.where(matches >= 0, 1 + labels.gather(1, matches.clamp(min=0)), class_targets)


def focal_loss(class_logits: Tensor, class_targets: Tensor, *, alpha: float = 0.75, gamma: float = 2.0) -> Tensor:
    """Sum the sigmoid focal loss over all anchors that are not ignored.

    Args:
        class_logits: (N, A, 1 + K).
        class_targets: (N, A) int64, from `assign_class_targets`.
        alpha: weight of the right slot; 1 - alpha of the others.
        gamma: how much an easy example counts less.

    Returns:
        A scalar.
    """
    counted = class_targets != IGNORED
    targets = torch.zeros_like(class_logits).scatter(2, class_targets.clamp(min=0)[..., None], 1.0)  # (N, A, 1 + K)
    loss = sigmoid_focal_loss(class_logits, targets, alpha=alpha, gamma=gamma)
    return (loss.sum(-1) * counted).sum()


def hard_negative_loss(class_logits: Tensor, class_targets: Tensor, *, min_negatives: int = 3) -> Tensor:
    """Sum the cross-entropy over the positives and each image's hardest negatives, three for each positive.

    Args:
        class_logits: (N, A, 1 + K).
        class_targets: (N, A) int64, from `assign_class_targets`.
        min_negatives: of an image with fewer positives than a third of them.

    Returns:
        A scalar.
    """
    loss = F.cross_entropy(class_logits.transpose(1, 2), class_targets.clamp(min=0), reduction="none")  # (N, A)
    positive = class_targets > 0
    quota = (NEGATIVES_PER_POSITIVE * positive.sum(1, keepdim=True)).clamp(min=min_negatives)  # (N, 1)
    hardness = loss.detach().masked_fill(class_targets != 0, -1.0)
    rank = hardness.argsort(dim=1, descending=True, stable=True).argsort(dim=1)  # (N, A)
    chosen = positive | ((rank < quota) & (class_targets == 0))
    return (loss * chosen).sum()


def quality_loss(class_logits: Tensor, class_targets: Tensor, *, quality: Tensor) -> Tensor:
    """Sum the sigmoid cross-entropy of all anchors that are not ignored, the right class's target being the quality.

    The slot of the background learns nothing: sigmoid scores do not need it.

    Args:
        class_logits: (N, A, 1 + K).
        class_targets: (N, A) int64, from `assign_class_targets`.
        quality: (N, A), 0 to 1, of the matches.

    Returns:
        A scalar.
    """
    targets = torch.zeros_like(class_logits).scatter(2, class_targets.clamp(min=0)[..., None], quality[..., None])
    loss = F.binary_cross_entropy_with_logits(class_logits[..., 1:], targets[..., 1:], reduction="none")
    return (loss.sum(-1) * (class_targets != IGNORED)).sum()


def smooth_l1_box_loss(deltas: Tensor, anchors: Tensor, *, boxes: Tensor, quality: Tensor) -> Tensor:
    """Sum the smooth L1 distance of the predicted offsets to those of the matched boxes (Fast R-CNN, arXiv:1504.08083).

    Args:
        deltas: (N, A, 4), unitless.
        anchors: (A, 4), xyxy in pixels.
        boxes: (N, A, 4), xyxy in pixels: each anchor's own box.
        quality: (N, A), how much each anchor counts; 0 without a match.

    Returns:
        A scalar.
    """
    targets = encode(boxes, anchors)
    return (F.smooth_l1_loss(deltas, targets, reduction="none").sum(-1) * quality).sum()


def giou_box_loss(deltas: Tensor, anchors: Tensor, *, boxes: Tensor, quality: Tensor) -> Tensor:
    """Sum 1 - GIoU of the predicted and the matched boxes (arXiv:1902.09630); shapes as in `smooth_l1_box_loss`."""
    return ((1 - generalized_iou(decode(deltas, anchors), boxes)) * quality).sum()


def generalized_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Return the GIoU of pairs of boxes (arXiv:1902.09630, algorithm 1); unlike torchvision's, no host waits for it.

    Args:
        boxes: (..., 4), xyxy in pixels.
        others: (..., 4), likewise.

    Returns:
        (...), from -1 to 1.
    """
    (low, high), (other_low, other_high) = (values.split(2, dim=-1) for values in (boxes, others))
    inside = area((torch.minimum(high, other_high) - torch.maximum(low, other_low)).clamp(min=0))
    union = (area(high - low) + area(other_high - other_low) - inside).clamp(min=EPS)
    hull = area(torch.maximum(high, other_high) - torch.minimum(low, other_low)).clamp(min=EPS)
    return inside / union - (hull - union) / hull


def area(sides: Tensor) -> Tensor:
    """Multiply width and height (..., 2); the gradient of `prod` would ask the device for zeros."""
    return sides[..., 0] * sides[..., 1]


BOX_LOSSES = {"smooth_l1": smooth_l1_box_loss, "giou": giou_box_loss}


def take_boxes(boxes: Tensor, anchors: Tensor, matches: Tensor) -> Tensor:
    """Return the box of each anchor (N, A, 4), the anchor itself where it has none, from boxes (N, G, 4)."""
    if boxes.shape[1] == 0:
        return anchors.expand(len(boxes), -1, -1)
    matched = boxes.gather(1, matches.clamp(min=0)[..., None].expand(-1, -1, 4))  # (N, A, 4)
    return torch.where((matches >= 0)[..., None], matched, anchors)


def detection_loss(
    raw: RawDetections,
    anchors: Tensor,
    *,
    boxes: Tensor,
    labels: Tensor,
    assignment: Assignment,
    scores: str,
    settings: LossSettings,
) -> DetectionLoss:
    """Compute both losses of a batch in float32, over the batch's matched anchors, each counted by its quality.

    Several processes count the anchors of all: the mean of their losses is the loss of the whole batch.

    Args:
        raw: the head's predictions.
        anchors: (A, 4), xyxy in pixels.
        boxes: (N, G, 4), xyxy in pixels.
        labels: (N, G), class indices; negative where padded.
        assignment: of boxes to anchors.
        scores: "sigmoid" or "softmax", as the model's logits are read.
        settings: kinds and weights of the losses.

    Returns:
        Scalars.
    """
    matches, quality = assignment
    count = mean_count(quality.sum())
    class_logits, class_targets = raw.class_logits.float(), assign_class_targets(matches, labels)
    if scores == "softmax":
        classification = hard_negative_loss(class_logits, class_targets, min_negatives=settings.min_negatives)
    elif settings.assignment == "task_aligned":
        classification = quality_loss(class_logits, class_targets, quality=quality)
    else:
        classification = focal_loss(class_logits, class_targets)
    own = take_boxes(boxes, anchors, matches)
    box = BOX_LOSSES[settings.box](raw.deltas.float(), anchors, boxes=own, quality=quality)
    return DetectionLoss(classification / count, settings.box_weight * box / count)
