"""Classes and files with names that no one would give them, from training to the exported file."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.faults.row import Row

PATIENCE = 300.0  # seconds for a command
SIZE = (64, 96)  # height, width
SCRIPT = "<script>alert(1)</script>&\"'"
CLASSES = (
    "$x^2$ \\frac{",
    "two\nlines\r\ttab",
    "\x1b[31mred\x07\x00nul",
    "half \ud83d",
    "\u202eRTL \u0645\u0631\u062d\u0628\u0627",
    "x" * 10_000,
    SCRIPT,
    "\u884c\u4eba \ud55c\uad6d \u65e5\u672c",
    "__proto__",
    "a/b\\c",
    "{0} %s ${oc.env:HOME} {{ 7*7 }} -->",
    "_background_",
)
FILES = ("a$b$", "new\nline", "<b>&", "\u202egnp", "\u884c\u4eba", "x" * 200, "'q\"", "sp ace %s{0}")
SETTINGS = ("backbone=small", "size=[64,96]", "batch_size=4", "trainer.max_epochs=2", "trainer.progress_bar=false")


def measure(count: int, folder: Path) -> list[Row]:
    """Take each task from training to an exported file, `count` times."""
    rows = []
    for task in ("ssdlite", "lraspp"):
        outcomes = [outcome for index in range(count) for outcome in go_through(task, folder / f"{task}_{index}")]
        failed = sorted({name for name, held in outcomes if not held})
        note = f"failed: {', '.join(failed)}" if failed else f"{len(CLASSES)} classes, {len(FILES)} files"
        rows.append(Row(f"names: commands of {task}", sum(held for _, held in outcomes), len(outcomes), note))
    return rows


def go_through(task: str, folder: Path) -> Iterator[tuple[str, bool]]:
    """Run the commands one after the other; give each one's name and whether it held."""
    images = write_boxes(folder / "data") if task == "ssdlite" else write_masks(folder / "data")
    data = ("dataset=coco", "dataset.train=train", "dataset.val=val") if task == "ssdlite" else ("dataset=masks",)
    run, model = folder / "run", f"checkpoint={folder / 'run/model.safetensors'}"
    train = (*SETTINGS, *data, f"dataset.root={folder / 'data'}", "dataset.workers=1", "trainer.accelerator=cpu")
    commands = {
        "train": (f"task={task}", *train, "trainer.log_images=1", f"out={run}"),
        "evaluate": (model, f"out={folder / 'evaluation'}", "dataset.workers=0"),
        "predict": (model, f"source={images}", f"out={folder / 'predicted'}"),
        "export": (model, "format=onnx", f"out={folder / 'onnx'}"),
        "compare": (str(run), str(folder / "evaluation")),
    }
    for name, options in commands.items():
        yield name, provoke(name, options)
    pages = [path.read_text(encoding="utf-8") for path in folder.rglob("*.html")]
    yield (
        "pages",
        len(pages) >= 3 and not any(SCRIPT[:16] in page or re.search("[\0\x1b\u202e]", page) for page in pages),
    )


def provoke(name: str, options: tuple[str, ...]) -> bool:
    """Run a command; tell whether it ended well and without a traceback."""
    command = [sys.executable, "-m", f"tasks.{name}", *options]
    run = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
    return run.returncode == 0 and b"Traceback" not in run.stderr


def write_images(folder: Path, *, colors: int | None = None) -> Path:
    """Write a noisy image of each name, or a mask of so many values."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in FILES:
        shape, most = ((*SIZE, 3), 256) if colors is None else (SIZE, colors)
        image = Image.fromarray(rng.integers(0, most, shape, dtype=np.uint8))
        with open(os.fsencode(folder / f"{name}.png"), "wb") as file:  # noqa: PTH123  # whatever the locale is
            image.save(file, "PNG")
    return folder


def write_boxes(root: Path) -> Path:
    """Write a COCO tree and return the folder of its evaluation images."""
    for split in ("train", "val"):
        write_images(root / split)
        entries = [
            {"id": i, "file_name": f"{name}.png", "height": SIZE[0], "width": SIZE[1]}
            for i, name in enumerate(FILES, 1)
        ]
        pairs = [(i, k) for i in range(1, len(FILES) + 1) for k in range(1, len(CLASSES) + 1)]
        boxes = [
            {"id": n, "image_id": i, "category_id": k, "bbox": [4 * k, 2 * k, 30, 25], "area": 750, "iscrowd": 0}
            for n, (i, k) in enumerate(pairs, 1)
        ]
        categories = [{"id": k, "name": name} for k, name in enumerate(CLASSES, 1)]
        path = root / "annotations" / f"instances_{split}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"images": entries, "annotations": boxes, "categories": categories}))
    return root / "val"


def write_masks(root: Path) -> Path:
    """Write folders of images and masks and return that of the evaluation images."""
    for split in ("train", "val"):
        write_images(root / "images" / split)
        write_images(root / "masks" / split, colors=len(CLASSES))
    (root / "classes.json").write_text(json.dumps(CLASSES))
    return root / "images/val"
