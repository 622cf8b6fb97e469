import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data import datasets
from data.boxes import BoxDataset
from data.config import DatasetConfig
from data.findings import refuse
from data.formats.coco import read_coco
from data.readers import MaskReader
from data.splits import Part


def write_boxes(root: Path, *, left: int = 2, side: int = 40, category: str = "cat", image_id: int = 1) -> BoxDataset:
    """Write two images, one box; images hold noise, so that their files grow with them."""
    (root / "train").mkdir(parents=True, exist_ok=True)
    for name, width in (("a.png", side), ("b.png", 60)):
        pixels = np.random.default_rng(0).integers(0, 256, (30, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / "train" / name)
    content = {
        "images": [
            {"id": 1, "file_name": "a.png", "height": 30, "width": side},
            {"id": 2, "file_name": "b.png", "height": 30, "width": 60},
        ],
        "categories": [{"id": 1, "name": category}],
        "annotations": [{"id": 1, "image_id": image_id, "category_id": 1, "bbox": [left, 3, 8, 9]}],
    }
    (root / "labels.json").write_text(json.dumps(content))
    return open_tree(root)


def open_tree(root: Path) -> BoxDataset:
    return BoxDataset(read_coco(root, Part("train", "train", annotations="labels.json"), report=refuse))


def open_masks(root: Path) -> MaskReader:
    config = DatasetConfig("masks", str(root), "train", "train", names=["sky", "road"])
    return datasets.open_masks(config, "train")


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    for kind in ("images", "masks"):
        (tmp_path / kind / "train").mkdir(parents=True)
    Image.new("RGB", (20, 10)).save(tmp_path / "images/train/a.png")
    Image.new("L", (20, 10)).save(tmp_path / "masks/train/a.png")
    return tmp_path


def test_a_split_of_boxes_is_counted_and_measured(tmp_path):
    found = write_boxes(tmp_path).fingerprint()
    assert (found["images"], found["boxes"]) == (2, 1)
    assert (found["height"], found["width"]) == ([30, 30], [40, 60])
    assert len(found["sha256"]) == 64


def test_a_split_of_masks_is_hashed_as_it_says(masks):
    found = open_masks(masks).fingerprint()
    sizes = [(masks / kind / "train/a.png").stat().st_size for kind in ("images", "masks")]
    image = hashlib.sha256(f"a.png\0{sizes[0]}\0a.png\0{sizes[1]}".encode()).digest()
    assert (found["images"], found["boxes"]) == (1, None)
    assert found["sha256"] == hashlib.sha256(b"sky\0road" + image).hexdigest()
    assert found["hashed"].endswith("of every image file, and those of its mask")


def test_another_folder_leaves_the_hash(tmp_path):
    first, second = (write_boxes(tmp_path / name).fingerprint() for name in ("one", "two"))
    assert first == second


def test_the_order_of_images_and_of_boxes_leaves_the_hash(tmp_path):
    reader = write_boxes(tmp_path)
    first, second = (reader.subset(order).fingerprint()["sha256"] for order in ([0, 1], [1, 0]))
    assert first == second
    content = json.loads((tmp_path / "labels.json").read_text())
    boxes = [{**content["annotations"][0], "id": i, "bbox": [i, 3, 8, 9]} for i in (1, 2)]
    (tmp_path / "labels.json").write_text(json.dumps({**content, "annotations": boxes}))
    third = open_tree(tmp_path).fingerprint()["sha256"]
    (tmp_path / "labels.json").write_text(json.dumps({**content, "annotations": boxes[::-1]}))
    assert open_tree(tmp_path).fingerprint()["sha256"] == third != first


@pytest.mark.parametrize("change", [{"left": 3}, {"side": 41}, {"category": "dog"}, {"image_id": 2}])
def test_another_box_image_or_class_changes_the_hash(change, tmp_path):
    before, after = (write_boxes(tmp_path, **options).fingerprint() for options in ({}, change))
    assert before["sha256"] != after["sha256"]


def test_another_mask_changes_the_hash(masks):
    before = open_masks(masks).fingerprint()["sha256"]
    Image.fromarray(np.random.default_rng(0).integers(0, 2, (10, 20), dtype=np.uint8)).save(masks / "masks/train/a.png")
    assert open_masks(masks).fingerprint()["sha256"] != before
