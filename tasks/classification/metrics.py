"""What a classifier is measured by, whether an image has one label or several."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar, cast

import numpy as np
from torch import Tensor

from tasks.classification.calibration import Calibration
from tasks.processes import from_first, gather, interleave
from tasks.score_curves import ScoreCurve

HEADLINES = {"softmax": "top1", "sigmoid": "macro_AP"}  # by how logits are read


@dataclass(frozen=True)
class ClassificationMetrics:
    """Numbers from 0 to 1; None where there is nothing to measure on.

    Attributes:
        summary: of one label an image top1, top5 (of more than five classes), class_accuracy (mean recall), macro_F1,
            calibration_error; of several macro_AP, macro_F1 and micro_F1 at a score of .5, calibration_error.
        per_class: F1 under each class name.
    """

    summary: dict[str, float | None]
    per_class: dict[str, float | None]

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as metrics.json stores them."""
        return {**self.summary, "per_class": dict(self.per_class)}


class Mistake(NamedTuple):
    """An image that a classifier got wrong."""

    image: int  # its position in the reader
    why: str  # what is wrong, in words


Found = TypeVar("Found", bound=tuple[np.ndarray, ...])


class ClassificationMetric(ABC, Generic[Found]):
    """Gathers what was predicted for images, in their order, and turns it into metrics at the end.

    Args:
        names: of the K classes.

    Attributes:
        batches: what was found in each batch, arrays (N, ...): in those of this process so far, and once they are
            measured in those of all, in the order of a single one, in the first.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.reset()

    def reset(self) -> None:
        """Forget earlier images."""
        self.batches: list[Found] = []
        self._joined: Found | None = None

    def update(self, scores: Tensor, targets: Tensor) -> None:
        """Take the scores (N, K) of a batch, 0 to 1, and its targets (N, K) bool."""
        self.batches.append(self.find(scores, targets))
        self._joined = None

    def compute(self) -> ClassificationMetrics:
        """Return the metrics of all images together, of all processes."""
        self.batches = interleave(gather(self.batches))
        self._joined = None
        return from_first(self.measure)

    @property
    def found(self) -> Found:
        """What was found in all images: the arrays of the batches, joined."""
        if self._joined is None:
            kind: Any = type(self.batches[0])
            self._joined = kind(*(np.concatenate(values) for values in zip(*self.batches, strict=True)))
        return cast(Found, self._joined)

    @abstractmethod
    def find(self, scores: Tensor, targets: Tensor) -> Found:
        """Return what is kept of a batch, see `update`."""

    @abstractmethod
    def measure(self) -> ClassificationMetrics:
        """Return the metrics of what was found."""

    @abstractmethod
    def draw_curves(self) -> list[ScoreCurve]:
        """Return what a threshold lets through, for each of the K classes."""

    @abstractmethod
    def describe_classes(self) -> dict[str, dict[str, float | int | None]]:
        """Return numbers by class, and by name."""

    @abstractmethod
    def find_mistakes(self) -> list[Mistake]:
        """Return the images that are wrong, the worst first."""

    @abstractmethod
    def list_labels(self, index: int) -> tuple[list[int], list[float]]:
        """Return the classes that were predicted for an image, best first, and their scores."""

    @property
    @abstractmethod
    def calibration(self) -> Calibration:
        """How far scores are from how often they are right."""

    @property
    @abstractmethod
    def confusion(self) -> np.ndarray | None:
        """(K, K) int64, rows = ground truth, columns = predictions; None where images have several labels."""


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of what is defined; None where nothing is."""
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None


def ratio(part: float, whole: float) -> float | None:
    """Return a share; None of nothing."""
    return float(part) / float(whole) if whole else None
