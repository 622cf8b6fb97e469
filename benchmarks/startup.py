"""What a training run does before its first step, how long each part takes, and the memory at the peak.

Usage:
    python -m benchmarks.startup draw FOLDER              # once: 190,000 links, 63,000 text files, 412 MB of JSON
    python -m benchmarks.startup measure FOLDER --label after

Each run is a process of its own, ended at its first step. The data sets are drawn: `coco` has as many images, boxes and
bytes of JSON as COCO's train2017, polygons and crowds among them; `yolo` has 60,000 images; `scenes` is the synthetic
street scenes. Images are links to a few small files. A first run finds no cache of labels, a second one
finds that of the first. Results are kept by label in benchmarks/results/startup.json.
"""

import argparse
import contextlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

COCO = {"train": (118_287, 830_000), "val": (5_000, 36_000)}  # images, boxes
YOLO = {"train": 60_000, "val": 3_000}  # images
SCENES = {"train": 200, "val": 40}
CLASSES = 80
SIZE = (96, 128)  # (height, width) of the images in pixels
FILES = 32  # that the images are links to
POINTS = 19.0  # of a polygon, on average: 830,000 of them make 380 MB
CROWD = 0.01  # share of the boxes
STAGES = {  # what is timed, as the functions that a run calls
    "reading labels": "data.datasets.read_labels",
    "checking images": "data.boxes.check_images",
    "checking boxes": "data.boxes.keep_good",
    "listing inputs": "tasks.train.command.list_inputs",
    "writing inputs": "tasks.train.command.write_inputs",
    "recording the run": "tasks.train.command.record_run",
    "building the model": "tasks.train.command.build_module",
    "loaders": "tasks.train.command.make_loaders",
}
SPLITS = ("dataset.train=train", "dataset.val=val")
RUNS = {  # overrides of each run; FOLDER stands for that of the data sets
    "coco": ("task=ssdlite", "backbone=large", "dataset=coco", "dataset.root={folder}/coco", *SPLITS),
    "yolo": ("task=ssdlite", "backbone=large", "dataset=yolo", "dataset.root={folder}/yolo"),
    "scenes": ("task=ssdlite", "backbone=small", "dataset=coco", "dataset.root={folder}/scenes/coco", *SPLITS),
}
SHOWN = {  # in docs/performance.md
    "coco": "118,287 images, 830,000 boxes, 395 MB of JSON",
    "yolo": "60,000 images with YOLO's text files",
    "scenes": "200 street scenes, Small",
}
RESULT = "BNECK_STARTUP_RESULT"  # names the file that a process writes its numbers to


class FirstStepError(Exception):
    """Ends a run that has come to its first step."""


def draw(folder: Path) -> None:
    """Draw the data sets of COCO's size and of 60,000 YOLO files, and a few scenes."""
    from data.synthetic.writing import write_synthetic  # late, as all that a run imports is timed

    generator = np.random.default_rng(0)
    pictures = draw_pictures(folder / "pictures", generator)
    for split, (images, boxes) in COCO.items():
        link(pictures, folder / "coco" / split, images)
        annotations = folder / "coco/annotations"
        annotations.mkdir(exist_ok=True)
        write_coco(annotations / f"instances_{split}.json", images, boxes, generator)
    for split, images in YOLO.items():
        link(pictures, folder / "yolo/images" / split, images)
        write_yolo(folder / "yolo/labels" / split, images, generator)
    write_synthetic(folder / "scenes", **SCENES)
    (folder / "yolo/data.yaml").write_text(json.dumps({"names": [f"class {k}" for k in range(CLASSES)]}))


def draw_pictures(folder: Path, generator: np.random.Generator) -> list[Path]:
    """Write the files that all images are links to."""
    from PIL import Image

    folder.mkdir(parents=True)
    paths = [folder / f"{index}.jpg" for index in range(FILES)]
    for path in paths:
        Image.fromarray(generator.integers(0, 256, (*SIZE, 3), dtype=np.uint8)).save(path)
    return paths


