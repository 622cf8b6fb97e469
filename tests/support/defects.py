"""What breaks a data set of tests/support/sound_sets.py in one place, and what is to be found then."""

import json

from PIL import Image

from tests.support.sound_sets import SIDE


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
