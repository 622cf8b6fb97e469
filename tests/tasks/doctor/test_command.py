import json
import sys

import numpy as np
import pytest
from PIL import Image

from tasks.doctor.__main__ import main
from tasks.doctor.survey import look
from tests.support.runs import load_config
from tests.support.sound_sets import CLASSES, COUNTS, SIDE, write_coco, write_masks, write_yolo


def findings_of(root, *options):
    """Return the level and the kind of all findings, each as often as it is made."""
    config = load_config("doctor", f"dataset.root={root}", "dataset.workers=1", *options)
    return [(finding.level, finding.kind) for finding in look(config).findings]


COCO = ("dataset=coco", "dataset.train=train", "dataset.val=val")
YOLO = ("dataset=yolo",)
MASKS = ("task=lraspp", "dataset=masks", f"dataset.names=[{','.join(CLASSES)}]")


@pytest.mark.parametrize(("write", "options"), [(write_coco, COCO), (write_yolo, YOLO), (write_masks, MASKS)])
def test_nothing_is_found_where_nothing_is_wrong(tmp_path, write, options):
    assert findings_of(write(tmp_path / "set"), *options) == []


def edit(change, split="train"):
    """Return what changes the document of a COCO split in place."""

    def plant(root):
        path = root / "annotations" / f"instances_{split}.json"
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))

    return plant


def add(key, **changes):
    """Return what appends a changed copy of the first entry of a list."""
    return edit(lambda document: document[key].append({**document[key][0], **changes}))


def set_box(values):
    return edit(lambda document: document["annotations"][0].update(bbox=values))


def write(name, content):
    return lambda root: (root / name).write_bytes(content)