def link(pictures: list[Path], folder: Path, count: int) -> None:
    """Fill a folder with links to pictures."""
    folder.mkdir(parents=True)
    for index in range(count):
        (folder / f"{index:012d}.jpg").hardlink_to(pictures[index % len(pictures)])


def draw_boxes(count: int, generator: np.random.Generator) -> np.ndarray:
    """Return boxes (N, 4) inside the images: left, top, width, height in pixels, with two decimals."""
    corners = np.sort(generator.uniform(0, 1, (count, 2, 2)), axis=1) * SIZE[::-1]  # (N, 2, 2) x, y
    boxes = np.concatenate([corners[:, 0], np.maximum(corners[:, 1] - corners[:, 0], 1)], axis=1)
    boxes[:, :2] = np.minimum(boxes[:, :2], np.array(SIZE[::-1]) - boxes[:, 2:])
    return boxes.round(2)


def write_coco(path: Path, images: int, count: int, generator: np.random.Generator) -> None:
    """Write annotations as cocodataset.org's are: polygons around each box, a few crowds as run lengths."""
    height, width = SIZE
    owners, labels = generator.integers(0, images, count), generator.integers(1, CLASSES + 1, count)
    boxes, crowd = draw_boxes(count, generator), generator.uniform(size=count) < CROWD
    lengths = 3 + generator.poisson(POINTS - 3, count)
    with path.open("w") as file:
        categories = [{"supercategory": "thing", "id": k, "name": f"class {k}"} for k in range(1, CLASSES + 1)]
        pictures = [
            {
                "license": 3,
                "file_name": f"{i:012d}.jpg",
                "coco_url": f"http://images.cocodataset.org/{path.stem}/{i:012d}.jpg",
                "height": height,
                "width": width,
                "date_captured": "2013-11-14 11:18:45",
                "flickr_url": f"http://farm9.staticflickr.com/8186/{i:010d}_c88ea7ff15_z.jpg",
                "id": i,
            }
            for i in range(images)
        ]
        file.write(f'{{"info": {{}}, "images": {json.dumps(pictures)}, "categories": {json.dumps(categories)}, ')
        file.write('"annotations": [')
        for index in range(count):
            x, y, w, h = boxes[index].tolist()
            points = generator.uniform(size=(lengths[index], 2)) * (w, h) + (x, y)
            outline: Any = [[x, y, *points.round(2).ravel().tolist(), round(x + w, 2), round(y + h, 2)]]
            if crowd[index]:
                outline = {"counts": lengths[: lengths[index] * 5].tolist(), "size": [height, width]}
            entry = {
                "segmentation": outline,
                "area": round(w * h * 0.6, 4),
                "iscrowd": int(crowd[index]),
                "image_id": int(owners[index]),
                "bbox": [x, y, w, h],
                "category_id": int(labels[index]),
                "id": index + 1,
            }
            file.write(", " * (index > 0) + json.dumps(entry))
        file.write("]}")


def write_yolo(folder: Path, images: int, generator: np.random.Generator) -> None:
    """Write a text file for each image, of up to 14 boxes."""
    folder.mkdir(parents=True)
    for index in range(images):
        boxes = draw_boxes(int(generator.integers(0, 15)), generator) / (*SIZE[::-1], *SIZE[::-1])
        labels = generator.integers(0, CLASSES, len(boxes))
        rows = [(k, x + w / 2, y + h / 2, w, h) for k, (x, y, w, h) in zip(labels, boxes.tolist(), strict=True)]
        (folder / f"{index:012d}.txt").write_text("".join("{} {:.6f} {:.6f} {:.6f} {:.6f}\n".format(*r) for r in rows))


def measure(name: str, folder: Path, cache: Path) -> dict[str, Any]:
    """Start a run in a process of its own, and return what it wrote at its first step."""
    with tempfile.TemporaryDirectory() as out:
        result = Path(out) / "result.json"
        overrides = [option.format(folder=folder) for option in RUNS[name]]
        environment = {**os.environ, RESULT: str(result), "XDG_CACHE_HOME": str(cache)}
        command = [sys.executable, "-m", "benchmarks.startup", "run", *overrides, f"out={out}/run"]
        start = time.time()
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if not result.is_file():
            raise RuntimeError(f"{name}: no first step\n{done.stderr}")
        values = json.loads(result.read_text())
    seconds = round(values.pop("ended") - start, 2)
    return {"seconds": seconds, "cpu_seconds": round(values.pop("cpu"), 2), **values}


