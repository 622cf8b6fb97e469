"""Whatever a COCO file holds, it says the same read at once as entry by entry: `tests/data/conftest.py` compares."""

import contextlib
import json
import random
from typing import Any

import pytest

from data.findings import Finding
from data.formats import coco_packed
from data.formats.coco import read_coco
from data.formats.coco_packed import pack, unpack
from data.splits import Part
from tests.support.coco_files import change, content, write

ODD: dict[str, tuple[object, ...]] = {  # values that stand in a field now and then
    "id": (0, -3, 2**63 - 1, -(2**63), 2**63, 10**30, "7", 7.0, 7.5, True, None, [], float("nan")),
    "image_id": (999, "3", 3.0, None, "x"),
    "category_id": (999, "1", 1.0, None),
    "bbox": (
        [1, 2, 3],
        [],
        None,
        [1, 2, 3, "4"],
        [1, 2, 3, True],
        [1, 2, 1e9, 4],
        [1, 2, -1e300, 4],
        [0.1, 1e-320, 10**30, 4],
    ),
    "area": (None, 0, -1, -0.0, 10**18, 1e17, 1e300, "5", True, float("inf"), float("nan")),
    "iscrowd": (None, 0, 1, 2, True, 0.0, "1"),
    "segmentation": ([], None, [[1, 2, 3, 4, 5, 6]], {"counts": [1, 2], "size": [4, 5]}, [[float("nan")] * 6], 7, "a"),
    "attributes": (
        {},
        {"occluded": False},
        {"rotation": 0.0},
        {"rotation": 30},
        [],
        None,
        {"rotat\u0069on": 1, "é": 2},
    ),
}
IMAGES: dict[str, tuple[object, ...]] = {
    "id": (0, "5", 5.0, 2**63, None, -(2**63)),
    "file_name": (
        "a\\7.png",
        "./7.png",
        "../7.png",
        "C:7.png",
        "",
        None,
        5,
        "ünïcode.png",
        "🙂.png",
        "a//b.png",
        ".",
        "/7.png",
    ),
    "height": (None, 0, "40", 40.0, -1),
    "width": (None, 0, 10**30),
}
CATEGORIES: dict[str, tuple[object, ...]] = {"id": (0, "1", 1.0, 2**63, None), "name": ("person", "", None, 5, "ü")}


def draw(generator: random.Random, *, oddness: float) -> dict[str, Any]:
    """Return a random COCO file: gaps in ids, crowds, areas that are missing, and odd values as often as asked for."""
    image_ids = generator.sample(range(-20, 60), generator.randint(1, 6))
    class_ids = generator.sample(range(100), generator.randint(1, 5))
    groups = generator.choice([["", "thing"], ["class 0"]])
    images = [{"id": i, "file_name": f"{generator.randint(0, 9)}.png", "height": 40, "width": 60} for i in image_ids]
    categories = [
        {"id": i, "name": f"class {n}", "supercategory": generator.choice(groups)} for n, i in enumerate(class_ids)
    ]
    annotations = []
    for number in range(generator.choice([0, 1, 20])):
        x, y, w, h = (generator.uniform(-5, 40) for _ in range(4))
        annotations.append(
            {
                "id": number * 3,
                "image_id": generator.choice(image_ids),
                "category_id": generator.choice(class_ids),
                "bbox": [x, y, round(w), h],
                **generator.choice([{}, {"area": w * h}, {"area": abs(w * h)}]),
                **generator.choice([{}, {"iscrowd": generator.randint(0, 1)}]),
                **generator.choice([{}, {"segmentation": [[x, y, x + w, y, x + w, y + h]]}]),
            }
        )
    for entries, odd in ((annotations, ODD), (images, IMAGES), (categories, CATEGORIES)):
        for entry in entries:
            if generator.random() < oddness:
                field = generator.choice(list(odd))
                entry[field] = generator.choice(odd[field])
            if generator.random() < oddness / 4:
                entry.pop(generator.choice(list(entry)))
    return {"images": images, "annotations": annotations, "categories": categories}


@pytest.mark.parametrize("oddness", [0.0, 0.02, 0.3])
def test_random_files_say_the_same(tmp_path, monkeypatch, oddness):
    monkeypatch.setattr(coco_packed, "BLOCK", 7)
    packed = 0
    for seed in range(150):
        values = draw(random.Random(seed), oddness=oddness)
        _, path = write(tmp_path, values)
        findings: list[Finding] = []
        with contextlib.suppress(ValueError):
            read_coco(tmp_path, Part("train", "images", annotations="set.json"), report=findings.append)
        packed += pack(path.read_bytes()) is not None
    assert packed >= {0.0: 100, 0.02: 40, 0.3: 1}[oddness]


@pytest.mark.parametrize("text", ["utf-8", "utf-16", "utf-8-sig"])
def test_files_of_any_encoding_that_tools_write_are_packed(tmp_path, text):
    values = content()
    values["categories"][0]["name"] = "Zahnbürste 🙂"
    assert pack(json.dumps(values, ensure_ascii=False).encode(text)).categories == values["categories"]


@pytest.mark.parametrize(
    "change",
    [
        change("annotations", 0, bbox=...),
        change("annotations", 0, bbox=[1, 2, 3]),
        change("annotations", 0, id="5"),
        change("annotations", 0, image_id=99),
        change("annotations", 0, category_id=2),
        change("annotations", 0, iscrowd=2),
        change("annotations", 0, area=-1),
        change("annotations", 0, attributes={"rotation": 30}),
        change("images", 0, id=3),
        change("images", 0, file_name="../7.png"),
        change("images", 0, height=0),
        change("categories", 0, name="person"),
        change("categories", 0, id=1),
        change(images=[]),
        change(images={}),
        change(categories=...),
        change(annotations=[{"image": 1, "annotations": []}]),
    ],
)
def test_what_is_not_as_most_files_is_left_to_the_reader_of_entries(change):
    assert pack(json.dumps(change(content())).encode()) is None


def test_content_that_is_no_json_of_coco_is_left_to_it_too():
    for text in (b"", b"[]", b"{", b'{"images": NaN}', b"\xff", b"[" * 100, json.dumps(content()).encode() + b"x"):
        assert pack(text) is None


def test_both_readers_are_compared_in_each_test_of_this_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.data.conftest.unpack", lambda packed, **rest: (*unpack(packed, **rest)[:3], None))
    write(tmp_path, content())
    with pytest.raises(TypeError):
        read_coco(tmp_path, Part("train", "images", annotations="set.json"), report=print)
