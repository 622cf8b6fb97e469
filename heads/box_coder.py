"""Boxes as offsets from anchors (SSD, arXiv:1512.02325, eq. 2), scaled by (10, 10, 5, 5)."""

import math

import torch
from torch import Tensor

WEIGHTS = (10.0, 10.0, 5.0, 5.0)  # of dx, dy, dw, dh; the inverse variances of the original SSD code
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
    offsets = torch.cat(((centers - anchor_centers) / anchor_sides, torch.log(sides / anchor_sides)), dim=-1)
    return offsets * offsets.new_tensor(WEIGHTS)


def decode(deltas: Tensor, anchors: Tensor) -> Tensor:
    """Turn predicted offsets into boxes; the inverse of `encode`.

    Args:
        deltas: (..., A, 4), unitless: dx, dy, dw, dh; any float type.
        anchors: (A, 4), xyxy in input pixels.

    Returns:
        (..., A, 4) float32, xyxy in input pixels; may leave the image.
    """
    offsets = deltas.float() / deltas.new_tensor(WEIGHTS, dtype=torch.float32)
    centers, sides = to_center(anchors)
    centers = offsets[..., :2] * sides + centers
    half = torch.exp(offsets[..., 2:].clamp(max=MAX_LOG_RATIO)) * sides / 2
    return torch.cat((centers - half, centers + half), dim=-1)
