"""What people set of a segmenter's training."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Augmentation:
    """How training images are changed at random.

    Attributes:
        scales: lowest and highest factor of the resize before the crop.
        color: probability of a change of colours.
        rare_crops: probability of a crop around a pixel of a class drawn evenly from those in the image.

    Raises:
        ValueError: if the scales are no range above 0, or one of the others is no probability.
    """

    scales: tuple[float, float] = (0.5, 2.0)
    color: float = 0.5
    rare_crops: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.scales[0] <= self.scales[1] < math.inf:
            raise ValueError(
                f"augmentation.scales: {list(self.scales)}; expected two factors above 0, the lowest first"
            )
        for field in ("color", "rare_crops"):
            if not 0 <= getattr(self, field) <= 1:
                raise ValueError(f"augmentation.{field}: {getattr(self, field)!r}; expected 0 to 1")


@dataclass(frozen=True)
class LossSettings:
    """How the segmenter is trained.

    Attributes:
        ohem: share of the batch's counted pixels, the hardest ones, that cross-entropy averages over; 1 for all
            (online hard example mining, arXiv:1604.03540, over pixels).
        dice: weight of the Dice loss, of a quarter of the pixels: its sums over the batch need no more, the logits are
            coarser than that, and crops lie anywhere.
        lovasz: weight of the Lovasz-softmax loss.
        label_smoothing: share of each pixel's target that is spread over all classes.
        aux_weight: weight of the plain cross-entropy of an auxiliary head, `heads.fcn.FCN`; 0 for no such head.

    Raises:
        ValueError: if one is out of range.
    """

    ohem: float = 1.0
    dice: float = 0.0
    lovasz: float = 0.0
    label_smoothing: float = 0.0
    aux_weight: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.ohem <= 1:
            raise ValueError(f"loss.ohem: {self.ohem!r}; expected above 0, up to 1")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"loss.label_smoothing: {self.label_smoothing!r}; expected 0 to below 1")
        for field in ("dice", "lovasz", "aux_weight"):
            if not 0 <= getattr(self, field) < math.inf:
                raise ValueError(f"loss.{field}: {getattr(self, field)!r}; expected a number from 0")
