"""What reading a million annotated images from shards takes of the memory, and whether that grows while they are read.

Usage:
    python -m benchmarks.stream_memory    # writes benchmarks/results/stream_memory.json; Linux

The index is made up: two hundred images of noise are in shards, and the million stand for them in turn, with seven
boxes each, under names of their own. What is measured is what this process and those that load hold.
"""

import json
import os
import tempfile
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.loading_memory import MIB, read_memory
from benchmarks.timing import save
from data.batches import collate_detection
from data.boxes import BoxDataset
from data.classes import ClassTable
from data.config import DatasetConfig
from data.datasets import open_boxes
from data.loading import Transformed, build_loader
from data.shards.packing import Packing
from data.shards.samples import pack_names
from data.transforms import DetectionTransform
from tasks.shard.places import FolderPlace
from tasks.shard.writing import write_index, write_shards

IMAGES, REAL, BOXES = (10_000, 1_000_000), 200, 7
WORKERS, BATCH = 2, 64
BATCHES = (20, 100, 200)  # after which memory is read
KINDS = ("own, this process", "own, a worker", "with its share, all")


def write_set(root: Path, count: int) -> DatasetConfig:
    """Write shards of REAL images, and an index in which `count` stand for them."""
    reader, place = open_real(root), FolderPlace(root / f"{count}/train")
    rows = np.arange(count) % REAL
    names, ends = pack_names([f"camera_{index // 1000:05d}/{index:09d}.jpg" for index in range(count)])
    labels = {
        "name_text": names,
        "name_end": ends,
        "image_id": np.arange(count),
        "size": reader.sizes[rows],
        "upright": np.ones(count, dtype=bool),
        "count": np.full(count, BOXES),
        "label": np.zeros(count * BOXES, dtype=np.int64),
        "box_xywh": np.tile([[4.0, 4.0, 20.0, 30.0]], (count * BOXES, 1)),
        "area": np.full(count * BOXES, 600.0),
        "crowd": np.zeros(count * BOXES, dtype=bool),
    }
    packing = Packing("boxes", {}, lambda index: {"number": index})
    index, places = write_shards(reader, packing, place, source="noise", most=2**20, title="")
    index.images = count
    write_index(index, {**{name: array[rows] for name, array in places.items()}, **labels}, place)
    return DatasetConfig("stream", str(root / str(count)), "train", "val")


def open_real(root: Path) -> BoxDataset:
    """Write REAL images of 48 x 64 pixels, and open them."""
    folder = root / "real"
    if not folder.exists():
        folder.mkdir()
        for index in range(REAL):
            pixels = np.random.default_rng(index).integers(0, 256, (48, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{index}.jpg")
        images = [{"id": i, "file_name": f"{i}.jpg", "height": 48, "width": 64} for i in range(REAL)]
        boxes = [{"id": 0, "image_id": 0, "category_id": 1, "bbox": [0, 0, 9, 9], "area": 81, "iscrowd": 0}]
        content = {"images": images, "categories": [{"id": 1, "name": "thing"}], "annotations": boxes}
        (root / "real.json").write_text(json.dumps(content))
    config = DatasetConfig("coco", str(root), "real", "val", annotations={"train": "real.json"})
    return open_boxes(config, "train", classes=ClassTable.create(["thing"], [1]))


def measure(config: DatasetConfig) -> dict[str, Any]:
    """Read batches and return the memory in MiB, at several moments."""
    before, _ = read_memory_here()
    reader = open_boxes(config, "train")
    results: dict[str, Any] = {"opened, this process": (read_memory_here()[0] - before) / MIB}
    data = Transformed(reader, DetectionTransform((32, 32)), seed=0)
    loader = build_loader(data, collate=collate_detection, batch_size=BATCH, shuffle=True, workers=WORKERS, block=None)
    batches, done = cycle(loader), 0
    for count in BATCHES:
        for _ in islice(batches, count - done):
            pass
        done = count
        workers = [read_memory(worker.pid) for worker in loader._iterator._workers]  # type: ignore[union-attr]
        own, shared = read_memory_here()
        values = (own, sum(w for w, _ in workers) / WORKERS, shared + sum(s for _, s in workers))
        results[f"after {count} batches"] = {kind: value / MIB for kind, value in zip(KINDS, values, strict=True)}
    return results


def read_memory_here() -> tuple[int, int]:
    """Return what this process holds, see `read_memory`."""
    return read_memory(os.getpid())


def cycle(loader: Any) -> Any:
    """Give the batches of one epoch after the other."""
    while True:
        yield from loader


def main() -> None:
    """Measure for each number of images."""
    with tempfile.TemporaryDirectory() as name:
        results = {f"{count} images": measure(replace(write_set(Path(name), count), workers=0)) for count in IMAGES}
    save("stream_memory", {"workers": WORKERS, "batch": BATCH, "MiB": results})
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
