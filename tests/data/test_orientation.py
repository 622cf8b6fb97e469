"""Photographs that EXIF turns: pixels and labels of every format lie on each other."""

import json

import numpy as np
import pytest
from PIL import Image, ImageOps

from data.config import DatasetConfig
from data.datasets import open_boxes, open_masks
from data.image_headers import Header
from data.orientation import choose_upright
from tests.support.trees import write_text

HEIGHT, WIDTH = 24, 40
BOX = [4, 2, 12, 8]  # xywh on the upright picture, whose pixels are red there and black elsewhere
BACK = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}  # orientation -> the one that undoes it


def save(path, *, orientation, size=(HEIGHT, WIDTH)):
    """Save the picture such that its EXIF orientation turns the stored pixels upright."""
    pixels = np.zeros((*size, 3), dtype=np.uint8)
    left, top, width, height = BOX
    pixels[top : top + height, left : left + width, 0] = 255
    picture, exif = Image.fromarray(pixels), Image.Exif()
    exif[0x0112] = BACK[orientation]
    picture.getexif()[0x0112] = BACK[orientation]
    stored = ImageOps.exif_transpose(picture)
    exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    stored.save(path, exif=exif)
    return stored.height, stored.width


def write_yolo(root, *, size, **_):
    height, width = size
    left, top, w, h = BOX
    line = f"0 {(left + w / 2) / width} {(top + h / 2) / height} {w / width} {h / height}\n"
    write_text(root / "labels/train/a.txt", line)
    write_text(root / "data.yaml", "names: [red]\n")
    return root / "images/train"


def write_voc(root, *, size, **_):
    height, width = size
    left, top, w, h = BOX
    box = f"<xmin>{left}</xmin><ymin>{top}</ymin><xmax>{left + w}</xmax><ymax>{top + h}</ymax>"
    stated = f"<size><width>{width}</width><height>{height}</height></size>"
    write_text(
        root / "train/a.xml",
        f"<annotation>{stated}<object><name>red</name><bndbox>{box}</bndbox></object></annotation>",
    )
    return root / "train"


def write_coco(root, *, size, **_):
    height, width = size
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": height, "width": width}],
        "categories": [{"id": 1, "name": "red"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": BOX}],
    }
    write_text(root / "train.json", json.dumps(content))
    return root / "train"


@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (WIDTH, WIDTH)], ids=["oblong", "square"])
@pytest.mark.parametrize("orientation", list(BACK))
@pytest.mark.parametrize("write", [write_yolo, write_voc, write_coco])
def test_boxes_of_the_upright_picture_lie_on_their_objects(tmp_path, write, orientation, size):
    save(write(tmp_path, size=size) / "a.png", orientation=orientation, size=size)
    name = write.__name__.removeprefix("write_")
    sample = open_boxes(DatasetConfig(name, str(tmp_path), "train", "val"), "train")[0]
    left, top, right, bottom = sample.boxes[0].round().astype(int).tolist()
    assert sample.image.shape == (*size, 3)
    assert sample.image[..., 0].sum() == sample.image[top:bottom, left:right, 0].sum() == 12 * 8 * 255


@pytest.mark.parametrize("orientation", list(BACK))
def test_masks_of_the_upright_picture_lie_on_their_objects(tmp_path, orientation):
    save(tmp_path / "images/train/a.png", orientation=orientation)
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[2:10, 4:16] = 1
    (tmp_path / "masks/train").mkdir(parents=True)
    Image.fromarray(mask).save(tmp_path / "masks/train/a.png")
    config = DatasetConfig("masks", str(tmp_path), "train", "val", names=["black", "red"])
    sample = open_masks(config, "train")[0]
    np.testing.assert_array_equal(sample.image[..., 0], sample.mask * 255)


def choose(*images):
    """Return the choice for pictures of an orientation and the size in their labels, and the findings."""
    headers, findings = [], []
    for orientation, _ in images:
        raw = (WIDTH, HEIGHT) if orientation > 4 else (HEIGHT, WIDTH)
        headers.append(Header(raw, (HEIGHT, WIDTH), orientation > 1, "JPEG", "RGB", 1))
    names = [f"{index}.jpg" for index in range(len(images))]
    sizes = [size for _, size in images]
    found = choose_upright(headers, sizes, names=names, source="train.json", report=findings.append)
    return found.tolist(), findings


UPRIGHT, RAW = (HEIGHT, WIDTH), (WIDTH, HEIGHT)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ([(6, RAW)], [False]),
        ([(6, UPRIGHT)], [True]),
        ([(3, UPRIGHT), (1, UPRIGHT)], [True, True]),
        ([(3, UPRIGHT), (6, RAW)], [False, False]),  # the tool that wrote the second drew on raw pixels
        ([(3, UPRIGHT), (6, UPRIGHT)], [True, True]),
        ([(6, None), (3, None)], [True, True]),
        ([(3, UPRIGHT), (6, RAW), (8, UPRIGHT)], [True, False, True]),
    ],
)
def test_the_size_in_the_labels_tells_what_they_were_drawn_on(images, expected):
    assert choose(*images)[0] == expected


def test_turned_images_are_counted_and_named():
    _, (finding,) = choose((1, UPRIGHT), (3, UPRIGHT), (6, UPRIGHT))
    assert (finding.level, finding.places) == ("note", ("1.jpg", "2.jpg"))
    assert finding.found == (
        "EXIF orientation turns or mirrors 2 of 3 images (first: 1.jpg); "
        "labels are taken as drawn on the upright images"
    )
    assert choose((1, UPRIGHT))[1] == []


def test_labels_of_both_kinds_are_warned_of_where_they_leave_an_image_unclear():
    _, (finding,) = choose((3, UPRIGHT), (6, RAW), (8, UPRIGHT))
    assert finding.level == "warning"
    assert finding.found.endswith("upright images, but for 1 whose size is that of the raw pixels")
    assert choose((6, RAW), (8, UPRIGHT))[1][0].level == "note"
