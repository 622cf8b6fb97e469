import logging

import pytest
import torch

from data.errors import InputError
from tests.support.coco_files import change, content, open_coco, write

BAD_BOXES = {
    "not four numbers": [[1, 2, 3], None, ["1", 2, 3, 4], {"x": 1}, [1, 2, 3, True]],
    "NaN or infinite": [[float("nan"), 2, 3, 4], [1, 2, float("inf"), 4], [10**400, 1, 1, 1]],
    "negative width or height": [[10, 10, -5, 5], [10, 10, 5, -5]],
    "zero width or height": [[10, 10, 0, 5], [10, 10, 5, 0]],
    "no area inside the image": [[60, 10, 5, 5], [10, 40, 5, 5], [-9, 1, 9, 5], [1, -7, 5, 6]],
}


@pytest.mark.parametrize(("kind", "box"), [(kind, box) for kind, boxes in BAD_BOXES.items() for box in boxes])
def test_a_bad_box_is_left_out_everywhere(tmp_path, kind, box):
    values = content()
    values["annotations"].insert(0, {"id": 77, "image_id": 3, "category_id": 1, "bbox": box})
    dataset = open_coco(*write(tmp_path, values))
    assert dataset.dropped == {kind: 1}
    assert len(dataset[1].boxes) == 0
    assert len(dataset.ground_truth()["annotations"]) == 4


def test_bad_boxes_are_counted_in_one_warning_a_kind(tmp_path, caplog):
    values = content()
    for index, box in enumerate([[1, 1, 0, 5], [1, 1, 5, 0], [99, 1, 5, 5]]):
        values["annotations"].append({"id": 30 + index, "image_id": 3, "category_id": 1, "bbox": box})
    with caplog.at_level(logging.WARNING):
        open_coco(*write(tmp_path, values))
    left, zero = [record.getMessage() for record in caplog.records]
    assert "set.json: left out 1 of 7 boxes: no area inside the image (first: annotation id 32 of 3.png)" in left
    assert "set.json: left out 2 of 7 boxes: zero width or height (first: annotation id 30 of 3.png)" in zero


def test_good_files_warn_of_nothing(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        dataset = open_coco(*write(tmp_path, content()))
    assert dataset.dropped == {}
    assert not caplog.records


def test_a_file_of_bad_boxes_alone_is_refused(tmp_path):
    values = content()
    for entry in values["annotations"]:
        entry["bbox"] = [1, 1, 0, 0]
    with pytest.raises(InputError, match=r"set\.json: all 4 boxes are bad: .*; expected"):
        open_coco(*write(tmp_path, values))


BAD_JSON = {
    "holds a list; expected a dict": lambda values: [values],
    "images is missing, empty or not a list; expected": change(images=...),
    "annotations is missing, empty or not a list; expected": change(annotations={}),
    "categories is missing, empty or not a list; expected": change(categories=[]),
    r"images\[1\]: 4; expected a dict": lambda values: values | {"images": [values["images"][0], 4]},
    r"images\[2\]\.id: missing; expected an integer": change("images", 2, id=...),
    r"images\[2\]\.id: 'x'; expected an integer": change("images", 2, id="x"),
    r"images\[1\]\.file_name: missing; expected a string": change("images", 1, file_name=...),
    r"images\[1\]\.height: '4e1'; expected an integer": change("images", 1, height="4e1"),
    r"images\[\]\.id: holds \[7\] more than once": change("images", 1, id=7),
    r"categories\[0\]\.name: missing; expected a string": change("categories", 0, name=...),
    r"categories\[0\]\.id: True; expected an integer": change("categories", 0, id=True),
    r"categories\[\]\.id: holds \[90\] more than once": change("categories", 1, id=90),
    r"categories\[\]\.name: holds \['person'\] more than once": change("categories", 2, name="person"),
    r"annotations\[3\]\.id: missing": change("annotations", 3, id=...),
    r"annotations\[1\] \(id 0\)\.image_id: 999; expected": change("annotations", 1, image_id=999),
    r"annotations\[1\]\.image_id: missing": change("annotations", 1, image_id=...),
    r"annotations\[2\] \(id 8\)\.category_id: 2; expected": change("annotations", 2, category_id=2),
    r"annotations\[2\]\.category_id: 1\.5; expected an integer": change("annotations", 2, category_id=1.5),
    r"annotations\[0\] \(id 5\)\.bbox: missing": change("annotations", 0, bbox=...),
    r"annotations\[0\] \(id 5\)\.area: -1; expected": change("annotations", 0, area=-1),
    r"annotations\[0\] \(id 5\)\.area: nan; expected": change("annotations", 0, area=float("nan")),
    r"annotations\[0\] \(id 5\)\.iscrowd: 'no'; expected 0 or 1": change("annotations", 0, iscrowd="no"),
    "height 40 x width 60; expected height 60 x width 40": change("images", 0, height=60, width=40),
    r"1 of 3 files cannot be used(.|\n)*nope\.png: no such file; expected": change("images", 0, file_name="nope.png"),
}


@pytest.mark.parametrize("message", BAD_JSON)
def test_bad_annotations_are_refused_by_file_and_field(tmp_path, message):
    arguments = write(tmp_path, BAD_JSON[message](content()))
    with pytest.raises(InputError, match=message) as info:
        open_coco(*arguments)
    assert "set.json: " in str(info.value)
    assert "expected" in str(info.value)


@pytest.mark.parametrize("name", ["{0}/9.png", "../9.png", "a/../../9.png", "..\\9.png", "C:\\9.png"])
def test_a_file_name_that_leaves_the_folder_is_refused(tmp_path, name):
    arguments = write(tmp_path, change("images", 0, file_name=name.format(tmp_path))(content()))
    (arguments[0] / "7.png").rename(tmp_path / "9.png")
    with pytest.raises(InputError, match=r"images\[\] \(id 7\)\.file_name: .*; expected a path inside"):
        open_coco(*arguments)


@pytest.mark.parametrize("text", ["", "{", "\x00\x01\x02", "[" * 100000, "\xff\xfe\xff"])
def test_what_is_not_json_is_refused(tmp_path, text):
    images, annotations = write(tmp_path, {})
    annotations.write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=r"set\.json: not JSON \(.*expected COCO annotations"):
        open_coco(images, annotations)


