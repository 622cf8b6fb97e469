"""What the loading processes hold each for themselves after an epoch, for few and for many annotated images.

Usage:
    python -m benchmarks.loading_memory    # writes benchmarks/results/loading_memory.json; Linux

The images are links to one small file, with seven boxes each: were annotations copied into the workers, their own
memory would grow with the number of images.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.timing import save
from data.batches import collate_detection
from data.boxes import BoxDataset
from data.findings import refuse
from data.formats.coco import read_coco
from data.loading import Transformed, build_loader
from data.splits import Part
from data.transforms import DetectionTransform

IMAGES, WORKERS = (1000, 20_000), (1, 2, 4)
MIB = 2**20


def write_images(root: Path, count: int) -> BoxDataset:
    """Write a COCO file of `count` links to one image of 48 x 64 pixels."""
    folder = root / str(count)
    folder.mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(root / "image.jpg")
    boxes = [[x, 4, 20, 30] for x in range(0, 42, 6)]
    for index in range(count):
        (folder / f"{index:012d}.jpg").hardlink_to(root / "image.jpg")
    content = {
        "images": [{"id": i, "file_name": f"{i:012d}.jpg", "height": 48, "width": 64} for i in range(count)],
        "categories": [{"id": 1, "name": "thing"}],
        "annotations": [
            {"id": len(boxes) * i + n, "image_id": i, "category_id": 1, "bbox": box, "area": 600, "iscrowd": 0}
            for i in range(count)
            for n, box in enumerate(boxes)
        ],
    }
    (root / f"{count}.json").write_text(json.dumps(content))
    return BoxDataset(read_coco(root, Part("train", str(count)), report=refuse))


def read_memory(process: int) -> tuple[int, int]:
    """Return what a process holds for itself, and with its share of what is shared (USS, PSS), in bytes."""
    rows = (line.split() for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:])
    sizes = {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows}
    return sizes["Private_Clean"] + sizes["Private_Dirty"], sizes["Pss"]


def measure(reader: BoxDataset, workers: int) -> dict[str, Any]:
    """Run an epoch and return the memory of the workers in MiB."""
    data = Transformed(reader, DetectionTransform((32, 32)), seed=0)
    loader = build_loader(data, collate=collate_detection, batch_size=64, shuffle=True, workers=workers)
    for _ in loader:
        pass
    found = [read_memory(worker.pid) for worker in loader._iterator._workers]  # type: ignore[union-attr]
    own, total = (sum(column) / MIB for column in zip(*found, strict=True))
    return {"own, a worker": own / workers, "with its share, all workers": total}


def main() -> None:
    """Measure for each number of images and of workers."""
    with tempfile.TemporaryDirectory() as name:
        readers = {count: write_images(Path(name), count) for count in IMAGES}
        results = {
            f"{count} images": {f"{workers} workers, MiB": measure(reader, workers) for workers in WORKERS}
            for count, reader in readers.items()
        }
    save("loading_memory", results)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
