"""The same images and boxes as trees of each format, for the tests."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

NAMES = ["cat", "dog", "axolotl"]  # of the indices 0 to 2
SIZES = {"a": (40, 60), "b": (50, 30), "c": (33, 47), "d": (64, 64)}  # stem -> height, width
BOXES = {  # stem -> class index, xywh; d has none
    "a": [(0, [10, 5, 20, 30]), (2, [0, 0, 60, 40])],
    "b": [(1, [3, 4, 12, 9])],
    "c": [(2, [46, 32, 1, 1]), (0, [1, 2, 3, 4])],
    "d": [],
}
SPLITS = {"train": ["a", "b", "d"], "val": ["c"]}


def save_image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(ord(path.stem[0])).integers(0, 256, (*SIZES[path.stem], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def yolo_text(stem: str) -> str:
    height, width = SIZES[stem]
    rows = [(k, (x + w / 2) / width, (y + h / 2) / height, w / width, h / height) for k, (x, y, w, h) in BOXES[stem]]
    return "".join("{} {:.6f} {:.6f} {:.6f} {:.6f}\n".format(*row) for row in rows)


def write_yolo(root: Path, *, images: str = "images/{}", labels: str = "labels/{}", yaml: str | None = None) -> Path:
    """Write Ultralytics' folders, or others, and a data.yaml unless it is ""."""
    for split, stems in SPLITS.items():
        for stem in stems:
            save_image(root / images.format(split) / f"{stem}.png")
            if BOXES[stem]:
                write_text(root / labels.format(split) / f"{stem}.txt", yolo_text(stem))
    if yaml is None:
        yaml = f"path: /not/here\ntrain: images/train\nval: images/val\nnames: {NAMES}\n"
    if yaml:
        write_text(root / "data.yaml", yaml)
    return root


def voc_text(stem: str, *, database: str = "Unknown", shift: int = 0, difficult: bool = False) -> str:
    height, width = SIZES[stem]
    objects = "".join(
        f"<object><name>{NAMES[k]}</name><difficult>{int(difficult)}</difficult><bndbox><xmin>{x + shift}</xmin>"
        f"<ymin>{y + shift}</ymin><xmax>{x + w}</xmax><ymax>{y + h}</ymax></bndbox></object>"
        for k, (x, y, w, h) in BOXES[stem]
    )
    size = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    source = f"<source><database>{database}</database></source>"
    return f"<annotation><filename>{stem}.png</filename>{source}{size}{objects}</annotation>"


def write_voc(root: Path, **options) -> Path:
    """Write the folders of the challenge."""
    for split, stems in SPLITS.items():
        for stem in stems:
            save_image(root / "JPEGImages" / f"{stem}.png")
            write_text(root / "Annotations" / f"{stem}.xml", voc_text(stem, **options))
        write_text(root / "ImageSets" / "Main" / f"{split}.txt", "".join(f"{stem}\n" for stem in stems))
    return root


def write_flat_voc(root: Path) -> Path:
    """Write XML beside the images, as labelImg and Roboflow do; none where there are no objects."""
    for split, stems in SPLITS.items():
        for stem in stems:
            save_image(root / split / f"{stem}.png")
            if BOXES[stem]:
                write_text(root / split / f"{stem}.xml", voc_text(stem))
    return root


def coco_content(stems: list[str]) -> dict:
    boxes = [(n, k, box) for n, stem in enumerate(stems) for k, box in BOXES[stem]]
    sizes = enumerate(SIZES[stem] for stem in stems)
    return {
        "images": [{"id": n, "file_name": f"{stems[n]}.png", "height": h, "width": w} for n, (h, w) in sizes],
        "categories": [{"id": k, "name": name, "supercategory": "animal"} for k, name in enumerate(NAMES)],
        "annotations": [
            {"id": i, "image_id": n, "category_id": k, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
            for i, (n, k, box) in enumerate(boxes)
        ],
    }


def write_coco(root: Path, *, images: str = "{}", annotations: str = "annotations/instances_{}.json") -> Path:
    """Write COCO's folders, or others."""
    for split, stems in SPLITS.items():
        for stem in stems:
            save_image(root / images.format(split) / f"{stem}.png")
        write_text(root / annotations.format(split), json.dumps(coco_content(stems)))
    return root
