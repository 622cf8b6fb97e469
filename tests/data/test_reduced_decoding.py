"""JPEG files decoded at a part of their size: pixels, boxes, cache."""

import json

import numpy as np
import pytest
from PIL import Image

from data.boxes import BoxDataset
from data.cache import cache_readers
from data.errors import InputError
from data.findings import refuse
from data.formats.coco import read_coco
from data.images import load_image, read_decoded_size
from data.splits import Part
from tasks.loaders import build_train_loader, open_split
from tasks.task import DETECTION
from tests.support.runs import load_config


def save_gradient(path, *, height, width, **options):
    """Write an image whose red grows to the right and whose green grows downwards."""
    x, y = np.linspace(0, 255, width), np.linspace(0, 255, height)
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[..., 0], image[..., 1] = x, y[:, None]
    Image.fromarray(image).save(path, **options)


@pytest.mark.parametrize(
    ("least", "expected"), [(None, (480, 640)), (300, (480, 640)), (240, (240, 320)), (61, (120, 160)), (1, (60, 80))]
)
def test_both_sides_keep_the_least(tmp_path, least, expected):
    path = tmp_path / "a.jpg"
    save_gradient(path, height=480, width=640, quality=95)
    assert load_image(path, least_side=least).shape == (*expected, 3)
    assert read_decoded_size(path, True, least) == expected


def test_a_reduced_picture_shows_the_same(tmp_path):
    path = tmp_path / "a.jpg"
    save_gradient(path, height=480, width=640, quality=95)
    whole, reduced = load_image(path), load_image(path, least_side=120)
    means = whole.reshape(120, 4, 160, 4, 3).mean(axis=(1, 3))
    assert np.abs(means - reduced).mean() < 1.5


def test_other_formats_are_decoded_whole(tmp_path):
    path = tmp_path / "a.png"
    save_gradient(path, height=96, width=64)
    assert load_image(path, least_side=8).shape == (96, 64, 3)
    assert read_decoded_size(path, True, 8) == (96, 64)


@pytest.mark.parametrize("upright", [False, True])
def test_turned_pictures_are_reduced_and_stand_as_they_are_asked_for(tmp_path, upright):
    path, exif = tmp_path / "a.jpg", Image.Exif()
    exif[0x0112] = 6
    save_gradient(path, height=64, width=128, exif=exif)
    size, reduced = ((128, 64), (64, 32)) if upright else ((64, 128), (32, 64))
    assert load_image(path, upright=upright, size=size, least_side=32).shape == (*reduced, 3)
    assert read_decoded_size(path, upright, 32) == reduced


@pytest.fixture
def root(tmp_path):
    """Write a COCO tree of one JPEG and one PNG, a box in each."""
    (tmp_path / "train").mkdir()
    (tmp_path / "annotations").mkdir()
    save_gradient(tmp_path / "train" / "a.jpg", height=120, width=160)
    save_gradient(tmp_path / "train" / "b.png", height=120, width=160)
    content = {
        "images": [
            {"id": i, "file_name": name, "height": 120, "width": 160} for i, name in ((1, "a.jpg"), (2, "b.png"))
        ],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "bbox": [20, 40, 60, 30], "area": 1800, "iscrowd": 0}
            for i in (1, 2)
        ],
    }
    (tmp_path / "annotations" / "instances_train.json").write_text(json.dumps(content))
    return tmp_path


def test_boxes_shrink_with_their_image_and_the_ground_truth_does_not(root):
    reader = BoxDataset(read_coco(root, Part("train", "train"), report=refuse), least_side=60)
    assert [sample.image.shape for sample in reader] == [(60, 80, 3), (120, 160, 3)]
    assert [sample.boxes.tolist() for sample in reader] == [[[10, 20, 40, 35]], [[20, 40, 80, 70]]]
    assert reader.sizes.tolist() == [[120, 160]] * 2
    assert [entry["bbox"] for entry in reader.ground_truth()["annotations"]] == [[20, 40, 60, 30]] * 2


def test_a_cache_holds_the_reduced_pixels(root):
    reader = BoxDataset(read_coco(root, Part("train", "train"), report=refuse), least_side=60)
    (cached,) = cache_readers([reader])
    for index in (0, 1, 0):
        np.testing.assert_array_equal(cached[index].image, reader[index].image)


def test_the_option_reaches_the_reader_in_training_and_is_checked(root):
    options = (
        "dataset=coco",
        f"dataset.root={root}",
        "dataset.train=train",
        "dataset.val=train",
        "dataset.least_side=60",
    )
    dataset = load_config("train", *options).dataset
    assert open_split(DETECTION, dataset, "train")[0].image.shape == (60, 80, 3)
    assert open_split(DETECTION, dataset, "val")[0].image.shape == (120, 160, 3)  # as prediction decodes it
    with pytest.raises(InputError, match=r"^dataset\.least_side: 0; expected an integer from 1"):
        load_config("train", *options[:-1], "dataset.least_side=0")


def test_an_image_is_not_decoded_smaller_than_the_input(root):
    options = ("dataset=coco", f"dataset.root={root}", "dataset.train=train", "dataset.least_side=60", "size=96")
    config = load_config("train", *options)
    reader = open_split(DETECTION, config.dataset, "train")
    with pytest.raises(InputError, match=r"dataset\.least_side: 60; expected at least 96"):
        build_train_loader(reader, config.recipe, config.dataset, seed=0)
