"""COCO's JSON as tools write it: polygons without boxes, sizes of 0, shares, ids in quotes, folders of their own."""

import numpy as np
import pytest

from data.config import DatasetConfig
from data.datasets import open_boxes
from data.errors import InputError
from data.findings import refuse
from data.formats.coco import read_coco
from data.formats.coco_json import to_integer
from data.splits import Part
from tests.support.coco_files import HEIGHT, WIDTH, change, content, open_coco, write


@pytest.mark.parametrize(
    "segmentation",
    [
        [[10, 5, 30.5, 5, 30.5, 35, 10, 35]],
        [[10, 5, 20, 5, 20, 9], [12, 30, 30.5, 35, 12, 35]],
        [10, 5, 30.5, 20, 12, 35],
        [[10, 5], [30.5, 20], [12, 35]],
    ],
)
@pytest.mark.parametrize("bbox", [..., None, []])
def test_the_box_of_a_polygon_is_taken_where_none_is_written(tmp_path, segmentation, bbox):
    values = change("annotations", 1, bbox=bbox, segmentation=segmentation)(content())
    dataset = open_coco(*write(tmp_path, values))
    assert dataset[0].boxes[0].tolist() == [10, 5, 30.5, 35]
    assert dataset.ground_truth()["annotations"][0]["bbox"] == [10, 5, 20.5, 30]


def test_a_box_that_is_written_goes_before_a_polygon(tmp_path):
    values = change("annotations", 1, segmentation=[[10, 5, 30, 5, 30, 35]])(content())
    assert open_coco(*write(tmp_path, values))[0].boxes[0].tolist() == [2, 3, 10, 12]


@pytest.mark.parametrize("bbox", [..., None, []])
def test_a_mask_of_run_lengths_without_a_box_is_refused(tmp_path, bbox):
    values = change("annotations", 1, bbox=bbox, segmentation={"counts": "abc", "size": [40, 60]})(content())
    with pytest.raises(InputError, match=r"annotations\[1\] \(id 0\)\.bbox: missing; expected \[left, .*, or polygons"):
        open_coco(*write(tmp_path, values))


def test_polygons_that_are_none_are_bad_boxes(tmp_path):
    values = change("annotations", 1, bbox=..., segmentation=[[1, 2, "x", 4, 5, 6]])(content())
    assert open_coco(*write(tmp_path, values)).dropped == {"not four numbers": 1}


@pytest.mark.parametrize("side", ["height", "width"])
@pytest.mark.parametrize("value", [0, -40])
def test_a_size_of_0_is_named_by_its_field(tmp_path, side, value):
    with pytest.raises(InputError, match=rf"set\.json: images\[1\]\.{side}: {value}; expected pixels, 1 or more"):
        open_coco(*write(tmp_path, change("images", 1, **{side: value})(content())))


def test_boxes_in_shares_of_the_sides_are_refused(tmp_path):
    values = content()
    for entry in values["annotations"]:
        left, top, width, height = entry["bbox"]
        entry["bbox"] = [left / WIDTH, top / HEIGHT, min(width, WIDTH - left) / WIDTH, min(height, 10) / HEIGHT]
    with pytest.raises(InputError, match=r"all 4 boxes are bad: 4 within the first pixel, as fractions of the image"):
        open_coco(*write(tmp_path, values))


def test_one_box_in_shares_is_left_out_with_a_warning(tmp_path):
    findings = []
    values = change("annotations", 1, bbox=[0.2, 0.3, 0.4, 0.5])(content())
    dataset = open_coco(*write(tmp_path, values), report=findings.append)
    assert dataset.dropped == {"within the first pixel, as fractions of the image's sides are": 1}
    assert [finding.kind for finding in findings if finding.level == "warning"] == [
        f"box: {next(iter(dataset.dropped))}"
    ]


def test_a_file_under_two_ids_is_warned_of(tmp_path):
    values = content()
    values["images"].append({"id": 70, "file_name": "./7.png", "height": HEIGHT, "width": WIDTH})
    change("annotations", 1, image_id=70)(values)
    findings = []
    dataset = open_coco(*write(tmp_path, values), report=findings.append)
    assert [len(sample.boxes) for sample in dataset] == [1, 0, 2, 1]
    (finding,) = [finding for finding in findings if finding.level == "warning"]
    assert finding.places == ("7.png: ids 7 and 70",)
    assert finding.found == "1 images share their file with another id (first: 7.png: ids 7 and 70)"


def test_file_names_of_windows_name_subfolders_too(tmp_path):
    images, annotations = write(tmp_path, change("images", 0, file_name="sub\\7.png")(content()))
    (images / "sub").mkdir()
    (images / "7.png").rename(images / "sub/7.png")
    assert open_coco(images, annotations).names.tolist() == ["sub/7.png", "3.png", "12.png"]


def test_the_category_of_all_others_may_have_the_name_of_one(tmp_path):
    values, findings = content(), []
    for entry in values["categories"]:
        entry["supercategory"] = "person"
    values["categories"].insert(0, {"id": 0, "name": "person", "supercategory": "none"})
    dataset = open_coco(*write(tmp_path, values), report=findings.append)
    assert (dataset.classes.names, dataset.classes.ids) == (("person", "stop sign", "toothbrush"), (1, 13, 90))
    assert findings[0].kind == "category of categories"


