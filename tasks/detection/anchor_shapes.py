"""Do the anchors fit the boxes? Their recall, and shapes that follow a data set.

The network stays the same: as many anchors at each cell of each level, of other widths and heights. YOLOv2
(arXiv:1612.08242, section 2) does it with k-means on the shapes alone; here a box also has to lie on the level's grid.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from heads.anchor_layouts import AnchorLayout, Shape, Shapes
from tasks.detection.iou_assignment import overlaps

RECALL_IOU = 0.5  # from which an anchor counts as finding a box
MOST_BOXES = 10_000  # that are looked at
CHUNK = 512  # boxes compared with all anchors at once
STEPS = (0.4, 0.2, 0.1, 0.05)  # of the search, in the logarithms of scale and ratio
LEAST_GAIN = 1e-5  # of the mean IoU, for which a shape changes
OFFSETS = 4  # places along each axis, from the middle of a cell to its edge, that a box's centre may have


def sample_boxes(boxes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return at most MOST_BOXES of the boxes (M, 4) and their labels (M,), evenly spaced."""
    every = -(-len(boxes) // MOST_BOXES)
    return boxes[::every], labels[::every]


class AnchorRecall(NamedTuple):
    """How well anchors fit boxes."""

    share: float  # of the boxes that some anchor overlaps with an IoU of at least RECALL_IOU
    mean_iou: float  # of each box with its best anchor
    by_class: dict[int, float]  # the share, by class index


def measure_recall(boxes: Tensor, labels: Tensor, anchors: Tensor) -> AnchorRecall:
    """Compare boxes with their best anchors; evenly spaced ones where there are very many.

    Args:
        boxes: (M, 4), xyxy in input pixels, M above 0.
        labels: (M,) int64, class indices.
        anchors: (A, 4), xyxy in input pixels.
    """
    boxes, labels = sample_boxes(boxes, labels)
    best = torch.cat([overlaps(part[None], anchors)[0].amax(dim=(0, 2)) for part in boxes.split(CHUNK)])  # (M,)
    found = (best >= RECALL_IOU).float()
    by_class = {int(label): float(found[labels == label].mean()) for label in labels.unique()}
    return AnchorRecall(float(found.mean()), float(best.mean()), by_class)


def expected_iou(sides: Tensor, shapes: Tensor, strides: Tensor) -> Tensor:
    """Average the IoU of a box with the nearest anchor of a shape over where in its cell the box may be.

    Args:
        sides: (M, 2), width and height of boxes in pixels.
        shapes: (S, 2), width and height of anchors in pixels.
        strides: (S,), distance of neighbouring anchors of that shape in pixels.

    Returns:
        (M, S).
    """
    steps = (torch.arange(OFFSETS, dtype=sides.dtype) + 0.5) / OFFSETS / 2 * strides[:, None]  # (S, OFFSETS)
    box, anchor = sides[:, None, :, None], shapes[None, :, :, None]  # (M, 1, 2, 1), (1, S, 2, 1)
    shared = torch.minimum(steps[:, None] + box / 2, anchor / 2) - torch.maximum(steps[:, None] - box / 2, -anchor / 2)
    width, height = shared.clamp(min=0).unbind(2)  # (M, S, OFFSETS) each
    inside = width[..., None] * height[..., None, :]  # (M, S, OFFSETS, OFFSETS)
    areas = sides.prod(1)[:, None] + shapes.prod(1)  # (M, S)
    return (inside / (areas[..., None, None] - inside)).mean((2, 3))


def fit_shapes(
    boxes: Tensor, labels: Tensor, *, layout: AnchorLayout, strides: Sequence[int], size: tuple[int, int]
) -> Shapes:
    """Move the shapes of a layout so that the mean IoU of the boxes with their best anchors grows, each class alike.

    Shape by shape, to the best of its eight neighbours in scale and ratio, in steps that become finer; shapes that no
    box needs stay. The same boxes give the same shapes.

    Args:
        boxes: (M, 4), xyxy in input pixels, M above 0.
        labels: (M,) int64, class indices.
        layout: to start from.
        strides: of its levels in pixels.
        size: (height, width) of the input in pixels.

    Returns:
        As many shapes a level as in `layout`.
    """
    boxes, labels = sample_boxes(boxes, labels)
    sides = (boxes[:, 2:] - boxes[:, :2]).double()
    weights = 1 / labels.bincount().double()[labels]  # (M,)
    weights /= weights.sum()
    cells = torch.tensor([s for s, n in zip(strides, layout.per_cell, strict=True) for _ in range(n)]).double()  # (S,)
    shapes = torch.tensor([shape for level in layout.levels for shape in level]).double().log()  # (S, 2)
    to_pixels = partial(to_sides, size=size, clip=layout.clip)
    ious = expected_iou(sides, to_pixels(shapes), cells)  # (M, S)
    for step in STEPS:
        while _move_each(shapes, ious, step, sides=sides, weights=weights, cells=cells, to_pixels=to_pixels):
            pass
    # Four digits say enough, and are what a configuration shows.
    rounded = iter([Shape(*(float(f"{value:.4g}") for value in shape)) for shape in shapes.exp().tolist()])
    return tuple(tuple(next(rounded) for _ in range(count)) for count in layout.per_cell)


def to_sides(shapes: Tensor, *, size: tuple[int, int], clip: bool) -> Tensor:
    """Turn log scale and log ratio (S, 2) into width and height in pixels (S, 2), as `build_anchors` does."""
    scale, ratio = shapes.unbind(1)
    sides = torch.stack((scale + ratio / 2, scale - ratio / 2), dim=1).exp() * min(size)
    return torch.minimum(sides, sides.new_tensor(size[::-1])) if clip else sides


def _move_each(
    shapes: Tensor,
    ious: Tensor,
    step: float,
    *,
    sides: Tensor,
    weights: Tensor,
    cells: Tensor,
    to_pixels: Callable[[Tensor], Tensor],
) -> bool:
    """Try to move every shape by one step, in place, and tell whether any moved; no scale is above the image's."""
    around = torch.cartesian_prod(*[torch.tensor([-step, 0.0, step], dtype=torch.float64)] * 2)  # (9, 2)
    moved = False
    for index in range(len(shapes)):
        others = ious.clone()
        others[:, index] = 0
        tried = shapes[index] + around
        tried = tried[tried[:, 0] <= 0]  # (T, 2)
        candidates = expected_iou(sides, to_pixels(tried), cells[index].expand(len(tried)))  # (M, T)
        gains = weights @ torch.maximum(candidates, others.amax(1, keepdim=True))  # (T,)
        best = int(gains.argmax())
        if gains[best] > weights @ ious.amax(1) + LEAST_GAIN:
            shapes[index], ious[:, index], moved = tried[best], candidates[:, best], True
    return moved
