"""Decoding with suppression, and one image, beside torchvision, on one thread.

Usage:
    python -m benchmarks.inference_speed    # writes benchmarks/results/inference_speed.json
"""

import json
from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection import ssdlite320_mobilenet_v3_large
from torchvision.models.detection.ssd import SSD

from benchmarks.timing import compare, save
from heads.ssdlite import RawDetections
from tasks.benchmark.command import name_classes
from tasks.detection.detector import Detector
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


def main() -> None:
    """Run both on one thread."""
    torch.set_num_threads(1)
    results = {
        "decoding and suppression": compare_postprocessing(images=16),
        "one image": compare_one_image(),
    }
    save("inference_speed", results)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
