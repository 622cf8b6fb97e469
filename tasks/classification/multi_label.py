"""What a classifier is measured by where an image may have several labels, or none."""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from tasks.classification.calibration import Calibration, measure_calibration
from tasks.classification.metrics import ClassificationMetric, ClassificationMetrics, Mistake, mean, ratio
from tasks.classification.thresholds import SHOWN
from tasks.score_curves import ScoreCurve, draw_curve


class Labelled(NamedTuple):
    """N images.

    Attributes:
        scores: (N, K) float64.
        targets: (N, K) bool.
    """

    scores: np.ndarray
    targets: np.ndarray


class MultiLabelMetric(ClassificationMetric[Labelled]):
    """Keeps all scores and targets."""

    def find(self, scores: Tensor, targets: Tensor) -> Labelled:
        """Return both as they are."""
        return Labelled(scores.cpu().double().numpy(), targets.cpu().numpy())  # Apple's GPUs have no float64

    def measure(self) -> ClassificationMetrics:
        """Return the metrics of what was found."""
        shown, targets = self.found[0] >= SHOWN, self.found[1]
        hits, wholes = (shown & targets).sum(axis=0), shown.sum(axis=0) + targets.sum(axis=0)  # (K,)
        f1 = [ratio(2 * hit, whole) for hit, whole in zip(hits.tolist(), wholes.tolist(), strict=True)]
        summary = {
            "macro_AP": mean(self._list_precisions()),
            "macro_F1": mean(f1),
            "micro_F1": ratio(2 * hits.sum(), wholes.sum()),
            "calibration_error": self.calibration.error,
        }
        return ClassificationMetrics(summary, dict(zip(self.names, f1, strict=True)))

    @property
    def confusion(self) -> None:
        """None: an image is no single class's."""
        return None

    @property
    def calibration(self) -> Calibration:
        """How far scores are from how often an image has the label, over all images and classes."""
        scores, targets = self.found
        return measure_calibration(scores.ravel(), targets.ravel())

    def draw_curves(self) -> list[ScoreCurve]:
        """Return what a threshold lets through of all images, for each class."""
        curves = []
        for scores, targets in zip(*(values.T for values in self.found), strict=True):
            order = np.argsort(-scores, kind="stable")
            curves.append(draw_curve(scores[order], targets[order], objects=int(targets.sum())))
        return curves

    def describe_classes(self) -> dict[str, dict[str, float | int | None]]:
        """Return the images of each class, and its average precision."""
        counts = self.found[1].sum(axis=0).tolist()
        rows = zip(self.names, counts, self._list_precisions(), strict=True)
        return {name: {"images": count, "AP": precision} for name, count, precision in rows}

    def find_mistakes(self) -> list[Mistake]:
        """Return the images with a label that is wrong or missing at a score of .5, most of them first."""
        scores, targets = self.found
        badness = np.abs(scores - targets).sum(axis=1)
        wrong = (scores >= SHOWN) != targets
        rows = [index for index in np.argsort(-badness, kind="stable").tolist() if wrong[index].any()]
        return [Mistake(index, self._say(scores[index], targets[index])) for index in rows]

    def list_labels(self, index: int) -> tuple[list[int], list[float]]:
        """Return the classes of an image that score at least .5, best first, and their scores."""
        scores = self.found[0][index]
        labels = [label for label in np.argsort(-scores, kind="stable").tolist() if scores[label] >= SHOWN]
        return labels, scores[labels].tolist()

    def _list_precisions(self) -> list[float | None]:
        """Return the average precision of each class; None without images that have it."""
        return [average_precision(curve) for curve in self.draw_curves()]

    def _say(self, scores: np.ndarray, targets: np.ndarray) -> str:
        """Say which labels are missing and which are wrong."""
        shown = scores >= SHOWN
        parts = []
        for word, labels in (("missing", targets & ~shown), ("wrong", shown & ~targets)):
            named = [f"{self.names[label]} ({scores[label]:.2f})" for label in np.flatnonzero(labels)]
            parts += [f"{word} {', '.join(named)}"] if named else []
        return "; ".join(parts)


def average_precision(curve: ScoreCurve) -> float | None:
    """Return the precision at each score, weighed by the recall gained there; None where there is nothing to find."""
    if not curve.objects:
        return None
    gained = np.diff(curve.right, prepend=0)
    precision = curve.right / (curve.right + curve.false)
    return float((gained * precision).sum() / curve.objects)
