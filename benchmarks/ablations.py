"""What each part of the training recipes is worth: the same run with and without it, over seeds.

Usage:
    python -m benchmarks.ablations bccd --data DIR --runs DIR --backbone small --seeds 0 1 2     # COCO layout
    python -m benchmarks.ablations scenes --data datasets/synthetic --runs DIR                   # drawn if missing
    python -m benchmarks.ablations camvid --data DIR --runs DIR --variants default               # Cityscapes layout

Variants with a teacher need --teacher FILE, such as the model.safetensors of a run of --backbone large --keep; those
that start from other weights --weights FILE, such as that of a classifier.
Each run is `python -m tasks.train` on one thread, evaluated once, after the last epoch. The numbers
land in benchmarks/results/ablations_STUDY_BACKBONE.json as they come; what stands there already is not run again.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.timing import RESULTS
from tasks.files import write_json

TEACHER, START = "TEACHER", "START"  # stand in options for the files that --teacher and --weights give
DISTILLED = (f"distill.teacher={TEACHER}",)


class Study(NamedTuple):
    """One data set and what is tried on it."""

    options: tuple[str, ...]  # of every run
    metrics: tuple[str, ...]  # noted from metrics.json, the deciding one first
    variants: dict[str, tuple[str, ...]]  # name -> further options
    splits: tuple[str, ...] = ("val", "test")  # measured on, that of training first


STUDIES = {
    "bccd": Study(
        ("experiment=bccd_ssdlite", "trainer.check_val_every_n_epoch=50"),
        ("mAP", "AP50", "AP75"),
        {
            "default": (),
            "matching by IoU, hard negatives": (
                "loss.assignment=iou",
                "loss.box=smooth_l1",
                "loss.box_weight=1",
                "model.scores=softmax",
            ),
            "smooth L1": ("loss.box=smooth_l1", "loss.box_weight=1"),
            "fitted anchors": ("model.shapes=data",),
            "no averaged weights": ("trainer.ema_decay=0",),
            "no colours": ("augmentation.color=0",),
            "no crops": ("augmentation.crop=0",),
            "zoomed out for half of the samples": ("augmentation.zoom_out=0.5",),
            "started from a classifier": (f"weights={START}",),
            "Large as the teacher": DISTILLED,
        },
    ),
    "scenes": Study(
        ("experiment=demo_lraspp",),
        ("mIoU", "pixel_accuracy"),
        {
            "default": (),
            "cross-entropy alone": ("loss.dice=0",),
            "hardest 30 % of the pixels": ("loss.ohem=0.3",),
            "Lovasz for Dice": ("loss.dice=0", "loss.lovasz=1"),
            "auxiliary head": ("loss.aux_weight=0.4",),
            "label smoothing": ("loss.label_smoothing=0.1",),
            "crops around rare classes": ("augmentation.rare_crops=0.5",),
            "no averaged weights": ("trainer.ema_decay=0",),
            "no colours": ("augmentation.color=0",),
            "Large as the teacher": DISTILLED,
        },
        ("val",),
    ),
    "camvid": Study(
        ("experiment=camvid_lraspp", "trainer.check_val_every_n_epoch=16"),
        ("mIoU", "pixel_accuracy"),
        {
            "default": (),
            "cross-entropy alone": ("loss.dice=0",),
            "hardest 30 % of the pixels": ("loss.ohem=0.3",),
            "Lovasz for Dice": ("loss.dice=0", "loss.lovasz=1"),
            "auxiliary head": ("loss.aux_weight=0.4",),
            "crops around rare classes": ("augmentation.rare_crops=0.5",),
            "started from a classifier": (f"weights={START}",),
        },
    ),
}


def run(name: str, *options: str) -> None:
    """Run `python -m tasks.NAME OPTIONS` on one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", f"tasks.{name}", *options, "dataset.workers=0"]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def measure(study: Study, options: tuple[str, ...], *, data: Path, folder: Path, keep: bool) -> dict[str, Any]:
    """Train and evaluate once; the folder is removed afterwards, unless it is to be kept."""
    places = {split: folder.with_name(f"{folder.name}-{split}") for split in study.splits}
    places["val"] = folder
    for left in places.values():  # of a run that was cut off
        shutil.rmtree(left, ignore_errors=True)
    start = time.perf_counter()
    options = (*study.options, *options, "dataset.cache=memory", "trainer.progress_bar=false")
    run("train", *options, f"dataset.root={data}", f"out={folder}")
    minutes = (time.perf_counter() - start) / 60
    for split in study.splits[1:]:
        run("evaluate", f"checkpoint={folder / 'model.safetensors'}", f"dataset.val={split}", f"out={places[split]}")
    found = {}
    for split, place in places.items():
        metrics = json.loads((place / "metrics.json").read_text(encoding="utf-8"))
        found[split] = {name: round(metrics[name], 4) for name in study.metrics}
    for place in () if keep else places.values():
        shutil.rmtree(place)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout
    return {**found, "minutes": round(minutes, 1), "commit": commit.strip()}