@pytest.mark.parametrize("name", ["result.json", "annotations/instances_default.json"])
def test_the_only_file_of_a_data_set_without_splits_is_divided_by_a_share(tmp_path, name):
    _, annotations = write(tmp_path, content())
    (tmp_path / name).parent.mkdir(exist_ok=True)
    annotations.rename(tmp_path / name)
    (tmp_path / "notes.json").write_text("{}")  # of Label Studio
    config = DatasetConfig("coco", str(tmp_path), "train", "val", val_share=0.5)
    readers = [open_boxes(config, role) for role in ("train", "val")]
    assert sorted(np.concatenate([reader.image_ids for reader in readers]).tolist()) == [3, 7, 12]
    with pytest.raises(InputError, match=r"no split 'train'; expected .*, or dataset\.val_share=0\.2, as all of it is"):
        open_boxes(DatasetConfig("coco", str(tmp_path), "train", "val"), "train")


def test_images_without_any_box_may_be_evaluated_on_but_teach_nothing(tmp_path):
    values, findings = {**content(), "annotations": []}, []
    dataset = open_coco(*write(tmp_path, values), may_be_empty=True, report=findings.append)
    assert [len(sample.boxes) for sample in dataset] == [0, 0, 0]
    assert [f.found for f in findings if f.level == "warning"] == ["none of 3 images has a box"]
    with pytest.raises(InputError, match=r"set\.json: none of 3 images has a box; expected the box of an object"):
        open_coco(*write(tmp_path, values))


def test_ids_and_sizes_may_be_integers_in_quotes_or_with_a_point(tmp_path):
    """VIA writes "image_id": "12", pandas "image_id": 12.0."""
    values = content()
    values["images"][2] |= {"id": "12", "height": 40.0, "width": "60"}
    values["annotations"][0] |= {"image_id": 12.0, "category_id": "90"}
    plain, written = (open_coco(*write(tmp_path, each)) for each in (content(), values))
    assert written.ground_truth() == plain.ground_truth()


@pytest.mark.parametrize("value", [True, "x", "", "-", "1.5", "9" * 19, 7.5, float("nan"), float("inf"), 1e19, None])
def test_what_is_no_integer_is_none(value):
    assert to_integer(value) is None


def turned(degrees: object, **fields: object):
    """Return CVAT's entry of a rectangle, 20 x 10 about (30, 20), that is turned."""
    values = content()
    entry = {"id": 1, "image_id": 7, "category_id": 1, "bbox": [20, 15, 20, 10], "attributes": {"rotation": degrees}}
    values["annotations"] = [entry | fields]
    return values


@pytest.mark.parametrize(
    ("fields", "degrees", "box"),
    [
        ({}, 0.0, [20, 15, 40, 25]),
        ({"segmentation": []}, 90, [25, 10, 35, 30]),
        ({}, "left", [20, 15, 40, 25]),  # an attribute of a user's own
        ({"segmentation": [[20, 15, 40, 15, 40, 25, 20, 25]]}, 90, [20, 15, 40, 25]),  # of the turned shape already
    ],
)
def test_a_rectangle_that_cvat_turned_has_the_box_around_it(tmp_path, fields, degrees, box):
    (found,) = open_coco(*write(tmp_path, turned(degrees, **fields)))[0].boxes.tolist()
    assert found == pytest.approx(box)


def outlined(boxes: list[list[float]]) -> dict:
    """Return content whose boxes have a polygon each, from (10, 5) to (30, 35), and one without."""
    values = content()
    polygon = [[10, 5, 30, 5, 30, 35, 10, 35]]
    values["annotations"] = [
        {"id": i, "image_id": 7, "category_id": 1, "bbox": box, "segmentation": polygon} for i, box in enumerate(boxes)
    ]
    values["annotations"].append({"id": 9, "image_id": 7, "category_id": 1, "bbox": [1, 1, 5, 5]})
    return values


@pytest.mark.parametrize(
    ("box", "form"),
    [
        ([10, 5, 30, 35], r"\[left, top, right, bottom\]"),
        ([20, 20, 20, 30], r"\[centre x, centre y, width, height\]"),
    ],
)
def test_boxes_whose_polygons_show_that_they_are_in_another_form_are_refused(tmp_path, box, form):
    right = [10, 5, 20, 30]
    with pytest.raises(InputError, match=rf"bbox: 2 of 3 boxes beside polygons are {form}, 1 are .*; expected"):
        open_coco(*write(tmp_path, outlined([box, box, right])))
    assert len(open_coco(*write(tmp_path, outlined([box, right, right])))[0].boxes) == 4


@pytest.mark.parametrize("annotations", ["{split}/labels.json", "{split}/annotations/instances.json"])
@pytest.mark.parametrize("images", ["{split}/data", "{split}/images"])
def test_the_folders_of_fiftyone_and_supervisely_are_found(tmp_path, images, annotations):
    folder = tmp_path / images.format(split="train")
    folder.parent.mkdir(parents=True)
    write(tmp_path, content())[0].rename(folder)
    target = tmp_path / annotations.format(split="train")
    target.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "set.json").rename(target)
    assert read_coco(tmp_path, Part("train", "train"), report=refuse).folder == folder


def test_images_lie_beside_the_folder_of_a_file_that_is_named(tmp_path):
    images, annotations = write(tmp_path / "ds0", content())
    (tmp_path / "ds0/annotations").mkdir()
    annotations.rename(tmp_path / "ds0/annotations/instances.json")
    labels = read_coco(tmp_path, Part("train", "all", annotations="ds0/annotations/instances.json"), report=refuse)
    assert labels.folder == images


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([{"id": 1, "data": {}, "annotations": []}], "holds Label Studio's own JSON; export COCO, YOLO or Pascal VOC"),
        ({"shapes": [], "imagePath": "a.jpg"}, "holds labelme's own JSON; convert it with labelme2coco"),
        (content() | {"annotations": [{"image_id": 7, "file_name": "7.png", "segments_info": []}]}, "panoptic JSON"),
    ],
)
def test_the_json_of_another_tool_says_what_to_export(tmp_path, values, message):
    with pytest.raises(InputError, match=rf"set\.json: .*{message}"):
        open_coco(*write(tmp_path, values))
