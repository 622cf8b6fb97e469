"""Random COCO sets that hold what a metric may stumble over, and what pycocotools, the referee, makes of them."""

import contextlib
import copy
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

AREAS = (0.0, 1023.9999999, 1024.0, 9216.0, 9216.0000001, 2e10)  # beside COCOeval's limits


def make_set(seed):
    """Return ground truth and results; what they are like is drawn too.

    Few or no images, boxes, classes with boxes or detections; crowds; areas that are not width times height; ids that
    are negative or have gaps; over 100 detections of a class; equal scores and boxes; sides of 0; IoUs on thresholds.
    """
    rng = np.random.default_rng(seed)
    first = int(rng.choice([-20, 0, 1, 2**40]))
    image_ids = (first + rng.choice(60, rng.choice([0, 1, 2, 6, 20], p=[0.05, 0.2, 0.15, 0.4, 0.2]), False)).tolist()
    category_ids = (rng.choice(60, rng.choice([1, 2, 5]), False) - 10).tolist()
    kind, crowds = rng.choice(["fractions", "whole", "thresholds"]), rng.choice([0, 0.2, 1], p=[0.4, 0.5, 0.1])
    areas, levels = rng.choice(["own", "smaller", "limits"]), int(rng.choice([1, 3, 20, 10**6]))
    boxless, without = rng.choice([0, 0.3, 1], p=[0.45, 0.45, 0.1]), rng.choice([0, 0.3, 1], p=[0.45, 0.45, 0.1])
    annotations, results = [], []
    for image_id in image_ids:
        count = 0 if rng.random() < boxless else int(rng.integers(1, 12))
        boxes, labels = draw_boxes(rng, count, kind), rng.choice(category_ids[: 1 + len(category_ids) // 2], count)
        for box, label in zip(boxes.tolist(), labels.tolist(), strict=True):
            area = {"own": 1, "smaller": rng.uniform(0.2, 1)}.get(areas, 0) * box[2] * box[3] or rng.choice(AREAS)
            entry = {"image_id": image_id, "category_id": label, "bbox": box, "area": float(area)}
            annotations.append({**entry, "iscrowd": int(rng.random() < crowds)})
        if rng.random() < without:
            continue
        count = int(rng.choice([3, 15, 150], p=[0.4, 0.5, 0.1]))
        chosen = rng.integers(0, max(len(boxes), 1), count if len(boxes) else 0)
        moved = np.concatenate([move(rng, boxes[chosen], kind), draw_boxes(rng, count // 3, kind)])
        named = np.concatenate([labels[chosen], rng.choice(category_ids, count // 3)])
        for box, label in zip(moved.tolist(), named.tolist(), strict=True):
            score = float(rng.integers(0, levels + 1) / levels) - 0.1
            results.append({"image_id": image_id, "category_id": int(label), "bbox": box, "score": score})
    shuffled = [annotations[i] for i in rng.permutation(len(annotations))]
    truth = {
        "images": [{"id": i, "height": 480, "width": 640} for i in image_ids],
        "annotations": [{**annotation, "id": 5 + 3 * number} for number, annotation in enumerate(shuffled)],
        "categories": [{"id": i, "name": f"class {i}"} for i in category_ids],
    }
    return truth, [results[i] for i in rng.permutation(len(results))]


def draw_boxes(rng, count, kind):
    """Return (count, 4) xywh."""
    if kind == "fractions":
        return rng.uniform((-5, -5, 0, 0), (200, 200, 150, 150), (count, 4))
    boxes = rng.integers((0, 0, 0, 0), (20, 20, 25, 25), (count, 4)).astype(np.float64)
    if kind == "thresholds":
        boxes[:, 2] = rng.choice([20, 40, 100], count)
    return boxes


def move(rng, boxes, kind):
    """Return what a detector might find of the boxes, of some exactly these."""
    if kind == "thresholds":
        widths = boxes[:, 2:3] * rng.integers(9, 21, (len(boxes), 1)) / 20
        return np.concatenate([boxes[:, :2], widths, boxes[:, 3:]], axis=1)
    if kind == "whole":
        return np.maximum(boxes + rng.integers(-1, 2, boxes.shape), (-9, -9, 0, 0))
    return boxes * np.where(rng.random((len(boxes), 1)) < 0.2, 1, rng.normal(1, 0.08, boxes.shape).clip(0.5, 1.5))


def ask_pycocotools(ground_truth, results):
    """Return COCOeval after its three steps; loadRes itself fails on an empty list."""
    truth, found = COCO(), COCO()
    truth.dataset, found.dataset = copy.deepcopy(ground_truth), {**ground_truth, "annotations": []}
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        found.createIndex()
        evaluator = COCOeval(truth, truth.loadRes(copy.deepcopy(results)) if results else found, "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return evaluator
