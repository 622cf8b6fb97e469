"""What the analysis of an evaluation costs: beside COCO's metric for boxes, by the image for masks, on one thread.

Usage:
    python -m benchmarks.evaluation_speed    # writes benchmarks/results/evaluation_speed.json
"""

import json
import os
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import torch

from benchmarks.timing import compare, save
from tasks.detection.analysis import analyse
from tasks.detection.metrics import evaluate_detections
from tasks.detection.plots import plot_errors, plot_thresholds
from tasks.evaluation_settings import ThresholdRule
from tasks.segmentation.boundary import BoundaryCounts

CLASSES = 19


def make_data_set(images: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Make up ground truth and results of COCO's size: 80 classes, 7 boxes and 100 detections an image."""
    rng = np.random.default_rng(0)
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for image in range(1, images + 1):
        low, sides = rng.uniform(0, 400, (7, 2)), rng.uniform(10, 200, (7, 2))
        boxes, labels = np.concatenate([low, sides], axis=1), rng.integers(1, 81, 7)
        for box, label in zip(boxes, labels, strict=True):
            fields = {"image_id": image, "category_id": int(label), "bbox": box.tolist(), "iscrowd": 0}
            annotations.append({**fields, "id": len(annotations) + 1, "area": float(box[2] * box[3])})
        chosen = rng.integers(0, 7, 100)
        moved = boxes[chosen] * rng.uniform(0.8, 1.25, (100, 4))
        named = np.where(rng.random(100) < 0.6, labels[chosen], rng.integers(1, 81, 100))
        for box, label, score in zip(moved.tolist(), named.tolist(), rng.random(100).tolist(), strict=True):
            results.append({"image_id": image, "category_id": label, "bbox": box, "score": score})
    truth = {
        "images": [{"id": image, "height": 640, "width": 640} for image in range(1, images + 1)],
        "categories": [{"id": index, "name": str(index)} for index in range(1, 81)],
        "annotations": annotations,
    }
    return truth, results


def compare_detection(images: int) -> dict[str, Any]:
    """Time the analysis with its numbers and two plots beside COCO's twelve numbers."""
    truth, results = make_data_set(images)
    metrics = evaluate_detections(truth, results)

    def ours() -> None:
        analysis = analyse(metrics, truth, results, rule=ThresholdRule(), stored=None)
        analysis.to_dict()
        with TemporaryDirectory() as folder:
            plot_thresholds(analysis, Path(folder, "f1.png"))
            plot_errors(analysis, Path(folder, "errors.png"))

    def metric() -> None:
        evaluate_detections(truth, results)

    found = compare(ours, metric, repeats=3, clock=time.process_time)
    return {"images": images, "clock": "CPU time", **found}


def make_masks() -> tuple[np.ndarray, np.ndarray]:
    """Make up a mask of Cityscapes' size in which every class is all over the image, and a prediction 15 pixels off."""
    rng = np.random.default_rng(0)
    mask = np.repeat(np.array([10, 2, 1, 0], dtype=np.uint8), 256)[:, None].repeat(2048, axis=1)
    for _ in range(120):
        top, left, height, width = rng.integers((0, 0, 10, 10), (1000, 2000, 200, 200))
        mask[top : top + height, left : left + width] = rng.integers(0, CLASSES)
    return np.roll(mask, 15, axis=1), mask


def measure_boundary() -> dict[str, Any]:
    """Take the CPU time, which other programs disturb less, of counting an image's boundary pixels."""
    predicted, mask = make_masks()
    boundary, times = BoundaryCounts(CLASSES), []
    for _ in range(9):
        start = time.process_time()
        boundary.update(predicted, mask)
        times.append(time.process_time() - start)
    return {"processor_seconds": statistics.median(times), "repeats": len(times)}


def use_one_thread() -> None:
    """Keep every library to one thread; hotcoco looks once, when it first computes."""
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    os.environ["RAYON_NUM_THREADS"] = "1"


def main() -> None:
    """Run both on one thread."""
    use_one_thread()
    results = {
        "analysis, beside COCO's metric": compare_detection(5000),
        "boundary of an image of 1024 x 2048": measure_boundary(),
    }
    save("evaluation_speed", results)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
