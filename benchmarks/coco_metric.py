"""COCO's metric beside pycocotools, the referee, and faster-coco-eval: the time, and every number to the last bit.

Usage:
    pip install faster-coco-eval        # a peer that nothing else needs
    python -m benchmarks.coco_metric    # writes benchmarks/results/coco_metric.json
"""

import importlib.metadata
import json
import time
from functools import partial
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

from benchmarks.evaluation_speed import make_data_set, use_one_thread
from benchmarks.timing import compare, save
from tasks.detection.metrics import accumulate, evaluate_detections
from tests.support.coco_sets import ask_pycocotools, make_set

SETS = 2000
ARRAYS = ("precision", "recall", "scores")


def ask_faster_coco_eval(truth: dict[str, Any], results: list[dict[str, Any]]) -> COCOeval_faster:
    """Run faster-coco-eval, silently, with results as a second ground truth: loadRes fails on an empty list."""
    boxes = [{**r, "area": r["bbox"][2] * r["bbox"][3], "iscrowd": 0} for r in results]
    pair = [
        COCO({**truth, "annotations": [{**box, "id": number} for number, box in enumerate(annotations, start=1)]})
        for annotations in (truth["annotations"], boxes)
    ]
    evaluator = COCOeval_faster(*pair, iouType="bbox", print_function=lambda *_: None)
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    return evaluator


def compare_numbers(sets: int) -> dict[str, Any]:
    """Count in how many random sets an array has one bit that is not pycocotools', and how far it is off at most."""
    found = {name: {"sets that differ": 0, "largest difference": 0.0} for name in ("hotcoco", "faster-coco-eval")}
    for seed in range(sets):
        case = make_set(seed)
        referee, ours, faster = ask_pycocotools(*case), accumulate(*case), ask_faster_coco_eval(*case)
        summary = [-1.0 if value is None else value for value in evaluate_detections(*case).summary.values()]
        expected = [*(referee.eval[name] for name in ARRAYS), referee.stats]
        candidates = {
            "hotcoco": [*(ours[name] for name in ARRAYS), np.array(summary)],
            "faster-coco-eval": [*(faster.eval[name] for name in ARRAYS), np.array(faster.stats[:12])],
        }
        for name, arrays in candidates.items():
            pairs = list(zip(arrays, expected, strict=True))
            found[name]["sets that differ"] += any(got.tobytes() != right.tobytes() for got, right in pairs)
            differences = [float(np.abs(got - right).max(initial=0)) for got, right in pairs]
            found[name]["largest difference"] = max(found[name]["largest difference"], *differences)
    return {"random sets": sets, **found}


def compare_times(images: int) -> dict[str, Any]:
    """Time the twelve numbers and the rest of `evaluate_detections` from results in memory."""
    case = make_data_set(images)
    summary = [float(value or 0.0) for value in evaluate_detections(*case).summary.values()]
    difference = float(np.abs(np.array(summary) - ask_pycocotools(*case).stats).max())
    ours, clock = partial(evaluate_detections, *case), time.process_time
    return {
        "images": images,
        "clock": "CPU time",
        "largest difference of the twelve numbers from pycocotools": difference,
        "beside pycocotools": compare(ours, partial(ask_pycocotools, *case), repeats=2, clock=clock),
        "beside faster-coco-eval": compare(ours, partial(ask_faster_coco_eval, *case), repeats=5, clock=clock),
    }


def main() -> None:
    """Run both on one thread."""
    use_one_thread()
    results = {
        "versions": {name: importlib.metadata.version(name) for name in ("hotcoco", "faster-coco-eval", "pycocotools")},
        "numbers": compare_numbers(SETS),
        "times": compare_times(images=5000),
    }
    save("coco_metric", results)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