def cut(name):
    """Return what takes the last half from a file."""

    def plant(root):
        content = (root / name).read_bytes()
        (root / name).write_bytes(content[: len(content) // 2])

    return plant


def copy(source, target):
    return lambda root: (root / target).write_bytes((root / source).read_bytes())


def save(source, target, *, side=SIDE, mode="RGB", **options):
    """Return what saves an image again, made larger and smaller in between."""

    def plant(root):
        with Image.open(root / source) as image:
            pixels = image.resize((side, side)).resize(image.size)
        pixels.convert(mode).save(root / target, **options)

    return plant


COCO_DEFECTS = {
    "a missing image": (lambda root: (root / "train/train_03.png").unlink(), "error", "missing file"),
    "a truncated image": (cut("train/train_03.png"), "error", "unreadable image"),
    "an empty file": (write("train/train_03.png", b""), "error", "empty file"),
    "no image": (write("train/train_03.png", b"words"), "error", "not an image"),
    "a wrong size": (edit(lambda d: d["images"][0].update(width=90)), "error", "size of an image"),
    "an image id twice": (add("images"), "error", "repeated value"),
    "a class id twice": (add("categories", name="tram"), "error", "repeated value"),
    "a class name twice": (add("categories", id=3), "error", "repeated value"),
    "an unknown image": (add("annotations", id=99, image_id=77), "error", "unknown image"),
    "an unknown class": (add("annotations", id=99, category_id=7), "error", "unknown category"),
    "a class of val alone": (
        edit(lambda d: d["categories"].append({"id": 3, "name": "tram"}), "val"),
        "error",
        "split that cannot be opened",
    ),
    "a class that is not used": (add("categories", id=3, name="tram"), "note", "class never used"),
    "a box outside": (set_box([200, 20, 30, 30]), "warning", "box: no area inside the image"),
    "an inverted box": (set_box([60, 60, -30, 30]), "warning", "box: negative width or height"),
    "an empty box": (set_box([20, 20, 0, 30]), "warning", "box: zero width or height"),
    "three numbers": (set_box([20, 20, 30]), "warning", "box: not four numbers"),
    "a box over the border": (set_box([-20, 20, 60, 40]), "note", "box beyond the border"),
    "a tiny box": (add("annotations", id=99, bbox=[70, 70, 0.2, 5]), "warning", "box too small to be seen"),
    "a box twice": (add("annotations", id=99), "warning", "duplicate box"),
    "a box of two classes": (add("annotations", id=99, category_id=2), "warning", "box of two classes"),
    "an orphan": (save("val/val_00.png", "train/x.png", side=3), "note", "image that no label names"),
    "a copy in val": (copy("train/train_02.png", "val/val_02.png"), "warning", "same file in two splits"),
    "a near copy in val": (
        save("train/train_02.png", "val/val_02.png", side=200),
        "warning",
        "same image in two splits",
    ),
    "a copy in train": (copy("train/train_01.png", "train/train_02.png"), "note", "same file twice in a split"),
    "a JPEG named .png": (
        save("train/train_02.png", "train/train_02.png", format="JPEG"),
        "note",
        "name of another format",
    ),
    "a transparent image": (
        save("train/train_02.png", "train/train_02.png", mode="RGBA"),
        "note",
        "unusual pixel format",
    ),
}


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


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    """Return a function that runs the command, and returns its exit status and what it printed."""

    def start(*options):
        monkeypatch.setattr(sys, "argv", ["doctor", *options, f"out={tmp_path / 'out'}", "dataset.workers=1"])
        status = 0
        try:
            main()
        except SystemExit as ended:
            status = ended.code
        return status, *capsys.readouterr()

    return start


def test_the_command_says_that_training_may_start_and_writes_report_and_pictures(tmp_path, run):
    write_coco(tmp_path / "set")
    status, printed, said = run(*COCO, f"dataset.root={tmp_path / 'set'}")
    assert status == 0, said
    assert "Training may start: nothing found." in printed
    assert "\x1b" not in printed
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["boxes.png", "classes.png", "report.json", "samples_train.jpg", "samples_val.jpg"]
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["may_train"] is True
    assert report["splits"]["train"]["labels"]["classes"]["bus"] == {"images": 12, "count": 12, "share": 0.5}
    assert report["splits"]["val"]["boxes"]["medium"] == 20
    assert report["splits"]["train"]["images"]["formats"] == {"PNG RGB": 12}


def test_the_command_exits_with_1_for_errors_and_says_where_they_are(tmp_path, run):
    root = write_coco(tmp_path / "set")
    COCO_DEFECTS["a truncated image"][0](root)
    COCO_DEFECTS["a near copy in val"][0](root)
    status, printed, _ = run(*COCO, f"dataset.root={root}")
    assert status == 1
    assert f"error: unreadable image\n    {root}/train/train_03.png: " in printed
    assert "Training cannot start: 1 error, 1 warning." in printed
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["counts"] == {"error": 1, "warning": 1, "note": 0}
    assert report["pairs"][0]["paths"] == [str(root / "train/train_02.png"), str(root / "val/val_02.png")]
    assert (tmp_path / "out/duplicates.jpg").is_file()


def test_the_command_exits_with_1_where_nothing_can_be_opened(tmp_path, run):
    (tmp_path / "set").mkdir()
    status, printed, _ = run(*COCO, f"dataset.root={tmp_path / 'set'}")
    assert status == 1
    assert "split that cannot be opened (2)" in printed
    assert json.loads((tmp_path / "out/report.json").read_text())["splits"] == {}


def test_the_report_on_masks_has_their_pixels(tmp_path, run):
    write_masks(tmp_path / "set")
    status, printed, said = run(*MASKS, f"dataset.root={tmp_path / 'set'}")
    assert status == 0, said
    assert "ignored" in printed
    split = json.loads((tmp_path / "out/report.json").read_text())["splits"]["val"]
    assert split["labels"]["classes"]["car"] == {"images": 10, "count": 10 * SIDE * SIDE // 2, "share": 0.5}
    assert split["ignored"] == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("dataset=coco", "dataset.root=/nowhere"), "dataset.root: /nowhere: not there"),
        (("dataset=masks",), "dataset=masks is not for detection"),
        (("decode=7",), "decode: 7; expected true or false"),
        (("size=5",), "size: 5; expected"),
    ],
)
def test_wrong_usage_exits_with_2_and_writes_nothing(tmp_path, run, options, said):
    status, _, message = run(*options)
    assert status == 2
    assert said in message
    assert not (tmp_path / "out").exists()


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
