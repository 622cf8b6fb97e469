"""Train and evaluate on real data as a user would, check the numbers against the official tools, write them as JSON.

Usage:
    python benchmarks/real_data.py bccd   --data DIR --runs DIR    # COCO layout: train, val, test
    python benchmarks/real_data.py bccd_tensorflow --data DIR --runs DIR    # the same by TensorFlow's preset
    python benchmarks/real_data.py bccd_torchvision --data DIR --runs DIR   # and by torchvision's
    python benchmarks/real_data.py camvid --data DIR --runs DIR    # Cityscapes layout: train, val, test
    python benchmarks/real_data.py coco128 --data DIR --runs DIR   # COCO layout: train2017, val2017

A run that is there already is not trained again. The numbers land in benchmarks/results/NAME.json.
"""

import argparse
import contextlib
import io
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tasks.detection.metrics import SUMMARY

RESULTS = Path(__file__).parent / "results"
TRAIN = {
    "bccd": ["experiment=bccd_ssdlite"],
    "bccd_tensorflow": ["experiment=bccd_ssdlite", "task=ssdlite_tensorflow"],
    "bccd_torchvision": ["experiment=bccd_ssdlite", "task=ssdlite_torchvision"],
    "camvid": ["experiment=camvid_lraspp"],
    "coco128": ["task=ssdlite", "backbone=large", "dataset=coco", "trainer.max_epochs=5", "batch_size=16", "lr=0.05"],
}
SPLIT = {"coco128": "val2017", **dict.fromkeys(("bccd", "bccd_tensorflow", "bccd_torchvision", "camvid"), "test")}


def run_command(name: str, options: list[str]) -> float:
    """Run `python -m tasks.NAME` and return its minutes."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", f"tasks.{name}", *options], check=True)
    return round((time.perf_counter() - start) / 60, 1)


def check_coco(metrics: dict[str, Any], results: Path, annotations: Path) -> dict[str, float]:
    """Return the largest difference of the twelve numbers from pycocotools on the file's own ids."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(annotations)
        evaluator = COCOeval(truth, truth.loadRes(str(results)), "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    pairs = zip(SUMMARY, evaluator.stats.tolist(), strict=True)
    return {
        "largest difference from pycocotools": max(
            abs((metrics[name] or 0.0) - max(value, 0.0)) for name, value in pairs
        )
    }


def check_cityscapes(metrics: dict[str, Any], predictions: Path, truth: Path) -> dict[str, float]:
    """Return the official script's mean IoU and the largest difference from it, over all classes."""
    from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official  # noqa: N813

    official.args.quiet, official.args.JSONOutput, official.args.evalInstLevelScore = True, False, False
    masks = sorted(truth.glob("*/*_gtFine_labelIds.png"))
    names = [mask.name.removesuffix("_gtFine_labelIds.png") for mask in masks]
    found = [str(predictions / f"{name}_leftImg8bit.png") for name in names]
    with contextlib.redirect_stdout(io.StringIO()):
        scores = official.evaluateImgLists(found, [str(mask) for mask in masks], official.args)
    ious = {name: value for name, value in scores["classScores"].items() if value == value}  # without NaN
    return {
        "official mIoU": scores["averageScoreClasses"],
        "largest difference from the official script": max(
            abs(metrics["mIoU"] - scores["averageScoreClasses"]),
            *(abs((metrics["iou"][name] or 0.0) - value) for name, value in ious.items()),
        ),
    }


def main() -> None:
    """Run one data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(TRAIN))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    args = parser.parse_args()
    run, evaluated = args.runs / args.name, args.runs / f"{args.name}-{SPLIT[args.name]}"
    options = [*TRAIN[args.name], f"dataset.root={args.data}", f"out={run}", "trainer.progress_bar=false"]
    minutes = None if (run / "metrics.json").is_file() else run_command("train", options)
    if not (evaluated / "metrics.json").is_file():
        checkpoint = f"checkpoint={run / 'checkpoints/best.ckpt'}"
        run_command("evaluate", [checkpoint, f"dataset.val={SPLIT[args.name]}", f"out={evaluated}"])
    metrics = json.loads((evaluated / "metrics.json").read_text())
    if args.name == "camvid":
        checks = check_cityscapes(metrics, evaluated / "predictions", args.data / "gtFine" / SPLIT[args.name])
    else:
        annotations = args.data / "annotations" / f"instances_{SPLIT[args.name]}.json"
        checks = check_coco(metrics, evaluated / "results.json", annotations)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout
    content = {
        "command": f"python -m tasks.train {' '.join(TRAIN[args.name])} dataset.root=DIR",
        "evaluated on": SPLIT[args.name],
        "seed": 0,
        "commit": commit.strip(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}",
        "training minutes": minutes,
        "checks": checks,
        "metrics": metrics,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{args.name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({"checks": checks, "minutes": minutes, **metrics}, indent=1))


if __name__ == "__main__":
    main()
