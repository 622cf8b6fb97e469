"""A small COCO tree, and changes to its JSON."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from data.boxes import BoxDataset
from data.findings import refuse
from data.formats.coco import read_coco
from data.splits import Part

HEIGHT, WIDTH = 40, 60


def content() -> dict:
    """Three images (the second without boxes), gapped and unsorted category ids, a crowd, an annotation id 0."""
    return {
        "images": [{"id": i, "file_name": f"{i}.png", "height": HEIGHT, "width": WIDTH} for i in (7, 3, 12)],
        "categories": [
            {"id": 90, "name": "toothbrush", "supercategory": "indoor"},
            {"id": 1, "name": "person", "supercategory": "person"},
            {"id": 13, "name": "stop sign"},
        ],
        "annotations": [
            {"id": 5, "image_id": 12, "category_id": 90, "bbox": [10, 5, 20.5, 30], "area": 300.5, "iscrowd": 0},
            {"id": 0, "image_id": 7, "category_id": 13, "bbox": [2, 3, 8, 9], "area": 72, "iscrowd": 0},
            {"id": 8, "image_id": 7, "category_id": 1, "bbox": [0, 0, 50, 35], "area": 1750, "iscrowd": 1},
            {"id": 9, "image_id": 12, "category_id": 1, "bbox": [50, 30, 30, 30]},
        ],
    }


def write(tmp_path: Path, values: object) -> tuple[Path, Path]:
    """Write the images that `content` lists, and any JSON; return the constructor's arguments."""
    images = tmp_path / "images"
    images.mkdir(parents=True, exist_ok=True)
    for image_id in (7, 3, 12):
        pixels = np.random.default_rng(image_id).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(images / f"{image_id}.png")
    (tmp_path / "set.json").write_text(json.dumps(values))
    return images, tmp_path / "set.json"


def open_coco(images: Path, annotations: Path, *, report=refuse, **options) -> BoxDataset:
    part = Part("train", images.name, annotations=annotations.name)
    labels = read_coco(images.parent, part, report=report)
    return BoxDataset(labels, report=report, **options)


def change(*keys: object, **fields: object):
    """Return a function that sets fields of the entry at `keys`; a value of ... deletes the field."""

    def apply(values: dict) -> dict:
        entry = values
        for key in keys:
            entry = entry[key]
        for name, value in fields.items():
            if value is ...:
                del entry[name]
            else:
                entry[name] = value
        return values

    return apply
