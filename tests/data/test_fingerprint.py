import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data.boxes import BoxDataset
from data.config import DatasetConfig
from data.datasets import open_reader
from data.findings import refuse
from data.fingerprint import describe_split
from data.formats.coco import read_coco
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
    return BoxDataset(read_coco(root, Part("train", "train"), annotations="labels.json", report=refuse))


def open_masks(root: Path) -> Any:
    config = DatasetConfig("masks", str(root), "train", "train", names=["sky", "road"])
    return open_reader("segmentation", config, "train")


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    for kind in ("images", "masks"):
        (tmp_path / kind / "train").mkdir(parents=True)
    Image.new("RGB", (20, 10)).save(tmp_path / "images/train/a.png")
    Image.new("L", (20, 10)).save(tmp_path / "masks/train/a.png")
    return tmp_path


def test_a_split_of_boxes_is_counted_and_measured(tmp_path):
    found = describe_split(write_boxes(tmp_path))
    assert (found["images"], found["boxes"]) == (2, 1)
    assert (found["height"], found["width"]) == ([30, 30], [40, 60])
    assert len(found["sha256"]) == 64


def test_a_split_of_masks_is_hashed_as_it_says(masks):
    found = describe_split(open_masks(masks))
    digest = hashlib.sha256(b"sky\0road")
    for kind in ("images", "masks"):
        digest.update(f"a.png\0{(masks / kind / 'train/a.png').stat().st_size}".encode())
    assert (found["images"], found["boxes"], found["sha256"]) == (1, None, digest.hexdigest())
    assert "mask file" in found["hashed"]


def test_another_folder_leaves_the_hash(tmp_path):
    first, second = (describe_split(write_boxes(tmp_path / name)) for name in ("one", "two"))
    assert first == second


@pytest.mark.parametrize("change", [{"left": 3}, {"side": 41}, {"category": "dog"}, {"image_id": 2}])
def test_another_box_image_or_class_changes_the_hash(change, tmp_path):
    before, after = (describe_split(write_boxes(tmp_path, **options)) for options in ({}, change))
    assert before["sha256"] != after["sha256"]


def test_another_mask_changes_the_hash(masks):
    before = describe_split(open_masks(masks))["sha256"]
    Image.fromarray(np.random.default_rng(0).integers(0, 2, (10, 20), dtype=np.uint8)).save(masks / "masks/train/a.png")
    assert describe_split(open_masks(masks))["sha256"] != before
