"""What people set of distillation."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Distillation:
    """How a student learns from a teacher.

    Attributes:
        teacher: checkpoint, "coco", "voc", "torchvision:NAME" or "timm:NAME"; None for none.
        weights: file with the tensors of torchvision's or timm's network.
        weight: factor of the loss, beside that of the labels.
        temperature: that the logits of both are divided by; the loss takes its square as a factor, so that gradients
            keep their size (arXiv:1503.02531, section 2).
        box_weight: factor of a detector's offsets in the loss.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """

    teacher: str | None = None
    weights: str | None = None
    weight: float = 1.0
    temperature: float = 1.0
    box_weight: float = 1.0

    def __post_init__(self) -> None:
        for field in ("weight", "box_weight"):
            if not 0 <= getattr(self, field) < math.inf:
                raise ValueError(f"distill.{field}: {getattr(self, field)!r}; expected a number from 0")
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"distill.temperature: {self.temperature!r}; expected a number above 0")
        if self.weights is not None and self.teacher is None:
            raise ValueError(f"distill.weights: {self.weights!r} of no network; give distill.teacher too")
