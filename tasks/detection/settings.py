"""What people set of a detector's training."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Augmentation:
    """How training images are changed at random.

    Attributes:
        zoom_out: probability of a larger grey background around the image, as in SSD.
        crop: probability of a crop as in SSD.
        color: probability of a change of colours.

    Raises:
        ValueError: if one is no probability.
    """

    zoom_out: float = 0.0
    crop: float = 1.0
    color: float = 0.5

    def __post_init__(self) -> None:
        for field in ("zoom_out", "crop", "color"):
            if not 0 <= getattr(self, field) <= 1:
                raise ValueError(f"augmentation.{field}: {getattr(self, field)!r}; expected 0 to 1")


@dataclass(frozen=True)
class LossSettings:
    """How the detector is taught; by default as in SSD.

    Attributes:
        assignment: which anchors learn a box: by their "iou" with it, as in SSD, or "task_aligned", by what the network
            predicts there (`tasks.detection.task_aligned_assignment`).
        matching_iou: overlap from which an anchor takes a box; for "iou".
        candidates: anchors that a box may have at most; for "task_aligned".
        box: "smooth_l1" of the offsets, or "giou" of the boxes (arXiv:1902.09630).
        box_weight: factor of the box loss; 1 / 4 in TensorFlow, which goes with the focal loss there.
        min_negatives: hardest negatives that an image without a match gives all the same, for softmax scores: it still
            teaches what is background; 0 in torchvision.

    Raises:
        ValueError: if one is out of range.
    """

    assignment: str = "iou"
    box: str = "smooth_l1"
    box_weight: float = 1.0
    matching_iou: float = 0.5
    candidates: int = 13
    min_negatives: int = 3

    def __post_init__(self) -> None:
        for field, choices in (("assignment", ("iou", "task_aligned")), ("box", ("smooth_l1", "giou"))):
            if getattr(self, field) not in choices:
                raise ValueError(f"loss.{field}: unknown {getattr(self, field)!r}; choose from {list(choices)}")
        if not 0 < self.matching_iou <= 1:
            raise ValueError(f"loss.matching_iou: {self.matching_iou!r}; expected above 0, up to 1")
        if not 0 < self.box_weight < math.inf:
            raise ValueError(f"loss.box_weight: {self.box_weight!r}; expected a number above 0")
        for field, least in (("candidates", 1), ("min_negatives", 0)):
            if getattr(self, field) < least:
                raise ValueError(f"loss.{field}: {getattr(self, field)!r}; expected an integer from {least}")
        unused = {"iou": "candidates", "task_aligned": "matching_iou"}[self.assignment]
        if getattr(self, unused) != type(self).__dataclass_fields__[unused].default:
            raise ValueError(f"loss.{unused}: does nothing with loss.assignment={self.assignment}; leave it out")
