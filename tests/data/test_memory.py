"""What readers hold: were there a Python object for each image, every worker process would come to own a copy of it."""

import gc
import json
import types

import numpy as np
import pytest
from PIL import Image

from data import datasets
from data.boxes import BoxDataset
from data.config import DatasetConfig
from data.findings import refuse
from data.formats.cityscapes import read_cityscapes
from data.formats.coco import read_coco
from data.masks import MaskDataset
from data.splits import Part


def open_coco(root, count):
    for index in range(count):
        save(root / "images" / f"{index}.png", (8, 8, 3))
    boxes = [
        {"id": i, "image_id": i // 3, "category_id": 1, "bbox": [0, 0, 4, 4], "area": 16} for i in range(3 * count)
    ]
    listing = [{"id": i, "file_name": f"{i}.png", "height": 8, "width": 8} for i in range(count)]
    content = {"images": listing, "categories": [{"id": 1, "name": "thing"}], "annotations": boxes}
    (root / "set.json").write_text(json.dumps(content))
    return BoxDataset(read_coco(root, Part("train", "images", annotations="set.json"), report=refuse))


def open_cityscapes(root, count):
    for index in range(count):
        save(root / "leftImg8bit/train/town" / f"{index}_leftImg8bit.png", (8, 8, 3))
        save(root / "gtFine/train/town" / f"{index}_gtFine_labelIds.png", (8, 8))
    return MaskDataset(read_cityscapes(root, Part("train", "train")))


def open_masks(root, count):
    for index in range(count):
        save(root / "images/train" / f"{index}.png", (8, 8, 3))
        save(root / "masks/train" / f"{index}.png", (8, 8))
    return datasets.open_masks(DatasetConfig("masks", str(root), "train", "val", names=["thing"]), "train")


def save(path, shape):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros(shape, dtype=np.uint8)).save(path)


def count_objects(thing):
    """Return how many objects can be reached from one, itself included, without going through types and modules."""
    seen, waiting = {}, [thing]
    while waiting:
        value = waiting.pop()
        if id(value) not in seen and not isinstance(value, type | types.ModuleType | types.FunctionType):
            seen[id(value)] = value
            waiting += gc.get_referents(value)
    return len(seen)


def test_objects_are_counted():
    assert count_objects([1000, [2000, 3000]]) == 5


@pytest.mark.parametrize("wrap", [lambda reader: reader, lambda reader: reader.cached()], ids=["plain", "cached"])
@pytest.mark.parametrize("open_reader", [open_coco, open_cityscapes, open_masks])
def test_a_reader_holds_no_objects_for_each_image(tmp_path, open_reader, wrap):
    counts = []
    for images in (4, 24):
        (tmp_path / str(images)).mkdir()
        reader = wrap(open_reader(tmp_path / str(images), images))
        for index in range(images):
            assert reader[index].image.shape == (8, 8, 3)
        counts.append(count_objects(vars(reader)))
    assert counts[0] == counts[1]