def summarize(study: Study, seeds: dict[str, Any]) -> dict[str, Any]:
    """Return the mean of the deciding metric over seeds, and half the distance of the extremes."""
    name, values = study.metrics[0], {}
    for split in study.splits:
        found = [entry[split][name] for entry in seeds.values()]
        values[f"{split} {name}"] = round(statistics.mean(found), 4)
        values[f"{split} {name}, half the range"] = round((max(found) - min(found)) / 2, 4)
    return values


def render_table(content: dict[str, Any]) -> str:
    """Write the rows as a Markdown table: the mean over seeds of the deciding metric, and half the range."""
    rows = content["rows"]
    keys = [key for key in next(iter(rows.values())) if not key.endswith(("range", "options", "seeds"))]
    head = f"| variant | options | seeds | {' | '.join(keys)} | minutes a run |"
    lines = [head, "|---|---|---|" + "---:|" * (len(keys) + 1)]
    for name, row in rows.items():
        values = []
        for key in keys:
            spread = f" ± {row[f'{key}, half the range']:.3f}" if len(row["seeds"]) > 1 else ""
            values.append(f"{row[key]:.3f}{spread}")
        minutes = statistics.mean(entry["minutes"] for entry in row["seeds"].values())
        options = f"`{row['options']}`" if row["options"] else ""
        lines.append(f"| {name} | {options} | {', '.join(row['seeds'])} | {' | '.join(values)} | {minutes:.1f} |")
    return "\n".join(lines) + "\n"


def read_rows(path: Path) -> dict[str, Any]:
    """Return the rows that are there already."""
    rows: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.is_file() else {}
    return rows


def main() -> None:
    """Run the variants that are not there yet, seed by seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=sorted(STUDIES))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--backbone", default="small")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--variants", nargs="+")
    parser.add_argument("--teacher", type=Path, help="checkpoint, for the variants that have a teacher")
    parser.add_argument("--weights", type=Path, help="checkpoint, for the variants that start from one")
    parser.add_argument("--keep", action="store_true", help="leave the folders of the runs")
    args = parser.parse_args()
    study, path = STUDIES[args.study], RESULTS / f"ablations_{args.study}_{args.backbone}.json"
    names = args.variants or list(study.variants)
    files = {TEACHER: args.teacher, START: args.weights}
    for placeholder, option in ((TEACHER, "--teacher"), (START, "--weights")):
        needing = [name for name in names if placeholder in " ".join(study.variants[name])]
        if needing and (files[placeholder] is None or not files[placeholder].is_file()):
            parser.error(f"{option}: {files[placeholder]}; expected a checkpoint for {', '.join(map(repr, needing))}")
    for seed in args.seeds:
        for name in names:
            if str(seed) in read_rows(path).get(name, {}).get("seeds", {}):
                continue
            variant = (
                option.replace(TEACHER, str(args.teacher)).replace(START, str(args.weights))
                for option in study.variants[name]
            )
            options = (f"backbone={args.backbone}", *variant, f"seed={seed}")
            words = re.sub(r"\W+", "_", name)  # a comma in a path would be Hydra's
            folder = args.runs / f"{args.study}-{args.backbone}-{words}-{seed}"
            entry = measure(study, options, data=args.data, folder=folder, keep=args.keep)
            rows = read_rows(path)  # again: another process may have added to it
            row = rows.setdefault(name, {"options": " ".join(study.variants[name]), "seeds": {}})
            row["seeds"][str(seed)] = entry
            row |= summarize(study, row["seeds"])
            command = " ".join(("python -m tasks.train", *study.options, f"backbone={args.backbone}"))
            content = {"command": command, "torch": str(torch.__version__), "threads": 1, "rows": rows}
            write_json(path, content)
            print(name, seed, entry, flush=True)
    print(render_table(json.loads(path.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
