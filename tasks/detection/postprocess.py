"""From raw predictions to boxes, scores and labels: decode, choose, suppress; whole batches, in float32."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import batched_nms, clip_boxes_to_image

from heads.box_coder import decode
from heads.ssdlite import RawDetections
from tasks.models.postprocessing import Postprocessing

FIRST_CANDIDATES = 1000  # pairs of anchor and class that go into suppression, an image, unless it needs more


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


class Candidates(NamedTuple):
    """Pairs of anchor and class that may be detections, M an image, best first."""

    scores: Tensor  # (N, M)
    anchors: Tensor  # (N, M) int64, indices
    labels: Tensor  # (N, M) int64, class indices


def choose_candidates(class_scores: Tensor, count: int) -> Candidates:
    """Choose the best `count` pairs of each image from scores (N, A, K)."""
    best, pair = class_scores.flatten(1).topk(count, dim=1)  # (N, M)
    k = class_scores.shape[2]
    return Candidates(best, pair // k, pair % k)


def limit_classes(candidates: Candidates, per_class: int, *, k: int) -> Tensor:
    """Return the candidates' scores (N, M), those behind the best `per_class` of their class set to 0."""
    counts = F.one_hot(candidates.labels, k).cumsum(1)  # (N, M, K)
    place = counts.gather(2, candidates.labels[..., None]).squeeze(2)  # (N, M), from 1
    return candidates.scores.masked_fill(place > per_class, 0.0)


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
    _, a, k = class_scores.shape
    # What is kept of the best pairs does not depend on the others, so these come in only where they are needed.
    count = min(FIRST_CANDIDATES, a * k)
    while True:
        candidates = choose_candidates(class_scores, count)
        found = suppress(raw.deltas, anchors, candidates, k=k, size=size, settings=settings)
        exhausted = count == a * k or candidates.scores[:, -1].max() <= settings.score_threshold
        if exhausted or min(len(image.scores) for image in found) == settings.max_detections:
            return found
        count = min(count * 4, a * k)


def suppress(
    deltas: Tensor, anchors: Tensor, candidates: Candidates, *, k: int, size: tuple[int, int], settings: Postprocessing
) -> list[Detections]:
    """Decode candidates and drop those that overlap better ones of their class.

    Args:
        deltas: (N, A, 4), unitless.
        anchors: (A, 4), xyxy in pixels.
        candidates: M an image.
        k: number of classes.
        size: (height, width) of the input in pixels.
        settings: thresholds and limits.

    Returns:
        N entries.
    """
    best, anchor, label = candidates
    if settings.per_class is not None:
        best = limit_classes(candidates, settings.per_class, k=k)
    chosen = deltas.gather(1, anchor[..., None].expand(-1, -1, 4))  # (N, M, 4)
    boxes = clip_boxes_to_image(decode(chosen, anchors[anchor]), size)
    image, slot = (best > settings.score_threshold).nonzero(as_tuple=True)
    boxes, best, label = boxes[image, slot], best[image, slot], label[image, slot]  # (M', 4), (M',), (M',)
    # In float64: batched_nms moves each group by an offset, which in float32 costs precision late in a batch.
    precise = torch.float32 if boxes.device.type == "mps" else torch.float64  # Apple's GPUs have no float64
    exact, ranked, group = boxes.to(precise), best.to(precise), image * k + label
    rows = torch.arange(len(best), device=boxes.device)
    # A CPU's NMS compares all boxes with all, so it takes the images one by one; a GPU takes them together.
    parts = rows.split(image.bincount(minlength=len(deltas)).tolist()) if boxes.device.type == "cpu" else (rows,)
    keep = torch.cat([own[batched_nms(exact[own], ranked[own], group[own], settings.iou_threshold)] for own in parts])
    image, boxes, best, label = image[keep], boxes[keep], best[keep], label[keep]
    limit = settings.max_detections
    per_image = [(image == index).nonzero().squeeze(1)[:limit] for index in range(len(deltas))]
    return [Detections(boxes[kept], best[kept], label[kept]) for kept in per_image]
