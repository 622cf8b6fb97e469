"""What people set of a segmenter's training and evaluation."""

import math
from dataclasses import dataclass
from typing import Any


def are_factors(values: object) -> bool:
    """Tell whether these are numbers above 0, in a tuple."""
    return isinstance(values, tuple) and all(type(value) in (int, float) and 0 < value < math.inf for value in values)


def as_yaml(values: object) -> str:
    """Write values as yaml does, which knows lists alone."""
    return repr(list(values) if isinstance(values, tuple) else values)


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
        if not (are_factors(self.scales) and len(self.scales) == 2 and self.scales[0] <= self.scales[1]):
            found = as_yaml(self.scales)
            raise ValueError(f"augmentation.scales: {found}; expected two factors above 0, the lowest first")
        for field in ("color", "rare_crops"):
            if not 0 <= getattr(self, field) <= 1:
                raise ValueError(f"augmentation.{field}: {getattr(self, field)!r}; expected 0 to 1")


@dataclass(frozen=True)
class LossSettings:
    """How the segmenter is taught.

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


@dataclass(frozen=True)
class Averaging:
    """What scores are averaged over.

    Attributes:
        scales: factors of the sides of the network's input.
        flip: whether each is mirrored too.

    Raises:
        ValueError: if there are no scales, or one is not above 0.
    """

    scales: tuple[float, ...] = (1.0,)
    flip: bool = False

    def __post_init__(self) -> None:
        if not (are_factors(self.scales) and self.scales):
            raise ValueError(f"scales: {as_yaml(self.scales)}; expected a list of numbers above 0")
        if type(self.flip) is not bool:
            raise ValueError(f"flip: {self.flip!r}; expected true or false")

    @property
    def trivial(self) -> bool:
        """Whether it is the image alone, as it is."""
        return self.scales == (1.0,) and not self.flip

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as metrics.json stores them."""
        return {"scales": list(self.scales), "flip": self.flip}
