"""What an evaluation of a detector writes: numbers, results, plots, pictures."""

from pathlib import Path
from typing import Any, cast

import lightning as L
import numpy as np

from data.classes import ClassTable
from data.readers import BoxReader
from data.samples import space_evenly
from tasks.detection.analysis import analyse
from tasks.detection.confusion import confusion_matrix
from tasks.detection.detector import Detector
from tasks.detection.exported import ExportedDetector
from tasks.detection.metrics import DetectionMetric
from tasks.detection.module import DetectionModule
from tasks.detection.plots import plot_errors, plot_precision_recall, plot_thresholds
from tasks.detection.worst import draw_worst
from tasks.drawing.figures import plot_confusion_matrix
from tasks.drawing.images import draw_boxes, save_image, side_by_side
from tasks.evaluation_settings import EvaluationSettings
from tasks.files import ANALYSIS, METRICS, write_json

SAMPLES = 8  # images drawn


class DetectionEvaluation:
    """A detector on its way over a reader, and the report of it.

    Args:
        out: folder of the report.
        model: the detector.
        reader: of the images and their boxes.
        settings: how the thresholds are chosen that pictures and counts go by.

    Attributes:
        module: to be validated before the report is written.
        callbacks: that look on.
    """

    def __init__(
        self, out: Path, model: Detector | ExportedDetector, reader: BoxReader, *, settings: EvaluationSettings
    ) -> None:
        self.out, self.model, self.reader, self.rule = out, model, reader, settings.threshold
        self.metric = DetectionMetric(reader)
        self.module = DetectionModule(cast(Detector, model), metric=self.metric)  # what it is validated by, both have
        self.callbacks: list[L.Callback] = []

    def write(self) -> dict[str, Any]:
        """Write the numbers, results.json, the plots, samples/ and worst/.

        Returns:
            The metrics as written.
        """
        out, reader, results, metrics = self.out, self.reader, self.metric.results, self.module.metrics
        if metrics is None:
            raise ValueError("the module was not validated yet")
        truth, stored = reader.ground_truth(), self.model.description.thresholds
        analysis = analyse(metrics, truth, results, rule=self.rule, stored=stored)
        matrix = confusion_matrix(truth, results, score_threshold=analysis.thresholds)
        plot_confusion_matrix(matrix, out / "confusion_matrix.png", names=[*reader.classes.names, "background"])
        plot_precision_recall(metrics, out / "precision_recall.png")
        plot_thresholds(analysis, out / "f1.png")
        plot_errors(analysis, out / "errors.png")
        draw_samples(out / "samples", results, reader, thresholds=analysis.thresholds)
        worst = draw_worst(out, analysis, reader)
        write_json(out / "results.json", results)
        write_json(out / ANALYSIS, {**analysis.to_dict(), "worst": worst})
        write_json(out / METRICS, metrics.to_dict())
        return metrics.to_dict()


def draw_samples(
    folder: Path, results: list[dict[str, Any]], reader: BoxReader, *, thresholds: tuple[float, ...]
) -> None:
    """Draw images spread over the data set, with their boxes left and what was found right."""
    folder.mkdir(parents=True, exist_ok=True)
    lowest = dict(zip(reader.classes.ids, thresholds, strict=True))
    for index in space_evenly(len(reader), SAMPLES):
        sample = reader[index]
        own = [result for result in results if result["image_id"] == sample.image_id]
        found = [result for result in own if result["score"] >= lowest[result["category_id"]]]
        truth = draw_boxes(sample.image, sample.boxes, sample.labels, classes=reader.classes)
        picture = side_by_side(truth, draw_results(sample.image, found, reader.classes))
        save_image(picture, folder / f"{sample.image_id}.jpg")


def draw_results(image: np.ndarray, results: list[dict[str, Any]], classes: ClassTable) -> np.ndarray:
    """Draw COCO results of one image (H, W, 3) into a copy of it."""
    boxes = np.array([result["bbox"] for result in results], dtype=np.float64).reshape(-1, 4)  # xywh
    boxes[:, 2:] += boxes[:, :2]
    labels = np.array([classes.ids.index(result["category_id"]) for result in results], dtype=np.int64)
    scores = np.array([result["score"] for result in results])
    return draw_boxes(image, boxes, labels, classes=classes, scores=scores)
