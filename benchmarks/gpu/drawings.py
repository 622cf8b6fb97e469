"""Data to time a training with: photograph-like JPEGs with a few boxes, or with masks, as fast as they can be drawn."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from benchmarks.gpu.scale import Scale

BOXED, MASKED = (480, 640), (360, 480)  # height, width in pixels, as BCCD's and CamVid's images
CLASSES, BOXES = 11, 6
VAL = 8  # images to evaluate on
QUALITY = 90


def draw(data: Path, scale: Scale) -> None:
    """Draw both data sets into the folder `data`: coco/ and masks/."""
    for split, index in (("train", 0), ("val", 1)):
        boxed, masked = (scale.images[task] if split == "train" else VAL for task in ("ssdlite", "lraspp"))
        with ThreadPoolExecutor() as pool:  # OpenCV lets go of Python's lock
            rows = list(pool.map(lambda k, s=split, i=index: draw_boxed(data / "coco", s, (i, k)), range(boxed)))
            list(pool.map(lambda k, s=split, i=index: draw_masked(data / "masks", s, (i, k)), range(masked)))
        write_boxes(data / "coco" / "annotations" / f"instances_{split}.json", rows)


def draw_image(path: Path, random: np.random.Generator, size: tuple[int, int]) -> None:
    """Draw colours that change smoothly, with some grain, so that the file takes as long to decode as a photograph."""
    coarse = random.integers(0, 256, (size[0] // 16, size[1] // 16, 3), dtype=np.uint8)
    grain = random.integers(0, 24, (*size, 3), dtype=np.uint8)
    pixels = cv2.add(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC), grain)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


def draw_boxed(root: Path, split: str, key: tuple[int, int]) -> np.ndarray:
    """Draw an image, and return its boxes (BOXES, 5): class, xywh in pixels."""
    random = np.random.default_rng(key)
    draw_image(root / split / f"{key[1]:06d}.jpg", random, BOXED)
    sides = random.uniform(40, 200, (BOXES, 2))
    corners = random.uniform(0, 1, (BOXES, 2)) * (np.array(BOXED[::-1]) - sides)
    return np.column_stack([random.integers(0, CLASSES, BOXES), corners, sides])


def write_boxes(path: Path, rows: list[np.ndarray]) -> None:
    """Write the boxes of all images of a split as COCO's JSON."""
    height, width = BOXED
    images = [{"id": k + 1, "file_name": f"{k:06d}.jpg", "height": height, "width": width} for k in range(len(rows))]
    annotations = [
        {
            "id": image * BOXES + number + 1,
            "image_id": image + 1,
            "category_id": int(kind) + 1,
            "bbox": [x, y, w, h],
            "area": w * h,
            "iscrowd": 0,
        }
        for image, boxes in enumerate(rows)
        for number, (kind, x, y, w, h) in enumerate(boxes.tolist())
    ]
    categories = [{"id": k + 1, "name": f"class {k}"} for k in range(CLASSES)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))


def draw_masked(root: Path, split: str, key: tuple[int, int]) -> None:
    """Draw an image and its mask."""
    random = np.random.default_rng(key)
    draw_image(root / "images" / split / f"{key[1]:06d}.jpg", random, MASKED)
    coarse = random.integers(0, CLASSES, (6, 8), dtype=np.uint8)
    mask = cv2.resize(coarse, MASKED[::-1], interpolation=cv2.INTER_NEAREST)
    path = root / "masks" / split / f"{key[1]:06d}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), mask)
