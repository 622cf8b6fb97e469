"""What people set of a classifier's training."""

import math
from dataclasses import dataclass

POLICIES = ("none", "randaugment", "autoaugment")


@dataclass(frozen=True)
class Augmentation:
    """How training images are changed at random.

    Attributes:
        area: lowest and highest share of the image that the crop has (Inception's crops).
        flip: probability of a mirror image.
        color: probability of a change of colours.
        policy: "none", "randaugment" (arXiv:1909.13719) or "autoaugment" (arXiv:1805.09501, ImageNet's).
        erase: probability that a rectangle becomes noise (arXiv:1708.04896).
        mixup: alpha of the distribution Beta(alpha, alpha) that two images' weights are drawn from (arXiv:1710.09412);
            0 for none.
        cutmix: likewise, of the area of a rectangle that comes from another image (arXiv:1905.04899). With both, each
            image is mixed in one of the two ways, drawn evenly.

    Raises:
        ValueError: if the areas are no range within 0 to 1, or one of the others is out of range.
    """

    area: tuple[float, float] = (0.08, 1.0)
    flip: float = 0.5
    color: float = 0.0
    policy: str = "none"
    erase: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.area[0] <= self.area[1] <= 1:
            raise ValueError(f"augmentation.area: {list(self.area)}; expected two shares up to 1, the lowest first")
        if self.policy not in POLICIES:
            raise ValueError(f"augmentation.policy: unknown {self.policy!r}; choose from {', '.join(POLICIES)}")
        for field in ("flip", "color", "erase"):
            if not 0 <= getattr(self, field) <= 1:
                raise ValueError(f"augmentation.{field}: {getattr(self, field)!r}; expected 0 to 1")
        for field in ("mixup", "cutmix"):
            if not 0 <= getattr(self, field) < math.inf:
                raise ValueError(f"augmentation.{field}: {getattr(self, field)!r}; expected a number from 0")


@dataclass(frozen=True)
class LossSettings:
    """How the classifier is trained.

    Attributes:
        label_smoothing: share of each image's target that is spread over all classes (arXiv:1512.00567, section 7).

    Raises:
        ValueError: if it is out of range.
    """

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"loss.label_smoothing: {self.label_smoothing!r}; expected 0 to below 1")


@dataclass(frozen=True)
class Regularization:
    """What of the network is left out at random in training.

    Attributes:
        dropout: share of the hidden layer's values.
        drop_path: share of the images for which the last residual block is left out; of earlier blocks it is
            proportionally less (stochastic depth, arXiv:1603.09382).

    Raises:
        ValueError: if one is out of range.
    """

    dropout: float = 0.2
    drop_path: float = 0.0

    def __post_init__(self) -> None:
        for field in ("dropout", "drop_path"):
            if not 0 <= getattr(self, field) < 1:
                raise ValueError(f"regularization.{field}: {getattr(self, field)!r}; expected 0 to below 1")
