import numpy as np
import pytest
from PIL import Image

from data import datasets
from data.config import DatasetConfig
from data.errors import InputError
from data.overview import check_labels, describe_classes
from tests.support import trees


def open_boxes(root, role):
    return datasets.open_boxes(DatasetConfig("yolo", str(root), "train", "val"), role)


def test_boxes_are_counted_by_class_and_split(tmp_path):
    trees.write_yolo(tmp_path)
    lines = describe_classes(open_boxes(tmp_path, "train"), open_boxes(tmp_path, "val"))
    assert lines == ["3 classes; boxes for training / evaluation: cat 1 / 1, dog 1 / 0, axolotl 1 / 1"]


def test_classes_without_boxes_and_long_lists_are_said_in_short(tmp_path):
    trees.write_yolo(tmp_path, yaml=f"names: {[*trees.NAMES, *map(str, range(40))]}")
    counts, absent = describe_classes(open_boxes(tmp_path, "train"), open_boxes(tmp_path, "val"))
    assert counts.startswith("43 classes; ")
    assert counts.endswith("and 23 more")
    assert absent.startswith("40 classes have no boxes to train on: 0, 1, 2, ")


def test_shares_of_pixels_leave_out_the_ignored(tmp_path):
    for folder, pixels in (("images", np.zeros((2, 2, 3))), ("masks", np.array([[0, 0], [1, 255]]))):
        (tmp_path / folder / "train").mkdir(parents=True)
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / folder / "train" / "a.png")
    config = DatasetConfig("masks", str(tmp_path), "train", "train", names=["road", "car"])
    reader = datasets.open_masks(config, "train")
    np.testing.assert_allclose(reader.tally().amounts, [2 / 3, 1 / 3])
    line, *_ = describe_classes(reader, reader)
    assert line.endswith("road 66.7% / 66.7%, car 33.3% / 33.3%")


def test_splits_without_boxes_but_crowds_neither_teach_nor_measure(tmp_path):
    boxes = [open_boxes(trees.write_yolo(tmp_path / "yolo"), role) for role in ("train", "val")]
    root = trees.write_voc(tmp_path / "voc", difficult=True)
    crowds = datasets.open_boxes(DatasetConfig("voc", str(root), "train", "val"), "val")
    with pytest.raises(
        InputError, match=r"dataset\.val: no boxes that count in 1 images; expected some, as they decide"
    ):
        check_labels(boxes[0], crowds)
    with pytest.raises(InputError, match=r"dataset\.train: no boxes that count in 1 images; expected some, as a model"):
        check_labels(crowds, boxes[1])
    check_labels(*boxes)


def test_masks_of_ignored_pixels_alone_neither_teach_nor_measure(tmp_path):
    readers = []
    for split, value in (("train", 1), ("val", 255)):
        for folder in ("images", "masks"):
            (tmp_path / folder / split).mkdir(parents=True)
            Image.fromarray(np.full((2, 2), value, np.uint8)).save(tmp_path / folder / split / "a.png")
        config = DatasetConfig("masks", str(tmp_path), split, split, names=["road", "car"])
        readers.append(datasets.open_masks(config, "train"))
    with pytest.raises(InputError, match=r"dataset\.val: no pixels that count in 1 images"):
        check_labels(*readers)
    assert describe_classes(readers[0], readers[0])[1:] == ["1 classes have no pixels to train on: road"]
