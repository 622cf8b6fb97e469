"""Anchors of SSDLite ("default boxes" in SSD, "priors" elsewhere): a layout's shapes as boxes, for any size."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from heads.anchor_layouts import AnchorLayout


def build_anchors(size: tuple[int, int], *, strides: Sequence[int], layout: AnchorLayout) -> Tensor:
    """Place a layout's shapes at the centre of every cell.

    Args:
        size: (height, width) of the input in pixels.
        strides: of each level's map, finest first; a map has ceil(side / stride) cells along a side.
        layout: shapes per level.

    Returns:
        (A, 4), xyxy in input pixels; ordered by level, row, column, shape. May leave the image.

    Raises:
        ValueError: if the numbers of strides and levels differ.
    """
    if len(strides) != len(layout.levels):
        raise ValueError(f"{len(strides)} strides for {len(layout.levels)} anchor levels")
    height, width = size
    boxes = []
    for stride, shapes in zip(strides, layout.levels, strict=True):
        rows, columns = math.ceil(height / stride), math.ceil(width / stride)
        y = (torch.arange(rows, dtype=torch.float64) + 0.5) * height / rows
        x = (torch.arange(columns, dtype=torch.float64) + 0.5) * width / columns
        sides = torch.tensor([(s.scale * math.sqrt(s.ratio), s.scale / math.sqrt(s.ratio)) for s in shapes]).double()
        sides = sides * min(size)  # (S, 2) width, height
        if layout.clip:
            sides = torch.minimum(sides, torch.tensor([width, height], dtype=torch.float64))
        centers = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1)  # (rows, columns, 2) x, y
        centers = centers.reshape(-1, 1, 2)  # (rows * columns, 1, 2)
        boxes.append(torch.cat((centers - sides / 2, centers + sides / 2), dim=-1).reshape(-1, 4))
    return torch.cat(boxes).float()  # (A, 4)
