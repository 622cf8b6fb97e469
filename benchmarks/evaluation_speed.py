"""What the analysis of an evaluation costs: beside COCO's metric for boxes, by the image for masks, on one thread.

Usage:
    python -m benchmarks.evaluation_speed    # writes benchmarks/results/evaluation_speed.json
"""

import json
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import torch

from benchmarks.inference_speed import make_data_set
from benchmarks.timing import compare, save
from tasks.detection.analysis import analyse
from tasks.detection.metrics import evaluate_detections
from tasks.detection.plots import plot_errors, plot_thresholds
from tasks.evaluation_settings import ThresholdRule
from tasks.segmentation.boundary import BoundaryCounts

CLASSES = 19


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

    return {"images": images, **compare(ours, lambda: evaluate_detections(truth, results), repeats=3)}


def make_masks() -> tuple[np.ndarray, np.ndarray]:
    """Make up a mask of Cityscapes' size in which every class is all over the image, and a prediction 15 pixels off."""
    rng = np.random.default_rng(0)
    mask = np.repeat(np.array([10, 2, 1, 0], dtype=np.uint8), 256)[:, None].repeat(2048, axis=1)
    for _ in range(120):
        top, left, height, width = rng.integers((0, 0, 10, 10), (1000, 2000, 200, 200))
        mask[top : top + height, left : left + width] = rng.integers(0, CLASSES)
    return np.roll(mask, 15, axis=1), mask


def measure_boundary() -> dict[str, Any]:
    """Take the processor's time, which other programs disturb less, of counting an image's boundary pixels."""
    predicted, mask = make_masks()
    boundary, times = BoundaryCounts(CLASSES), []
    for _ in range(9):
        start = time.process_time()
        boundary.update(predicted, mask)
        times.append(time.process_time() - start)
    return {"processor_seconds": statistics.median(times), "repeats": len(times)}


def main() -> None:
    """Run both on one thread."""
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    results = {
        "analysis, beside COCO's metric": compare_detection(5000),
        "boundary of an image of 1024 x 2048": measure_boundary(),
    }
    save("evaluation_speed", results)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
