"""Decoding with suppression, one image, and COCO's metric, beside torchvision and pycocotools, on one thread.

Usage:
    python -m benchmarks.inference_speed    # writes benchmarks/results/inference_speed.json
"""

import contextlib
import io
import json
from typing import Any

import numpy as np
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import Tensor
from torchvision.models.detection import ssdlite320_mobilenet_v3_large
from torchvision.models.detection.ssd import SSD

from benchmarks.timing import compare, save
from heads.ssdlite import RawDetections
from tasks.benchmark.command import name_classes
from tasks.detection.detector import Detector
from tasks.detection.metrics import SUMMARY, evaluate_detections
from tasks.detection.postprocess import postprocess
from tasks.models.postprocessing import Postprocessing
from tests.support.peers import build_ssdlite, show_images
from tests.support.runs import describe, load_config

SIZE = (320, 320)


def build_ours() -> Detector:
    """Return a detector with torchvision's conventions and as many outputs."""
    config = load_config("train", "task=ssdlite_torchvision", "backbone=large")
    return Detector(describe(config, name_classes(90))).eval()


def compare_postprocessing(images: int) -> dict[str, Any]:
    """Decode and suppress the same raw predictions, by torchvision's rules, every class above the threshold."""
    peer, model = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None).eval(), build_ours()
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(images, len(model.anchors), 91, generator=generator)
    raw = RawDetections(logits, torch.randn(images, len(model.anchors), 4, generator=generator))
    outputs = {"cls_logits": raw.class_logits, "bbox_regression": raw.deltas}
    settings = Postprocessing(0.001, 0.55, max_detections=300, per_class=300)
    fast = Postprocessing()
    anchors = [model.anchors] * images

    def ours(chosen: Postprocessing) -> list[Any]:
        return postprocess(raw, model.anchors, size=SIZE, scores="softmax", settings=chosen)

    def theirs() -> list[dict[str, Tensor]]:
        return SSD.postprocess_detections(peer, outputs, anchors, [SIZE] * images)

    with torch.inference_mode():
        return {
            "images": images,
            "by torchvision's rules": compare(lambda: ours(settings), theirs, repeats=5),
            "by the default's": compare(lambda: ours(fast), theirs, repeats=5),
        }


def compare_one_image() -> dict[str, Any]:
    """Take one decoded image, resized, to boxes, on one thread, with the same weights for both."""
    peer, model = build_ssdlite(), build_ours().to(memory_format=torch.channels_last)
    images = show_images(SIZE)[:1].contiguous(memory_format=torch.channels_last)
    floats = [images[0].float() / 255]
    with torch.inference_mode():
        found = compare(lambda: model(images), lambda: peer(floats), repeats=30)
    return {**found, "share of torchvision's time": 1 / found["times_faster"]}


def make_data_set(images: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Make up ground truth and results of COCO's size: 80 classes, 7 boxes and 100 detections an image."""
    rng = np.random.default_rng(0)
    annotations, results = [], []
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


def compare_coco(images: int) -> dict[str, Any]:
    """Compute COCO's twelve numbers from results in memory."""
    truth, results = make_data_set(images)
    numbers: dict[str, list[float]] = {}

    def ours() -> None:
        summary = evaluate_detections(truth, results).summary
        numbers["ours"] = [float(summary[name] or 0.0) for name in SUMMARY]

    def theirs() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            coco = COCO()
            coco.dataset = truth
            coco.createIndex()
            evaluator = COCOeval(coco, coco.loadRes([dict(result) for result in results]), "bbox")
            evaluator.evaluate()
            evaluator.accumulate()
            evaluator.summarize()
        numbers["theirs"] = evaluator.stats.tolist()

    found = compare(ours, theirs, repeats=2)
    difference = max(abs(a - b) for a, b in zip(numbers["ours"], numbers["theirs"], strict=True))
    return {"images": images, **found, "largest difference of the twelve numbers": difference}


def main() -> None:
    """Run all three on one thread."""
    torch.set_num_threads(1)
    results = {
        "decoding and suppression": compare_postprocessing(images=16),
        "COCO evaluation": compare_coco(images=5000),
        "one image": compare_one_image(),
    }
    save("inference_speed", results)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
