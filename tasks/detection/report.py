"""What an evaluation of a detector writes: numbers, results, plots, pictures."""

from pathlib import Path
from typing import Any

import numpy as np

from data.boxes import BoxDataset
from data.classes import ClassTable
from data.samples import spread
from tasks.detection.analysis import analyse
from tasks.detection.confusion import confusion_matrix
from tasks.detection.module import DetectionModule
from tasks.detection.plots import plot_errors, plot_precision_recall, plot_thresholds
from tasks.detection.settings import ThresholdRule
from tasks.detection.worst import draw_worst
from tasks.drawing.figures import plot_confusion_matrix
from tasks.drawing.images import draw_boxes, save_image, side_by_side
from tasks.files import ANALYSIS, write_json

SAMPLES = 8  # images drawn


def write_report(out: Path, module: DetectionModule, reader: BoxDataset, *, rule: ThresholdRule) -> dict[str, Any]:
    """Write the numbers, results.json, the plots, samples/ and worst/ of a module's last validation.

    Args:
        out: the folder.
        module: that was validated.
        reader: on which.
        rule: how the thresholds are chosen that pictures and counts go by.

    Returns:
        The metrics as written.
    """
    if module.metrics is None:
        raise ValueError("the module was not validated yet")
    truth, stored = reader.ground_truth(), module.description.thresholds
    analysis = analyse(module.metrics, truth, module.results, rule=rule, stored=stored)
    matrix = confusion_matrix(truth, module.results, score_threshold=analysis.thresholds)
    plot_confusion_matrix(matrix, out / "confusion_matrix.png", names=[*reader.classes.names, "background"])
    plot_precision_recall(module.metrics, out / "precision_recall.png")
    plot_thresholds(analysis, out / "f1.png")
    plot_errors(analysis, out / "errors.png")
    draw_samples(out / "samples", module.results, reader, thresholds=analysis.thresholds)
    worst = draw_worst(out, analysis, reader)
    write_json(out / "results.json", module.results)
    write_json(out / ANALYSIS, {**analysis.to_dict(), "worst": worst})
    metrics = module.metrics.to_dict()
    write_json(out / "metrics.json", metrics)
    return metrics


def draw_samples(
    folder: Path, results: list[dict[str, Any]], reader: BoxDataset, *, thresholds: tuple[float, ...]
) -> None:
    """Draw images spread over the data set, with their boxes left and what was found right."""
    folder.mkdir(parents=True, exist_ok=True)
    lowest = dict(zip(reader.classes.ids, thresholds, strict=True))
    for index in spread(len(reader), SAMPLES):
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
