"""What the detector is trained on: a class loss and a box loss, both over the number of matched anchors.

Two class losses, one for each way to read the logits: sigmoid scores learn by focal loss (RetinaNet,
arXiv:1708.02002, eq. 5, with TensorFlow's alpha .75), softmax scores by cross-entropy over the positives and the
hardest negatives (SSD, arXiv:1512.02325, section 2.2).
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from heads.box_coder import encode
from heads.ssdlite import RawDetections
from tasks.detection.matcher import BACKGROUND, IGNORED

NEGATIVES_PER_POSITIVE = 3


class DetectionLoss(NamedTuple):
    """The two parts of the loss, weighted; training minimises their sum."""

    classification: Tensor
    box: Tensor


@dataclass(frozen=True)
class LossSettings:
    """How the detector is taught.

    Attributes:
        matching_iou: overlap from which an anchor takes a box.
        box_weight: factor of the box loss; 1 / 4 in TensorFlow, which goes with the focal loss there.
        min_negatives: hardest negatives that an image without a match gives all the same, for softmax scores: it still
            teaches what is background; 0 in torchvision.

    Raises:
        ValueError: if one is out of range.
    """

    matching_iou: float
    box_weight: float
    min_negatives: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.matching_iou <= 1 or not self.box_weight > 0 or self.min_negatives < 0:
            raise ValueError(f"{self}; expected matching_iou in (0, 1], box_weight above 0, min_negatives from 0")


def assign_slots(matches: Tensor, labels: Tensor) -> Tensor:
    """Turn matches (N, A) and labels (N, G) into the class slot of each anchor (N, A): 0, 1 + label or IGNORED."""
    slots = matches.clamp(max=0)  # background -1, ignored -2, matched 0
    slots = torch.where(slots == BACKGROUND, 0, slots)
    if labels.shape[1] == 0:
        return slots
    return torch.where(matches >= 0, 1 + labels.gather(1, matches.clamp(min=0)), slots)


def focal_loss(class_logits: Tensor, slots: Tensor, *, alpha: float = 0.75, gamma: float = 2.0) -> Tensor:
    """Sum the sigmoid focal loss over all anchors that are not ignored.

    Args:
        class_logits: (N, A, 1 + K).
        slots: (N, A) int64, from `assign_slots`.
        alpha: weight of the right slot; 1 - alpha of the others.
        gamma: how much an easy example counts less.

    Returns:
        A scalar.
    """
    counted = slots != IGNORED
    targets = F.one_hot(slots.clamp(min=0), class_logits.shape[-1]).to(class_logits.dtype)  # (N, A, 1 + K)
    loss = sigmoid_focal_loss(class_logits, targets, alpha=alpha, gamma=gamma)
    return (loss.sum(-1) * counted).sum()


def hard_negative_loss(class_logits: Tensor, slots: Tensor, *, min_negatives: int = 3) -> Tensor:
    """Sum the cross-entropy over the positives and each image's hardest negatives, three for each positive.

    Args:
        class_logits: (N, A, 1 + K).
        slots: (N, A) int64, from `assign_slots`.
        min_negatives: of an image with fewer positives than a third of them.

    Returns:
        A scalar.
    """
    loss = F.cross_entropy(class_logits.transpose(1, 2), slots.clamp(min=0), reduction="none")  # (N, A)
    positive = slots > 0
    quota = (NEGATIVES_PER_POSITIVE * positive.sum(1, keepdim=True)).clamp(min=min_negatives)  # (N, 1)
    hardness = loss.detach().masked_fill(slots != 0, -1.0)
    rank = hardness.argsort(dim=1, descending=True, stable=True).argsort(dim=1)  # (N, A)
    chosen = positive | ((rank < quota) & (slots == 0))
    return (loss * chosen).sum()


def box_loss(deltas: Tensor, anchors: Tensor, *, boxes: Tensor, matches: Tensor) -> Tensor:
    """Sum the smooth L1 distance of the predicted offsets to those of the matched boxes.

    Args:
        deltas: (N, A, 4), unitless.
        anchors: (A, 4), xyxy in pixels.
        boxes: (N, G, 4), xyxy in pixels.
        matches: (N, A) int64, from `match`.

    Returns:
        A scalar.
    """
    positive = (matches >= 0)[..., None]  # (N, A, 1)
    if boxes.shape[1] == 0:
        return deltas.sum() * 0.0
    matched = boxes.gather(1, matches.clamp(min=0)[..., None].expand(-1, -1, 4))  # (N, A, 4)
    targets = encode(torch.where(positive, matched, anchors), anchors)
    return (F.smooth_l1_loss(deltas, targets, reduction="none") * positive).sum()


def detection_loss(
    raw: RawDetections,
    anchors: Tensor,
    *,
    boxes: Tensor,
    labels: Tensor,
    matches: Tensor,
    scores: str,
    settings: LossSettings,
) -> DetectionLoss:
    """Compute both losses of a batch in float32, over the batch's number of matched anchors.

    Args:
        raw: the head's predictions.
        anchors: (A, 4), xyxy in pixels.
        boxes: (N, G, 4), xyxy in pixels.
        labels: (N, G), class indices; negative where padded.
        matches: (N, A) int64, from `match`.
        scores: "sigmoid" or "softmax", as the model's logits are read.
        settings: weight of the box loss, least number of negatives.

    Returns:
        Scalars.
    """
    positives = (matches >= 0).sum().clamp(min=1)
    class_logits, slots = raw.class_logits.float(), assign_slots(matches, labels)
    if scores == "sigmoid":
        classification = focal_loss(class_logits, slots)
    else:
        classification = hard_negative_loss(class_logits, slots, min_negatives=settings.min_negatives)
    box = box_loss(raw.deltas.float(), anchors, boxes=boxes, matches=matches)
    return DetectionLoss(classification / positives, settings.box_weight * box / positives)
