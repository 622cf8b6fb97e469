import contextlib
import copy
import io
import json
import logging

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from data.classes import ClassTable
from data.config import DatasetConfig
from data.datasets import open_boxes
from data.errors import InputError
from tests.support.coco_files import HEIGHT, WIDTH, change, content, open_coco, write


def twelve_numbers(truth: COCO, detections: list[dict]) -> np.ndarray:
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(truth, truth.loadRes(copy.deepcopy(detections)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


def as_coco(values: dict) -> COCO:
    truth = COCO()
    truth.dataset = copy.deepcopy(values)
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
    return truth


def test_gapped_category_ids_become_indices_sorted_by_id(tmp_path):
    dataset = open_coco(*write(tmp_path, content()))
    assert dataset.classes.names == ("person", "stop sign", "toothbrush")
    assert dataset.classes.ids == (1, 13, 90)
    assert dataset.classes.categories == ("person", "", "indoor")
    assert dataset[2].labels.tolist() == [2, 0]


def test_a_sample_holds_the_image_and_its_clipped_boxes(tmp_path):
    dataset = open_coco(*write(tmp_path, content()))
    sample = dataset[2]
    assert sample.image.shape == (HEIGHT, WIDTH, 3)
    assert sample.boxes.tolist() == [[10, 5, 30.5, 35], [50, 30, 60, 40]]
    assert (sample.boxes.dtype, sample.labels.dtype, sample.crowd.dtype) == (np.float32, np.int64, bool)
    assert sample.image_id == 12
    assert dataset.sizes.tolist() == [[HEIGHT, WIDTH]] * 3


def test_images_without_boxes_are_kept(tmp_path):
    dataset = open_coco(*write(tmp_path, content()))
    assert (len(dataset), dataset.image_ids.tolist()) == (3, [7, 3, 12])
    assert dataset[1].boxes.shape == (0, 4)
    assert dataset[1].labels.shape == dataset[1].crowd.shape == (0,)


def test_crowds_are_flagged(tmp_path):
    sample = open_coco(*write(tmp_path, content()))[0]
    assert sample.crowd.tolist() == [False, True]
    assert sample.labels.tolist() == [1, 0]


def test_indices_count_from_the_end_and_stop_at_the_length(tmp_path):
    dataset = open_coco(*write(tmp_path, content()))
    assert dataset[-1].image_id == 12
    with pytest.raises(IndexError):
        dataset[3]


def test_changing_a_sample_does_not_change_the_dataset(tmp_path):
    dataset = open_coco(*write(tmp_path, content()))
    dataset[0].boxes[:] = 0
    dataset[0].labels[:] = 9
    assert dataset[0].boxes.max() == 50
    assert dataset[0].labels.tolist() == [1, 0]


def test_a_given_table_sets_the_order_of_the_labels(tmp_path):
    table = ClassTable.create(["toothbrush", "dog", "stop sign", "person"], [90, 18, 13, 1])
    dataset = open_coco(*write(tmp_path, content()), classes=table)
    assert dataset.classes is table
    assert dataset[2].labels.tolist() == [0, 3]
    assert [a["category_id"] for a in dataset.ground_truth()["annotations"]] == [13, 1, 90, 1]


def test_classes_that_a_given_table_lacks_are_refused(tmp_path):
    table = ClassTable.create(["person", "stop sign", "toothbrush"], [1, 2, 90])
    with pytest.raises(InputError, match=r"set\.json: unknown classes 'stop sign' \(id 13\)"):
        open_coco(*write(tmp_path, content()), classes=table)


def test_a_category_of_the_table_that_the_file_lacks_is_unknown_in_the_file(tmp_path):
    values = content()
    values["categories"].pop(0)
    table = ClassTable.create(["person", "stop sign", "toothbrush"], [1, 13, 90])
    with pytest.raises(InputError, match=r"\(id 5\)\.category_id: 90; expected"):
        open_coco(*write(tmp_path, values), classes=table)


def test_ground_truth_keeps_boxes_and_areas_as_the_file_holds_them(tmp_path):
    truth = open_coco(*write(tmp_path, content())).ground_truth()
    by_id = {a["id"]: a for a in truth["annotations"]}
    assert sorted(by_id) == [1, 2, 3, 4]
    assert by_id[3]["bbox"] == [10, 5, 20.5, 30]
    assert (by_id[3]["area"], by_id[2]["iscrowd"]) == (300.5, 1)
    assert (by_id[4]["bbox"], by_id[4]["area"], by_id[4]["iscrowd"]) == ([50, 30, 30, 30], 900, 0)
    json.dumps(truth)


def test_perfect_detections_score_1_though_an_annotation_has_id_0(tmp_path):
    dataset = open_coco(*write(tmp_path, content()))
    truth = dataset.ground_truth()
    keys = ("image_id", "category_id", "bbox")
    found = [{key: a[key] for key in keys} | {"score": 0.9} for a in truth["annotations"] if not a["iscrowd"]]
    assert twelve_numbers(as_coco(truth), found)[0] == pytest.approx(1)
    values = content()
    values["annotations"][3] |= {"area": 900, "iscrowd": 0}
    assert twelve_numbers(as_coco(values), found)[0] < 0.9  # what renumbering avoids


def test_the_twelve_numbers_equal_those_on_the_original_file(tmp_path):
    rng = np.random.default_rng(0)
    values = content()
    values["annotations"] = []
    for index in range(60):
        left, top, width, height = rng.uniform([0, 0, 4, 4], [40, 25, 40, 30]).tolist()
        entry = {"id": index + 1, "image_id": (7, 3, 12)[index % 3], "category_id": (1, 13, 90)[rng.integers(3)]}
        box = {"bbox": [left, top, width, height], "area": width * height * 0.6, "iscrowd": int(index % 10 == 0)}
        values["annotations"].append(entry | box)
    detections = [
        {"image_id": a["image_id"], "category_id": a["category_id"], "score": float(rng.random())}
        | {"bbox": (np.array(a["bbox"]) + rng.normal(0, 1.5, 4)).clip(0).tolist()}
        for a in values["annotations"]
    ]
    truth = open_coco(*write(tmp_path, values)).ground_truth()
    numbers = twelve_numbers(as_coco(truth), detections)
    assert 0.1 < numbers[0] < 0.9
    np.testing.assert_array_equal(numbers, twelve_numbers(as_coco(values), detections))


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


def test_file_names_may_name_subfolders(tmp_path):
    images, annotations = write(tmp_path, change("images", 0, file_name="sub/7.png")(content()))
    (images / "sub").mkdir()
    (images / "7.png").rename(images / "sub" / "7.png")
    assert open_coco(images, annotations)[0].image_id == 7


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


@pytest.mark.parametrize("fields", [{"height": ..., "width": ...}, {"height": None}])
def test_sizes_come_from_the_image_where_the_file_holds_none(tmp_path, fields):
    dataset = open_coco(*write(tmp_path, change("images", 0, **fields)(content())))
    assert dataset.sizes.tolist() == [[HEIGHT, WIDTH]] * 3
    assert dataset.ground_truth()["images"][0] == content()["images"][0]


@pytest.mark.parametrize(("height", "width"), [(HEIGHT, WIDTH), (WIDTH, HEIGHT)])
def test_a_sideways_photograph_takes_the_orientation_of_its_boxes(tmp_path, height, width):
    images, annotations = write(tmp_path, change("images", 0, height=height, width=width)(content()))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (WIDTH, HEIGHT)).save(images / "7.png", exif=exif)
    dataset = open_coco(images, annotations)
    assert dataset[0].image.shape == (height, width, 3)
    assert dataset.sizes[0].tolist() == [height, width]


def test_errors_in_workers_stay_input_errors(tmp_path):
    images, annotations = write(tmp_path, content())
    dataset = open_coco(images, annotations)
    (images / "7.png").unlink()
    loader = torch.utils.data.DataLoader(dataset, num_workers=1, collate_fn=list)
    with pytest.raises(InputError, match=r"7\.png: no such file; expected"):
        next(iter(loader))


def test_the_category_of_all_others_is_left_out_with_a_note(tmp_path):
    values = content()
    for entry in values["categories"]:
        entry["supercategory"] = "things"
    values["categories"].insert(0, {"id": 0, "name": "things", "supercategory": "none"})
    findings = []
    dataset = open_coco(*write(tmp_path, values), report=findings.append)
    assert dataset.classes.names == ("person", "stop sign", "toothbrush")
    assert dataset[2].labels.tolist() == [2, 0]
    assert [finding.kind for finding in findings][:2] == ["category of categories", "category ids with gaps"]


def test_a_category_of_all_others_that_has_boxes_is_a_class(tmp_path):
    values = content()
    values["categories"] = [{"id": 1, "name": "person", "supercategory": ""}] + [
        {"id": i, "name": str(i), "supercategory": "person"} for i in (13, 90)
    ]
    assert open_coco(*write(tmp_path, values)).classes.names == ("person", "13", "90")


def test_a_category_id_of_0_and_gaps_are_notes(tmp_path):
    values, findings = content(), []
    values["categories"][1]["id"] = 0
    for entry in values["annotations"]:
        entry["category_id"] %= 1 if entry["category_id"] == 1 else 100
    open_coco(*write(tmp_path, values), report=findings.append)
    assert [(finding.level, finding.found) for finding in findings][:2] == [
        ("note", "'person' has id 0"),
        ("note", "3 ids from 0 to 90"),
    ]


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


def test_one_file_named_by_hand_serves_as_both_splits(tmp_path):
    images, annotations = write(tmp_path, content())
    annotations.rename(tmp_path / "result.json")
    config = DatasetConfig("coco", str(tmp_path), "t", "v", val_share=0.5, annotations={"train": "result.json"})
    readers = [open_boxes(config, role) for role in ("train", "val")]
    assert sorted(np.concatenate([reader.image_ids for reader in readers]).tolist()) == [3, 7, 12]
    assert readers[0].folder == images


def test_annotations_that_are_not_there_are_searched_for_and_named(tmp_path):
    write(tmp_path, content())
    config = DatasetConfig("coco", str(tmp_path), "train2017", "val2017")
    message = (
        r"no split 'train2017'; expected annotations/instances_train2017\.json, .*, or dataset\.annotations\.train=FILE"
    )
    with pytest.raises(InputError, match=message + r" \(JSON files there: \['set\.json'\]\)"):
        open_boxes(config, "train")
    with pytest.raises(InputError, match=r"dataset\.root: .*nope: no such folder"):
        open_boxes(DatasetConfig("coco", str(tmp_path / "nope"), "t", "v"), "train")
