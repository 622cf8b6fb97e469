"""Which anchors learn a box, decided by what the network finds there (TOOD, arXiv:2108.07755, section 3.2).

An anchor's alignment with a box is score * IoU^6, of the score of the box's class and the IoU of the predicted box. The
best anchors of each box learn it, and learn to score it by how well they are aligned, so that after training the best
box of an object also has the highest score. Anchors of another shape than the box can earn it too, which matters for
small objects: a threshold on the anchors' own IoU gives those hardly any.
"""

import torch
from torch import Tensor

from heads.box_coder import decode, to_center
from heads.ssdlite import RawDetections
from tasks.detection.iou_assignment import Assignment, leave_unmatched, overlaps

IOU_POWER = 6.0  # beta; alpha, the power of the score, is 1


@torch.no_grad()
def align(
    raw: RawDetections, boxes: Tensor, labels: Tensor, crowd: Tensor, anchors: Tensor, *, candidates: int
) -> Assignment:
    """Give each box its best aligned anchors, out of those whose centre lies in it and the one of the highest IoU.

    An anchor that several boxes want takes the one that it predicts best.

    Args:
        raw: the head's predictions, read with sigmoid scores.
        boxes: (N, G, 4), xyxy in pixels, padded to the longest image of the batch.
        labels: (N, G), class indices; negative where padded.
        crowd: (N, G) bool; a crowd box takes no anchor, and background anchors inside it are ignored.
        anchors: (A, 4), xyxy in pixels.
        candidates: anchors that a box may have at most.

    Returns:
        The assignment; its quality is the alignment, scaled so that the highest of a box is its highest IoU.
    """
    n, g, a = *labels.shape, len(anchors)
    if g == 0:
        return Assignment(leave_unmatched(labels, a), anchors.new_zeros(n, a))
    own, cover = overlaps(boxes, anchors)  # (N, G, A) each
    iou, _ = overlaps(boxes, decode(raw.deltas, anchors))  # (N, G, A)
    scores = raw.class_logits.float().sigmoid()[..., 1:].transpose(1, 2)  # (N, K, A)
    scores = scores.gather(1, labels.clamp(min=0)[..., None].expand(-1, -1, a))  # (N, G, A)
    real = (~crowd & (labels >= 0))[..., None]  # (N, G, 1)
    nearest = (own > 0) & (own == own.amax(2, keepdim=True))
    aligned = (scores * iou**IOU_POWER).masked_fill(~(real & (contain_centers(boxes, anchors) | nearest)), 0.0)
    best = aligned.topk(min(candidates, a), dim=2)
    chosen = torch.zeros_like(aligned, dtype=torch.bool).scatter(2, best.indices, best.values > 0)
    iou = iou.masked_fill(~chosen, -1.0)
    highest, matches = iou.max(dim=1)  # (N, A)
    matched = highest >= 0
    holds = (torch.arange(g, device=labels.device)[:, None] == matches[:, None]) & matched[:, None]  # (N, G, A)
    aligned, iou = aligned * holds, iou * holds
    scale = iou.amax(2, keepdim=True) / aligned.amax(2, keepdim=True).clamp(min=torch.finfo(aligned.dtype).tiny)
    return Assignment(
        torch.where(matched, matches, leave_unmatched(labels, a, cover=cover, crowd=crowd)), (aligned * scale).amax(1)
    )


def contain_centers(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Tell which boxes (N, G, 4) contain the centre of which anchors (A, 4): (N, G, A) bool."""
    centers, _ = to_center(anchors)
    low, high = boxes[:, :, None].split(2, dim=-1)  # (N, G, 1, 2) each
    return ((centers > low) & (centers < high)).all(-1)
