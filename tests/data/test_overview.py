import numpy as np
import pytest
from PIL import Image

from data import datasets
from data.config import DatasetConfig
from data.errors import InputError
from data.overview import check_measurable, describe_classes
from tests.support import trees


def open_boxes(root, role):
    return datasets.open_boxes(DatasetConfig("yolo", str(root), "train", "val"), role)


def test_boxes_are_counted_by_class_and_split(tmp_path):
    trees.write_yolo(tmp_path)
    lines = describe_classes(open_boxes(tmp_path, "train"), open_boxes(tmp_path, "val"))
    assert lines == ["3 classes; boxes to train on / to be evaluated on: cat 1 / 1, dog 1 / 0, axolotl 1 / 1"]


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
    (line,) = describe_classes(reader, reader)
    assert line.endswith("road 66.7% / 66.7%, car 33.3% / 33.3%")


def test_a_split_without_boxes_but_crowds_cannot_choose_the_best_epoch(tmp_path):
    root = trees.write_voc(tmp_path, difficult=True)
    reader = datasets.open_boxes(DatasetConfig("voc", str(root), "train", "val"), "val")
    with pytest.raises(
        InputError, match=r"dataset\.val: 1 images without boxes, crowds aside; expected some: the best"
    ):
        check_measurable(reader)
    trees.write_yolo(tmp_path / "yolo")
    check_measurable(open_boxes(tmp_path / "yolo", "val"))
