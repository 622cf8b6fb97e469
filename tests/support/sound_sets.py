"""Small data sets in which nothing is wrong, for tests that break them in one place."""

import json

import cv2
import numpy as np
from PIL import Image

CLASSES = ("car", "bus")
COUNTS = {"train": 12, "val": 10}
SIDE = 96  # pixels
# Options of a command that reads what `write_coco`, `write_yolo` and `write_masks` write.
COCO = ("dataset=coco", "dataset.train=train", "dataset.val=val")
YOLO = ("dataset=yolo",)
MASKS = ("task=lraspp", "dataset=masks", f"dataset.names=[{','.join(CLASSES)}]")


def draw_picture(seed):
    """Return a picture (SIDE, SIDE, 3) that is like no other."""
    rows = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return cv2.resize(rows, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def write_pictures(folder, split):
    """Write the pictures of a split, and return their names."""
    folder.mkdir(parents=True)
    names = [f"{split}_{number:02d}.png" for number in range(COUNTS[split])]
    for number, name in enumerate(names):
        Image.fromarray(draw_picture((len(split), number))).save(folder / name)
    return names


def write_coco(root):
    """Write a COCO tree: a car and a bus in every image; their ids are 1 and 2."""
    (root / "annotations").mkdir(parents=True)
    for split in COUNTS:
        names = write_pictures(root / split, split)
        images = [{"id": n, "file_name": name, "height": SIDE, "width": SIDE} for n, name in enumerate(names, start=1)]
        boxes = [
            {"id": 2 * n + k, "image_id": n, "category_id": k, "bbox": [6 + 42 * (k - 1), 24, 38, 38], "iscrowd": 0}
            for n in range(1, len(names) + 1)
            for k in (1, 2)
        ]
        categories = [{"id": k, "name": name} for k, name in enumerate(CLASSES, start=1)]
        document = {"images": images, "annotations": boxes, "categories": categories}
        (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(document))
    return root


def write_masks(root):
    """Write folders of images and masks: the left half of every image is a car, the right half a bus."""
    for split in COUNTS:
        folder = root / "masks" / split
        folder.mkdir(parents=True)
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[:, SIDE // 2 :] = 1
        for name in write_pictures(root / "images" / split, split):
            Image.fromarray(mask).save(folder / name)
    return root


def write_yolo(root):
    """Write a YOLO tree: a car and a bus in every image."""
    for split in COUNTS:
        folder = root / "labels" / split
        folder.mkdir(parents=True)
        for name in write_pictures(root / "images" / split, split):
            (folder / name).with_suffix(".txt").write_text("0 0.26 0.45 0.4 0.4\n1 0.7 0.45 0.4 0.4\n")
    (root / "data.yaml").write_text("path: .\ntrain: images/train\nval: images/val\nnames: [car, bus]\n")
    return root
