"""Detection in large images, whole and in tiles: recall, precision, duplicates.

Usage:
    python -m benchmarks.tiling    # writes benchmarks/results/tiling.json; needs what `make demo` leaves

Scenes of the validation set stand side by side in one large image; of the second kind, one is six times as large.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torchvision.ops import box_iou

from benchmarks.timing import save
from data.box_geometry import area, intersect
from data.boxes import BoxDataset
from data.findings import refuse
from data.formats.coco import read_coco
from data.samples import DetectionSample
from data.splits import Part
from tasks.detection.prediction import BoxPrediction
from tasks.predict.predictor import Predictor

CHECKPOINT = "outputs/demo/ssdlite/model.safetensors"
SCENES = Path("datasets/synthetic/coco")
SIDE, TILE = 8, (256, 384)  # scenes a row and column; (height, width) of one
IMAGES, LARGE = 8, 6
TRUE = 0.5  # IoU with an object


def place(samples: Iterator[DetectionSample], large: int) -> DetectionSample:
    """Set scenes side by side, the first of them `large` times as large; 0 leaves it out."""
    height, width = TILE
    canvas = np.zeros((SIDE * height, SIDE * width, 3), np.uint8)
    free = np.ones((SIDE, SIDE), bool)
    boxes, labels = [], []
    for row, column in np.ndindex(SIDE, SIDE):
        if not free[row, column]:
            continue
        factor = large if large and not boxes else 1
        sample, top, left = next(samples), row * height, column * width
        size = (factor * width, factor * height)
        canvas[top : top + size[1], left : left + size[0]] = cv2.resize(sample.image, size)
        free[row : row + factor, column : column + factor] = False
        boxes.append(sample.boxes[~sample.crowd] * factor + np.array([left, top] * 2))
        labels.append(sample.labels[~sample.crowd])
    together = np.concatenate(boxes)
    return DetectionSample(canvas, together, np.concatenate(labels), np.zeros(len(together), bool), 0)


def count(prediction: BoxPrediction, truth: DetectionSample) -> dict[str, int]:
    """Count objects, those found, and what else was found: a second time, or where nothing is."""
    found = np.zeros(len(truth.boxes), bool)
    counts = {"objects": len(found), "found": 0, "duplicates": 0, "false": 0}
    overlaps = box_iou(torch.from_numpy(prediction.boxes), torch.from_numpy(truth.boxes).double()).numpy()
    for box, label, ious in zip(prediction.boxes, prediction.labels, overlaps, strict=True):
        same = truth.labels == label
        best = int(np.where(same & ~found, ious, -1).argmax())
        if same[best] and not found[best] and ious[best] >= TRUE:
            found[best] = True
            counts["found"] += 1
            continue
        least = np.minimum(area(box), area(truth.boxes))
        again = same & found & (area(intersect(truth.boxes, box)) >= 0.5 * least)
        counts["duplicates" if again.any() else "false"] += 1
    return counts


def render_table(results: dict[str, Any]) -> str:
    """Return the counts as the table in docs/prediction.md."""
    lines = [
        "| images, predicted | objects | found | found twice | found where nothing is |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, counts in results.items():
        if name != "machine":
            values = (counts["objects"], counts["found"], counts["duplicates"], counts["false"])
            lines.append(f"| {name} | {' | '.join(map(str, values))} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Predict both kinds of images both ways."""
    reader = BoxDataset(read_coco(SCENES, Part("val", "val"), report=refuse))
    results: dict[str, Any] = {}
    for kind, large in (("small objects", 0), ("small and large objects", LARGE)):
        samples = (reader[index % len(reader)] for index in range(IMAGES * SIDE * SIDE))
        images = [place(samples, large) for _ in range(IMAGES)]
        for name, tile in (("whole", None), ("tiles", TILE)):
            predictions = Predictor(CHECKPOINT, threshold=0.5, tile=tile)(image.image for image in images)
            counts = [count(*pair) for pair in zip(predictions, images, strict=True)]
            results[f"{kind}, {name}"] = {key: sum(entry[key] for entry in counts) for key in counts[0]}
    save("tiling", results)


if __name__ == "__main__":
    main()
