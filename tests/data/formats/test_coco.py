import contextlib
import copy
import io
import json

import numpy as np
import pytest
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


def test_file_names_may_name_subfolders(tmp_path):
    images, annotations = write(tmp_path, change("images", 0, file_name="sub/7.png")(content()))
    (images / "sub").mkdir()
    (images / "7.png").rename(images / "sub" / "7.png")
    assert open_coco(images, annotations)[0].image_id == 7


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
