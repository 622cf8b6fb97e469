"""Which anchor answers for which box (SSD, arXiv:1512.02325, section 2.2; TensorFlow's argmax matcher)."""

from typing import NamedTuple

import torch
from torch import Tensor

BACKGROUND = -1
IGNORED = -2  # neither a positive nor background: the anchor lies in a crowd
CROWD_COVER = 0.5  # share of an anchor inside a crowd box from which it is ignored


class Assignment(NamedTuple):
    """What each anchor learns."""

    matches: Tensor  # (N, A) int64: index of the box, BACKGROUND or IGNORED
    quality: Tensor  # (N, A) float32, 0 to 1: how much a match counts; 0 without one


def overlaps(boxes: Tensor, anchors: Tensor) -> tuple[Tensor, Tensor]:
    """Compare every box with every anchor.

    Args:
        boxes: (N, G, 4), xyxy in pixels.
        anchors: (A, 4), or (N, A, 4) where each image has its own; xyxy in pixels.

    Returns:
        IoU (N, G, A), and the share of each anchor's area that lies in each box (N, G, A).
    """
    box_low, box_high = boxes[:, :, None].split(2, dim=-1)  # (N, G, 1, 2) each
    low, high = anchors.unsqueeze(-3).split(2, dim=-1)  # (1, A, 2) or (N, 1, A, 2) each
    inside = (torch.minimum(box_high, high) - torch.maximum(box_low, low)).clamp(min=0).prod(-1)  # (N, G, A)
    areas = (high - low).prod(-1)  # (1, A) or (N, 1, A)
    union = (box_high - box_low).prod(-1) + areas - inside
    return inside / union, inside / areas


def match(boxes: Tensor, labels: Tensor, crowd: Tensor, anchors: Tensor, *, iou_threshold: float = 0.5) -> Assignment:
    """Give each anchor the box that it overlaps most, and each box at least one anchor.

    The best free anchor of a box is its own whatever their IoU, box by box in the order given, so that two boxes
    which like the same anchor best both keep one.

    Args:
        boxes: (N, G, 4), xyxy in pixels, padded to the longest image of the batch.
        labels: (N, G), class indices; negative where padded.
        crowd: (N, G) bool; a crowd box takes no anchor, and background anchors inside it are ignored.
        anchors: (A, 4), xyxy in pixels.
        iou_threshold: an anchor whose best IoU is at least this takes that box.

    Returns:
        The assignment; every match counts alike.
    """
    if labels.shape[1] == 0:
        matches = leave_unmatched(labels, len(anchors))
        return Assignment(matches, torch.zeros_like(matches, dtype=torch.float32))
    iou, cover = overlaps(boxes, anchors)
    iou = iou.masked_fill((crowd | (labels < 0))[..., None], -1.0)
    best, matches = iou.max(dim=1)  # (N, A)
    unmatched = leave_unmatched(labels, len(anchors), cover=cover, crowd=crowd)
    matches = _keep_one_anchor_each(torch.where(best >= iou_threshold, matches, unmatched), iou)
    return Assignment(matches, (matches >= 0).float())


def leave_unmatched(
    labels: Tensor, anchors: int, *, cover: Tensor | None = None, crowd: Tensor | None = None
) -> Tensor:
    """Return what anchors are without a match.

    Args:
        labels: (N, G), whose images and device are meant.
        anchors: A.
        cover: (N, G, A), the share of each anchor's area that lies in each box; None without boxes.
        crowd: (N, G) bool.

    Returns:
        (N, A) int64: IGNORED where over half of the anchor lies in a crowd box, else BACKGROUND.
    """
    if cover is None or crowd is None:
        return labels.new_full((len(labels), anchors), BACKGROUND)
    in_crowd = cover.masked_fill(~crowd[..., None], 0.0).amax(dim=1) > CROWD_COVER
    return torch.where(in_crowd, IGNORED, BACKGROUND)


def _keep_one_anchor_each(matches: Tensor, iou: Tensor) -> Tensor:
    """Hand each box (N, G, A) its best anchor that no earlier box was handed; boxes of no overlap get none."""
    taken = torch.zeros_like(matches, dtype=torch.bool)
    for box in range(iou.shape[1]):
        quality, anchor = iou[:, box].masked_fill(taken, -1.0).max(dim=1, keepdim=True)  # (N, 1) each
        found = quality > 0
        matches = matches.scatter(1, anchor, torch.where(found, box, matches.gather(1, anchor)))
        taken = taken.scatter(1, anchor, taken.gather(1, anchor) | found)
    return matches
