"""What an evaluation of a detector writes: numbers, results, plots, pictures."""

from pathlib import Path
from typing import Any

import numpy as np

from data.boxes import BoxDataset
from data.classes import ClassTable
from tasks.detection.metrics import confusion_matrix
from tasks.detection.module import DetectionModule
from tasks.detection.plots import plot_precision_recall
from tasks.drawing import draw_boxes, save_image, side_by_side
from tasks.files import write_json
from tasks.plots import plot_confusion_matrix

DRAWN_SCORE = 0.5  # lowest score of a drawn or counted detection
SAMPLES = 8  # images drawn


def write_report(out: Path, module: DetectionModule, reader: BoxDataset) -> dict[str, Any]:
    """Write metrics.json, results.json, the plots and samples/ of a module's last validation.

    Returns:
        The metrics as written.
    """
    if module.metrics is None:
        raise ValueError("the module was not validated yet")
    names = [*reader.classes.names, "background"]
    matrix = confusion_matrix(reader.ground_truth(), module.results, score_threshold=DRAWN_SCORE)
    plot_confusion_matrix(matrix, out / "confusion_matrix.png", names=names)
    plot_precision_recall(module.metrics, out / "precision_recall.png")
    draw_samples(out / "samples", module.results, reader)
    write_json(out / "results.json", module.results)
    metrics = module.metrics.to_dict()
    write_json(out / "metrics.json", metrics)
    return metrics


def draw_samples(folder: Path, results: list[dict[str, Any]], reader: BoxDataset) -> None:
    """Draw images spread over the data set, with their boxes left and what was found right."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = np.unique(np.linspace(0, len(reader) - 1, SAMPLES).astype(int)).tolist()
    for index in chosen:
        sample = reader[index]
        found = [r for r in results if r["image_id"] == sample.image_id and r["score"] >= DRAWN_SCORE]
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