def test_missing_files_and_folders_are_refused(tmp_path):
    images, annotations = write(tmp_path, content())
    with pytest.raises(InputError, match=r"nope\.json: no such file; expected"):
        open_coco(images, tmp_path / "nope.json")
    images.rename(tmp_path / "elsewhere")
    for make in (lambda: None, images.mkdir):
        make()
        with pytest.raises(InputError, match=r"images: missing or empty; expected"):
            open_coco(images, annotations)


def test_a_text_file_named_as_an_image_is_refused_before_training(tmp_path):
    images, annotations = write(tmp_path, content())
    (images / "3.png").write_text("hello")
    with pytest.raises(InputError, match=r"set\.json: 1 of 3 files cannot be used(.|\n)*3\.png: not an image"):
        open_coco(images, annotations)


def test_a_truncated_image_is_refused_when_it_is_read(tmp_path):
    images, annotations = write(tmp_path, content())
    (images / "3.png").write_bytes((images / "3.png").read_bytes()[:2000])
    dataset = open_coco(images, annotations)
    with pytest.raises(InputError, match=r"3\.png: .*; expected a complete"):
        dataset[1]


def test_errors_in_workers_stay_input_errors(tmp_path):
    images, annotations = write(tmp_path, content())
    dataset = open_coco(images, annotations)
    (images / "7.png").unlink()
    loader = torch.utils.data.DataLoader(dataset, num_workers=1, collate_fn=list)
    with pytest.raises(InputError, match=r"7\.png: no such file; expected"):
        next(iter(loader))


def test_a_report_that_does_not_refuse_hears_of_every_bad_entry_and_the_rest_is_read(tmp_path):
    values, findings = content(), []
    values["images"] += [
        {"id": 7, "file_name": "7.png"},
        {"id": 99, "file_name": "../99.png"},
        {"id": 5, "file_name": "5"},
    ]
    values["categories"].append({"id": "x", "name": "ghost"})
    values["annotations"] += [4, {"id": 10, "image_id": 99, "category_id": 1, "bbox": [1, 1, 5, 5]}]
    dataset = open_coco(*write(tmp_path, values), report=findings.append)
    assert dataset.image_ids.tolist() == [7, 3, 12]
    assert len(dataset.ground_truth()["annotations"]) == 4
    assert sorted(finding.kind for finding in findings if finding.level == "error") == [
        "file name outside the folder",
        "missing file",
        "repeated value",
        "unknown image",
        "wrong value",
        "wrong value",
    ]
