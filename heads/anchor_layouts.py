"""The published shapes of SSDLite's anchors: TensorFlow's (the paper's) and torchvision's."""

import math
from typing import NamedTuple

LEVELS = 6
SCALES = tuple(0.2 + (0.95 - 0.2) * level / (LEVELS - 1) for level in range(LEVELS))
RATIOS = (2.0, 1 / 2, 3.0, 1 / 3)


class Shape(NamedTuple):
    """One anchor: scale = sqrt(width x height) over the image's shorter side, ratio = width / height."""

    scale: float
    ratio: float


Shapes = tuple[tuple[Shape, ...], ...]  # at each cell of each level, finest level first


class AnchorLayout(NamedTuple):
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


TENSORFLOW = AnchorLayout(
    (
        (Shape(0.1, 1.0), Shape(SCALES[0], 2.0), Shape(SCALES[0], 1 / 2)),
        *(
            (Shape(SCALES[n], 1.0), *(Shape(SCALES[n], ratio) for ratio in RATIOS), Shape(between(n), 1.0))
            for n in range(1, LEVELS)
        ),
    ),
    clip=False,
)
TORCHVISION = AnchorLayout(
    tuple(
        (Shape(SCALES[n], 1.0), Shape(between(n), 1.0), *(Shape(SCALES[n], ratio) for ratio in RATIOS))
        for n in range(LEVELS)
    ),
    clip=True,
)

# At 320 x 320: 2034 anchors (object_detection/anchor_generators/multiple_grid_anchor_generator.py with
# reduce_boxes_in_lowest_layer), and 3234 (torchvision's ssdlite320_mobilenet_v3_large).
LAYOUTS = {"tensorflow": TENSORFLOW, "torchvision": TORCHVISION}
