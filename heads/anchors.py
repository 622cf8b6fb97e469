"""Anchors of SSDLite ("default boxes" in SSD, "priors" elsewhere): the published tables, and boxes for any size."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

LEVELS = 6
SCALES = tuple(0.2 + (0.95 - 0.2) * level / (LEVELS - 1) for level in range(LEVELS))
RATIOS = (2.0, 1 / 2, 3.0, 1 / 3)


class Shape(NamedTuple):
    """One anchor: scale = sqrt(width x height) over the image's shorter side, ratio = width / height."""

    scale: float
    ratio: float


Shapes = tuple[tuple[Shape, ...], ...]  # at each cell of each level, finest level first


class Layout(NamedTuple):
    """The shapes at each cell of each level, finest level first."""

    levels: Shapes
    clip: bool  # no side longer than the image's

    @property
    def per_cell(self) -> tuple[int, ...]:
        """Number of anchors at each cell, level by level."""
        return tuple(len(level) for level in self.levels)


def between(level: int) -> float:
    """Return the scale between a level and the next, the last one's next being the whole image."""
    return math.sqrt(SCALES[level] * (SCALES[level + 1] if level + 1 < LEVELS else 1.0))


TENSORFLOW = Layout(
    (
        (Shape(0.1, 1.0), Shape(SCALES[0], 2.0), Shape(SCALES[0], 1 / 2)),
        *(
            (Shape(SCALES[n], 1.0), *(Shape(SCALES[n], ratio) for ratio in RATIOS), Shape(between(n), 1.0))
            for n in range(1, LEVELS)
        ),
    ),
    clip=False,
)
TORCHVISION = Layout(
    tuple(
        (Shape(SCALES[n], 1.0), Shape(between(n), 1.0), *(Shape(SCALES[n], ratio) for ratio in RATIOS))
        for n in range(LEVELS)
    ),
    clip=True,
)

# At 320 x 320: 2034 anchors (object_detection/anchor_generators/multiple_grid_anchor_generator.py with
# reduce_boxes_in_lowest_layer), and 3234 (torchvision's ssdlite320_mobilenet_v3_large).
LAYOUTS = {"tensorflow": TENSORFLOW, "torchvision": TORCHVISION}


def build_anchors(size: tuple[int, int], *, strides: Sequence[int], layout: Layout) -> Tensor:
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
