"""From raw predictions to boxes, scores and labels: decode, choose, suppress; whole batches, in float32."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.ops import batched_nms, clip_boxes_to_image

from heads.box_coder import decode
from heads.ssdlite import RawDetections


@dataclass(frozen=True)
class Postprocessing:
    """How raw predictions become detections.

    Attributes:
        score_threshold: lowest score kept.
        iou_threshold: two boxes of one class that overlap more are one object.
        candidates: pairs of anchor and class, best first, that go into suppression, an image.
        max_detections: detections kept, an image.
        per_class: anchors of one class, best first, that may be among the candidates; None for all.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """

    score_threshold: float = 0.001
    iou_threshold: float = 0.6
    candidates: int = 1000
    max_detections: int = 100
    per_class: int | None = None

    def __post_init__(self) -> None:
        for field in ("score_threshold", "iou_threshold"):
            if not 0 <= getattr(self, field) <= 1:
                raise ValueError(f"{field}: {getattr(self, field)!r}; expected 0 to 1")
        for field in ("candidates", "max_detections", "per_class"):
            if getattr(self, field) is not None and getattr(self, field) < 1:
                raise ValueError(f"{field}: {getattr(self, field)!r}; expected a whole number from 1")


class Detections(NamedTuple):
    """What was found in one image, best first."""

    boxes: Tensor  # (D, 4) float32, xyxy in pixels of the network's input
    scores: Tensor  # (D,) float32
    labels: Tensor  # (D,) int64, class indices


def read_scores(class_logits: Tensor, scores: str) -> Tensor:
    """Turn logits (N, A, 1 + K) into scores (N, A, K) float32; `scores` is "sigmoid" or "softmax"."""
    logits = class_logits.float()
    read = logits.sigmoid() if scores == "sigmoid" else logits.softmax(-1)
    return read[..., 1:]


def choose_candidates(class_scores: Tensor, settings: Postprocessing) -> tuple[Tensor, Tensor, Tensor]:
    """Choose the best pairs of anchor and class from scores (N, A, K).

    Returns:
        Scores, anchors and classes, (N, M) each, best first.
    """
    _, a, k = class_scores.shape
    if settings.per_class is None:
        best, pair = class_scores.flatten(1).topk(min(settings.candidates, a * k), dim=1)
        return best, pair // k, pair % k
    rows = min(settings.per_class, a)
    best, anchor = class_scores.topk(rows, dim=1)  # (N, rows, K)
    best, pair = best.flatten(1).topk(min(settings.candidates, rows * k), dim=1)  # (N, M)
    return best, anchor.flatten(1).gather(1, pair), pair % k


@torch.no_grad()
def postprocess(
    raw: RawDetections, anchors: Tensor, *, size: tuple[int, int], scores: str, settings: Postprocessing
) -> list[Detections]:
    """Turn the raw predictions of a batch into detections.

    Args:
        raw: the head's predictions, of any float type.
        anchors: (A, 4), xyxy in pixels.
        size: (height, width) of the input in pixels; boxes are clipped to it.
        scores: "sigmoid" or "softmax", as the model's logits are read.
        settings: thresholds and limits.

    Returns:
        N entries.
    """
    class_scores = read_scores(raw.class_logits, scores)
    n, _, k = class_scores.shape
    best, anchor, label = choose_candidates(class_scores, settings)  # (N, M) each
    deltas = raw.deltas.gather(1, anchor[..., None].expand(-1, -1, 4))  # (N, M, 4)
    boxes = clip_boxes_to_image(decode(deltas, anchors[anchor]), size)
    image, slot = (best > settings.score_threshold).nonzero(as_tuple=True)
    boxes, best, label = boxes[image, slot], best[image, slot], label[image, slot]  # (M', 4), (M',), (M',)
    # In float64: batched_nms moves each group by an offset, which in float32 costs precision late in a batch.
    precise = torch.float32 if boxes.device.type == "mps" else torch.float64  # Apple's GPUs have no float64
    keep = batched_nms(boxes.to(precise), best.to(precise), image * k + label, settings.iou_threshold)
    image, boxes, best, label = image[keep], boxes[keep], best[keep], label[keep]
    limit = settings.max_detections
    per_image = [(image == index).nonzero().squeeze(1)[:limit] for index in range(n)]
    return [Detections(boxes[kept], best[kept], label[kept]) for kept in per_image]
