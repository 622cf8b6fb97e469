"""What a classifier is measured by where each image has one label."""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from tasks.classification.calibration import Calibration, measure_calibration
from tasks.classification.metrics import ClassificationMetric, ClassificationMetrics, Mistake, mean, ratio
from tasks.score_curves import ScoreCurve, draw_curve

TOP = 5


class Found(NamedTuple):
    """What was found in N images.

    Attributes:
        labels: (N, T) int64, the best classes, best first.
        scores: (N, T) float64, theirs.
        truth: (N,) int64, the true class.
        own: (N,) float64, the score of the true class.
    """

    labels: np.ndarray
    scores: np.ndarray
    truth: np.ndarray
    own: np.ndarray


class SingleLabelMetric(ClassificationMetric[Found]):
    """Keeps the best five classes of each image and the score of its own: no more than ImageNet's images need."""

    def find(self, scores: Tensor, targets: Tensor) -> Found:
        """Return the best classes of each image; its target is of one class."""
        best = scores.sort(dim=1, descending=True, stable=True)  # of equal scores the first class, as elsewhere
        truth = targets.long().argmax(1)
        own = scores.gather(1, truth[:, None])[:, 0]
        labels, values = best.indices[:, :TOP].cpu().numpy(), best.values[:, :TOP].cpu().double().numpy()
        return Found(labels, values, truth.cpu().numpy(), own.cpu().double().numpy())

    def measure(self) -> ClassificationMetrics:
        """Return the metrics of what was found."""
        matrix = self.confusion
        recall, f1 = self._measure(matrix, "recall"), self._measure(matrix, "F1")
        hits = self.found.labels == self.found.truth[:, None]  # (N, T)
        summary = {"top1": ratio(matrix.trace(), matrix.sum())}
        if len(self.names) > TOP:
            summary["top5"] = ratio(hits.any(axis=1).sum(), len(hits))
        summary |= {"class_accuracy": mean(recall), "macro_F1": mean(f1), "calibration_error": self.calibration.error}
        return ClassificationMetrics(summary, dict(zip(self.names, f1, strict=True)))

    @property
    def confusion(self) -> np.ndarray:
        """(K, K) int64, rows = ground truth, columns = predictions."""
        count = len(self.names)
        truth, predicted = self.found.truth, self.found.labels[:, 0]
        return np.bincount(truth * count + predicted, minlength=count**2).reshape(count, count)

    @property
    def calibration(self) -> Calibration:
        """How far the best scores are from how often they are right."""
        right = self.found.labels[:, 0] == self.found.truth
        return measure_calibration(self.found.scores[:, 0], right)

    def draw_curves(self) -> list[ScoreCurve]:
        """Return what a threshold lets through of the images that were taken for each class."""
        labels, scores = self.found.labels[:, 0], self.found.scores[:, 0]
        truth, order = self.found.truth, np.argsort(-scores, kind="stable")
        curves = []
        for label in range(len(self.names)):
            own = order[labels[order] == label]
            curves.append(draw_curve(scores[own], truth[own] == label, objects=int((truth == label).sum())))
        return curves

    def describe_classes(self) -> dict[str, dict[str, float | int | None]]:
        """Return the images of each class, and the share of them whose best class it is."""
        matrix = self.confusion
        rows = zip(self.names, matrix.sum(axis=1).tolist(), self._measure(matrix, "recall"), strict=True)
        return {name: {"images": images, "accuracy": recall} for name, images, recall in rows}

    def find_mistakes(self) -> list[Mistake]:
        """Return the images whose best class is wrong, those with the lowest score of their own class first."""
        labels, truth = self.found.labels[:, 0], self.found.truth
        own, best = self.found.own, self.found.scores[:, 0]
        wrong = np.flatnonzero(labels != truth)
        return [
            Mistake(
                int(index),
                f"{self.names[truth[index]]} ({own[index]:.2f}) as {self.names[labels[index]]} ({best[index]:.2f})",
            )
            for index in wrong[np.argsort(own[wrong], kind="stable")]
        ]

    def list_labels(self, index: int) -> tuple[list[int], list[float]]:
        """Return the best class of an image, and its score."""
        return [int(self.found.labels[index, 0])], [float(self.found.scores[index, 0])]

    def _measure(self, matrix: np.ndarray, name: str) -> list[float | None]:
        """Return recall or F1 of each class; None where there is nothing of it."""
        hits, truth, predicted = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
        parts, wholes = {"recall": (hits, truth), "F1": (2 * hits, truth + predicted)}[name]
        return [ratio(part, whole) for part, whole in zip(parts.tolist(), wholes.tolist(), strict=True)]
