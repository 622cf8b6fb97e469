"""Boxes as offsets from anchors (SSD, arXiv:1512.02325, eq. 2), scaled by (10, 10, 5, 5)."""

import math

import torch
from torch import Tensor

CENTER_WEIGHT, SIDE_WEIGHT = 10.0, 5.0  # of dx, dy and of dw, dh; the inverse variances of the original SSD code
MAX_LOG_RATIO = math.log(1000 / 16)  # keeps exp() finite for wild predictions, as torchvision does


def to_center(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Split xyxy boxes (..., 4) into centres (..., 2) x, y and sides (..., 2) width, height."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return (low + high) / 2, high - low


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Turn boxes into offsets from their anchors.

    Args:
        boxes: (..., 4), xyxy in input pixels, sides above 0.
        anchors: (..., 4), xyxy in input pixels, of a shape that broadcasts with `boxes`.

    Returns:
        (..., 4), unitless: dx, dy, dw, dh.
    """
    centers, sides = to_center(boxes)
    anchor_centers, anchor_sides = to_center(anchors)
    shift, growth = (centers - anchor_centers) / anchor_sides, torch.log(sides / anchor_sides)  # (..., 2) each
    return torch.cat((shift * CENTER_WEIGHT, growth * SIDE_WEIGHT), dim=-1)


def decode(deltas: Tensor, anchors: Tensor) -> Tensor:
    """Turn predicted offsets into boxes; the inverse of `encode`.

    Args:
        deltas: (..., A, 4), unitless: dx, dy, dw, dh; any float type.
        anchors: (A, 4), xyxy in input pixels.

    Returns:
        (..., A, 4) float32, xyxy in input pixels; may leave the image.
    """
    shift, growth = deltas.float().split(2, dim=-1)  # (..., A, 2) each
    centers, sides = to_center(anchors)
    centers = shift / CENTER_WEIGHT * sides + centers
    half = torch.exp((growth / SIDE_WEIGHT).clamp(max=MAX_LOG_RATIO)) * sides / 2
    return torch.cat((centers - half, centers + half), dim=-1)
