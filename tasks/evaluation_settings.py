"""What people set of an evaluation: what scores are averaged over, how thresholds are chosen."""

import math
from dataclasses import dataclass, field
from typing import Any

F1, FALSE_POSITIVES = "f1", "false_positives"
RULES = (F1, FALSE_POSITIVES)
UNMEASURED = 0.5  # threshold of a class without boxes or without detections to choose from


@dataclass(frozen=True)
class TTA:
    """Test-time augmentation: what the scores of an image are averaged over.

    Attributes:
        scales: factors of the sides of the network's input.
        flip: whether each is mirrored too.

    Raises:
        ValueError: if there are no scales, or one is not above 0.
    """

    scales: tuple[float, ...] = (1.0,)
    flip: bool = False

    def __post_init__(self) -> None:
        if not (self.scales and all(0 < scale < math.inf for scale in self.scales)):
            raise ValueError(f"scales: {list(self.scales)}; expected a list of numbers above 0")

    @property
    def trivial(self) -> bool:
        """Whether it is the image alone, as it is."""
        return self.scales == (1.0,) and not self.flip

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as metrics.json stores them."""
        return {"scales": list(self.scales), "flip": self.flip}


@dataclass(frozen=True)
class ThresholdRule:
    """How the threshold of each class is chosen.

    Attributes:
        rule: "f1" takes the threshold of the best F1, "false_positives" the lowest that lets at most `limit` of them
            through; None takes the thresholds that the checkpoint holds, or "f1" where it holds none.
        limit: false positives of one class an image, on average.

    Raises:
        ValueError: if there is no such rule, or the limit is no number from 0.
    """

    rule: str | None = None
    limit: float = 0.1

    def __post_init__(self) -> None:
        if self.rule is not None and self.rule not in RULES:
            raise ValueError(f"rule: unknown {self.rule!r}; choose from {', '.join(RULES)}, or null")
        if not 0 <= self.limit < math.inf:
            raise ValueError(f"limit: {self.limit!r}; expected a number from 0, of false positives an image")


@dataclass(frozen=True)
class EvaluationSettings:
    """How a model is evaluated.

    Attributes:
        tta: test-time augmentation of models that classify pixels.
        threshold: how the thresholds of a detector's classes are chosen.
    """

    tta: TTA = field(default_factory=TTA)
    threshold: ThresholdRule = field(default_factory=ThresholdRule)