def run() -> None:
    """Be the command `tasks.train`, timed, up to its first step."""
    stages: dict[str, float] = {}
    with timed(stages, "imports"):
        from tasks.train.__main__ import main

        import_module("tasks.train.command")
    for stage, place in STAGES.items():
        wrap(place, stages, stage)
    lightning = import_module("tasks.detection.module").DetectionModule
    lightning.training_step = stop
    sys.argv = ["tasks.train", *sys.argv[2:], "debug=true"]
    with contextlib.suppress(FirstStepError):
        main()
    ended, cpu = time.time(), time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    values = {
        "ended": ended,
        "cpu": cpu,
        "peak_mib": round(peak),
        "stages": {k: round(v, 2) for k, v in stages.items()},
    }
    Path(os.environ[RESULT]).write_text(json.dumps(values))


def stop(*arguments: Any) -> None:
    """Stand in for the first step.

    Raises:
        FirstStepError: always.
    """
    raise FirstStepError


@contextlib.contextmanager
def timed(stages: dict[str, float], stage: str) -> Iterator[None]:
    """Add the seconds that a block takes to those of a stage."""
    start = time.perf_counter()
    yield
    stages[stage] = stages.get(stage, 0.0) + time.perf_counter() - start


def wrap(place: str, stages: dict[str, float], stage: str) -> None:
    """Have a function add its seconds to those of a stage."""
    module, _, name = place.rpartition(".")
    function: Callable[..., Any] = getattr(import_module(module), name)

    def wrapped(*arguments: Any, **options: Any) -> Any:
        with timed(stages, stage):
            return function(*arguments, **options)

    setattr(import_module(module), name, wrapped)


def measure_all(folder: Path, repeats: int) -> dict[str, Any]:
    """Measure each run without a cache of labels, and with the one that it left; of the scenes the second run alone."""
    rows: dict[str, Any] = {}
    for name in RUNS:
        first, second = [], []
        for _ in range(repeats):
            cache = Path(tempfile.mkdtemp())
            try:
                first.append(measure(name, folder, cache))
                second.append(measure(name, folder, cache))
            finally:
                shutil.rmtree(cache)
        rows[f"{name}, first"], rows[f"{name}, second"] = choose(first), choose(second)
        print(name, json.dumps({key: rows[key] for key in rows if key.startswith(name)}, indent=1))
    return rows


def choose(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the run of the median time, with the range of all."""
    times = sorted(run["seconds"] for run in runs)
    middle = next(run for run in runs if run["seconds"] == statistics.median_low(times))
    return {**middle, "range": [times[0], times[-1]]}


def render_table(runs: dict[str, Any]) -> str:
    """Return docs/performance.md's table: before and after, without and with what an earlier start kept."""
    lines = ["| data | start | seconds to the first step | CPU seconds | peak memory |", "|---|---|---:|---:|---:|"]
    for name, what in SHOWN.items():
        for start, label, row in (
            ("before", "before", "first"),
            ("the first", "after", "first"),
            ("afterwards", "after", "second"),
        ):
            run = runs[label][f"{name}, {row}"]
            lines.append(
                f"| {what} | {start} | {run['seconds']:.1f} | {run['cpu_seconds']:.1f} | {run['peak_mib']} MiB |"
            )
    return "\n".join(lines)


def main() -> None:
    """Draw, or measure and write benchmarks/results/startup.json."""
    if sys.argv[1:2] == ["run"]:
        return run()
    from benchmarks.timing import RESULTS, save  # late, as they import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("draw", "measure"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--label", default="after", help="of the numbers in the results")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    if options.action == "draw":
        return draw(options.folder)
    path = RESULTS / "startup.json"
    known = json.loads(path.read_text())["runs"] if path.is_file() else {}
    save("startup", {"runs": {**known, options.label: measure_all(options.folder.resolve(), options.repeats)}})
    return None


if __name__ == "__main__":
    main()
