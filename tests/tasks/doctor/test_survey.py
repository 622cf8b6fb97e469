import numpy as np
import pytest
from PIL import Image

from tasks.doctor.survey import look
from tests.support.defects import COCO_DEFECTS, copy, cut, edit, write
from tests.support.runs import load_config
from tests.support.sound_sets import COCO, COUNTS, MASKS, SIDE, YOLO, write_coco, write_masks, write_yolo


def findings_of(root, *options):
    """Return the level and the kind of all findings, each as often as it is made."""
    config = load_config("doctor", f"dataset.root={root}", "dataset.workers=1", *options)
    return [(finding.level, finding.kind) for finding in look(config).findings]


@pytest.mark.parametrize(("write", "options"), [(write_coco, COCO), (write_yolo, YOLO), (write_masks, MASKS)])
def test_nothing_is_found_where_nothing_is_wrong(tmp_path, write, options):
    assert findings_of(write(tmp_path / "set"), *options) == []


@pytest.mark.parametrize("name", COCO_DEFECTS)
def test_a_coco_set_with_one_defect_has_that_finding_and_no_other(tmp_path, name):
    plant, level, kind = COCO_DEFECTS[name]
    plant(write_coco(tmp_path / "set"))
    assert findings_of(tmp_path / "set", *COCO) == [(level, kind)]


@pytest.mark.parametrize(("number", "kind"), [(0, "category id 0"), (9, "category ids with gaps")])
def test_odd_class_ids_are_noted_once_a_split(tmp_path, number, kind):
    def renumber(document):
        document["categories"][0]["id"] = number
        for entry in document["annotations"][::2]:
            entry["category_id"] = number

    root = write_coco(tmp_path / "set")
    for split in ("train", "val"):
        edit(renumber, split)(root)
    found = findings_of(root, *COCO)
    assert found.count(("note", kind)) == 2
    assert {level for level, _ in found} == {"note"}


YOLO_DEFECTS = {
    "a class beyond the names": (
        write("labels/train/train_03.txt", b"0 .5 .5 .4 .4\n2 .5 .5 .4 .4"),
        "error",
        "unknown class",
    ),
    "a line of three numbers": (
        write("labels/train/train_03.txt", b"0 .3 .4 .4 .4\n1 .7 .4"),
        "error",
        "malformed line",
    ),
    "pixels": (
        write("labels/train/train_03.txt", b"0 .3 .4 .4 .4\n1 70 40 40 40"),
        "warning",
        "box: values that are not fractions of the image's sides",
    ),
    "labels without an image": (write("labels/val/x.txt", b"0 .5 .5 .4 .4"), "note", "label file without an image"),
    "an empty label file": (write("labels/train/train_03.txt", b""), "note", "image without labels"),
    "the same line twice": (
        write("labels/train/train_03.txt", b"0 .3 .4 .4 .4\n1 .7 .4 .4 .4\n" * 2),
        "warning",
        "duplicate box",
    ),
}


@pytest.mark.parametrize("name", YOLO_DEFECTS)
def test_a_yolo_set_with_one_defect_has_that_finding_alone(tmp_path, name):
    plant, level, kind = YOLO_DEFECTS[name]
    plant(write_yolo(tmp_path / "set"))
    assert set(findings_of(tmp_path / "set", *YOLO)) == {(level, kind)}


def paint(value, share, *, shape=(SIDE, SIDE)):
    """Return what gives a value to a share of the rows of one training mask."""

    def plant(root):
        mask = np.zeros(shape, np.uint8)
        mask[:, shape[1] // 2 :] = 1
        mask[: round(share * shape[0])] = value
        Image.fromarray(mask).save(root / "masks/train/train_03.png")

    return plant


MASK_DEFECTS = {
    "a value that is no class": (paint(7, 0.1), "error", "unknown mask value"),
    "a mask of another size": (paint(0, 0, shape=(SIDE, 90)), "error", "size of a mask"),
    "a missing mask": (lambda root: (root / "masks/train/train_03.png").unlink(), "error", "image without a mask"),
    "a truncated mask": (cut("masks/train/train_03.png"), "error", "unreadable image"),
    "a mask without an image": (copy("masks/train/train_03.png", "masks/train/x.png"), "note", "mask without an image"),
    "a mask that is all ignored": (paint(255, 1), "note", "image without labels"),
    "a mask that is nearly all ignored": (paint(255, 0.97), "warning", "mask that is nearly all ignored"),
    "a truncated image": (cut("images/train/train_03.png"), "error", "unreadable image"),
}


@pytest.mark.parametrize("name", MASK_DEFECTS)
def test_masks_with_one_defect_have_that_finding_alone(tmp_path, name):
    plant, level, kind = MASK_DEFECTS[name]
    plant(write_masks(tmp_path / "set"))
    assert findings_of(tmp_path / "set", *MASKS) == [(level, kind)]


def test_a_class_that_is_hardly_there_is_mentioned(tmp_path):
    root = write_masks(tmp_path / "set")
    dot = np.zeros((SIDE, SIDE), np.uint8)
    for path in (root / "masks").rglob("*.png"):
        dot[0, 0] = 1
        Image.fromarray(dot).save(path)
    found = findings_of(root, *MASKS)
    assert ("note", "class that is very rare") in found
    assert ("note", "classes out of balance") in found


def test_headers_alone_find_no_truncated_image_and_no_copies(tmp_path):
    root = write_coco(tmp_path / "set")
    COCO_DEFECTS["a truncated image"][0](root)
    COCO_DEFECTS["a near copy in val"][0](root)
    assert findings_of(root, *COCO, "decode=false") == []


def test_what_is_trained_on_and_evaluated_on_too_is_an_error_of_a_list_alone(tmp_path):
    root = write_coco(tmp_path / "set")
    twice = [("warning", "same file in two splits")] * COUNTS["val"]
    found = findings_of(root, *COCO, "dataset.train=[train,val]")
    assert found == [("error", "image to train on and to evaluate on"), *twice]
    assert findings_of(root, *COCO, "dataset.train=val") == twice
    assert findings_of(root, *COCO, "dataset.train=[train,val]", "dataset.val_share=0.3") == []
