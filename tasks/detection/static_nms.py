"""Suppression without a shape that depends on scores: the same boxes as greedy NMS, by a fixed number of steps.

Cluster NMS (Zheng et al., arXiv:2005.03572, section 4): which boxes are kept is a fixed point. A box falls where
one that is kept and better overlaps it; starting from all boxes, each step settles at least one more link of every
chain of boxes that overlap, so as many steps as the longest chain has links give what greedy NMS gives.
"""

import torch
from torch import Tensor

STEPS = 12  # links of a chain of boxes, each of which would suppress the next


def pairwise_iou(boxes: Tensor) -> Tensor:
    """Return the overlap of all pairs of boxes (N, M, 4), xyxy: (N, M, M), intersection over union."""
    x0, y0, x1, y1 = boxes.split(1, dim=2)  # (N, M, 1) each
    width = (torch.minimum(x1, turn(x1)) - torch.maximum(x0, turn(x0))).clamp(min=0)  # (N, M, M)
    height = (torch.minimum(y1, turn(y1)) - torch.maximum(y0, turn(y0))).clamp(min=0)
    shared, area = width * height, (x1 - x0) * (y1 - y0)
    return shared / (area + turn(area) - shared).clamp(min=1e-9)


def turn(column: Tensor) -> Tensor:
    """Turn (N, M, 1) into (N, 1, M); OpenVINO knows no `mT`."""
    return column.transpose(1, 2)


def find_kept(boxes: Tensor, labels: Tensor, *, iou_threshold: float) -> Tensor:
    """Tell which boxes greedy NMS keeps, within each class.

    Args:
        boxes: (N, M, 4) float32, xyxy, best first.
        labels: (N, M) float32, class indices.
        iou_threshold: a box that overlaps a better one by more falls.

    Returns:
        (N, M) float32, 1 or 0.
    """
    m = boxes.shape[1]
    better = torch.ones(m, m, device=boxes.device).triu(1)  # (M, M): 1 where the row's box is better than the column's
    overlap = (pairwise_iou(boxes) > iou_threshold).float() * same_class(labels) * better  # (N, M, M)
    kept = torch.ones_like(labels)
    for _ in range(STEPS):
        kept = 1 - (kept[:, None] @ overlap).clamp(max=1).squeeze(1)  # (N, M)
    return kept


def same_class(labels: Tensor) -> Tensor:
    """Tell which pairs of (N, M) class indices, float32, are equal: (N, M, M), 1 or 0."""
    return ((labels[:, :, None] - labels[:, None]).abs() < 0.5).float()  # indices are whole


def rank_in_class(labels: Tensor) -> Tensor:
    """Return how many of the same class stand at or before each place of (N, M), best first: from 1."""
    m = labels.shape[1]
    before = torch.ones(m, m, device=labels.device).triu()
    return (same_class(labels) * before).sum(1)  # (N, M)
