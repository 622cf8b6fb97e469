"""Data sets whose labels expand, nest, lead in circles, or have bytes for numbers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.hostile.case import ALIASES, CANARY, DEEP, ESCAPES, NESTED, Case, Text, pipe, text

SIZES = {"width": 64, "height": 64}


def words(name: str, *more: str, command: str = "train") -> tuple[str, ...]:
    quick = ("{quick}",) if command == "train" else ()
    return (command, *quick, f"dataset={name}", "dataset.root={here}/data", "out={here}/out", *more)


COCO, DOCTOR = (
    words("coco", "dataset.train=t", "dataset.val=t"),
    words("coco", "dataset.train=t", "dataset.val=t", command="doctor"),
)
YOLO, VOC = words("yolo"), words("voc", "dataset.val_share=0.5")
MASKS = (
    "train",
    "task=lraspp",
    "backbone=small",
    "dataset=masks",
    "dataset.root={here}/data",
    "out={here}/out",
    "size=64",
    "batch_size=2",
    "trainer.max_epochs=1",
    "dataset.workers=0",
    "logger=csv",
    "trainer.accelerator=cpu",
)
CHECKED = (*MASKS, "check_data=deep", "dataset.names=[a,b]")


def draw(path: Path, value: Any = 7) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((64, 64), value, np.uint8)).convert("RGB" if path.suffix == ".jpg" else "L").save(path)


def coco(change: Callable[[dict[str, Any]], object] = lambda v: None, *, whole: Text | None = None) -> Any:
    """Write a COCO tree of two images, its JSON changed, or another text."""

    def write(here: Path, base: Path) -> None:
        images = [{"id": n, "file_name": f"{n}.jpg", **SIZES} for n in (1, 2)]
        boxes = [{"id": n, "image_id": n, "category_id": 1, "bbox": [1, 1, 9, 9]} for n in (1, 2)]
        values = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "cat"}]}
        change(values)
        for n in (1, 2):
            draw(here / f"data/t/{n}.jpg")
        text(here / "data/annotations/instances_t.json", json.dumps(values) if whole is None else whole)

    return write


def yolo(content: Text = "names: [cat]\ntrain: images\nval: images\n", label: Text = "0 .5 .5 .5 .5\n") -> Any:
    """Write a YOLO tree of two images with a data.yaml."""

    def write(here: Path, base: Path) -> None:
        for n in (1, 2):
            draw(here / f"data/images/{n}.jpg")
            text(here / f"data/labels/{n}.txt", label)
        text(here / "data/data.yaml", content)

    return write


def voc(content: Text) -> Callable[[Path, Path], None]:
    """Write a tree of Pascal VOC of four images."""

    def write(here: Path, base: Path) -> None:
        for n in range(4):
            draw(here / f"data/JPEGImages/{n}.jpg")
            text(here / f"data/Annotations/{n}.xml", content)

    return write


def masks(name: str = "", content: Text = "") -> Callable[[Path, Path], None]:
    """Write folders of images and masks with a file of classes."""

    def write(here: Path, base: Path) -> None:
        for split in ("train", "val"):
            for n in (1, 2):
                draw(here / f"data/images/{split}/{n}.jpg")
                draw(here / f"data/masks/{split}/{n}.png", n % 2)
        if name:
            text(here / "data" / name, content)

    return write


def then(build: Callable[[Path, Path], None], change: Callable[[Path], object]) -> Callable[[Path, Path], None]:
    """Build a data set, and then change something in it."""

    def write(here: Path, base: Path) -> None:
        build(here, base)
        change(here / "data")

    return write


def make_pipe(name: str) -> Callable[[Path], None]:
    def change(data: Path) -> None:
        (data / name).unlink()
        pipe(data / name)

    return change


def giant(name: str) -> Callable[[Path], None]:
    return lambda data: Image.fromarray(np.zeros((12_500, 12_500), np.uint8)).save(data / name, compress_level=1)


def annotate(**values: Any) -> Callable[[dict[str, Any]], object]:
    return lambda content: content["annotations"][0].update(values)


LAUGHS = (
    '<!DOCTYPE a [<!ENTITY l0 "lol">'
    + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    + "]><annotation>&l11;</annotation>"
)
OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><filename>&x;</filename></annotation>'
QUADRATIC = f'<!DOCTYPE a [<!ENTITY x "{"y" * 10**5}">]><annotation>{"&x;" * 10**5}</annotation>'
BOX = "<object><name>{}</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>{}</xmax><ymax>30</ymax></bndbox></object>"

CASES = [
    Case("coco: deep", coco(whole=DEEP), COCO),
    Case("coco: nested", coco(annotate(bbox=json.loads("[" * 400 + "]" * 400))), COCO),
    Case("coco: nested beside", coco(whole='{"annotations":' + NESTED + ',"images":[],"categories":[]}'), COCO),
    Case(
        "coco: 10 million dicts",
        coco(whole=lambda: '{"images":[' + "{}," * 10**7 + '{}],"annotations":[],"categories":[1]}'),
        COCO,
    ),
    Case("coco: 300,000 bad boxes", coco(lambda v: v.update(annotations=v["annotations"] + [{}] * 300_000)), DOCTOR),
    Case(
        "coco: 200,000 classes",
        coco(lambda v: v.update(categories=[{"id": n, "name": f"c{n}"} for n in range(200_000)])),
        COCO,
    ),
    Case("coco: numbers without end", coco(annotate(id=10**400, bbox=[10**400, 1, 1, 1])), COCO),
    Case("coco: areas without end", coco(annotate(area=10**300)), COCO),
    Case("coco: turned without end", coco(annotate(attributes={"rotation": 10**400})), COCO),
    Case("coco: turned by infinity", coco(annotate(attributes={"rotation": float("inf")})), COCO),
    Case("coco: a file elsewhere", coco(lambda v: v["images"][0].update(file_name="../../../../etc/passwd")), COCO),
    Case("coco: a file of no name", coco(lambda v: v["images"][0].update(file_name="a\x00b")), COCO),
    Case("coco: a file of a long name", coco(lambda v: v["images"][0].update(file_name="a" * 10**6)), COCO),
    Case("coco: names that command", coco(lambda v: v["categories"][0].update(name=ESCAPES)), DOCTOR),
    Case("coco: files that command", coco(lambda v: v["images"][0].update(file_name=ESCAPES + ".jpg")), COCO),
    Case("coco: an image that is a pipe", then(coco(), make_pipe("t/1.jpg")), COCO),
    Case(
        "coco: an image that is a device",
        then(coco(), lambda d: ((d / "t/1.jpg").unlink(), (d / "t/1.jpg").symlink_to("/dev/zero"))),
        COCO,
    ),
    Case("coco: an image of 156 megapixels", then(coco(), giant("t/1.jpg")), COCO),
    Case("coco: an image of 156 megapixels for the doctor", then(coco(), giant("t/1.jpg")), DOCTOR),
    Case("coco: labels that are a pipe", then(coco(), make_pipe("annotations/instances_t.json")), COCO),
    Case(
        "coco: labels that are a device",
        then(
            coco(),
            lambda d: (
                (d / "annotations/instances_t.json").unlink(),
                (d / "annotations/instances_t.json").symlink_to("/dev/zero"),
            ),
        ),
        COCO,
    ),
    Case("yolo: aliases", yolo(ALIASES), YOLO),
    Case("yolo: a tag", yolo(f"names: !!python/object/apply:os.mkdir [{CANARY}]\n"), YOLO),
    Case("yolo: deep", yolo("names: " + DEEP), YOLO),
    Case(
        "yolo: 100,000 names",
        yolo("names: [" + ",".join(f"c{n}" for n in range(100_000)) + "]\ntrain: images\nval: images\n"),
        YOLO,
    ),
    Case("yolo: 10 MB", yolo(lambda: "names: [" + "c, " * 3_500_000 + "]"), YOLO),
    Case("yolo: a download", yolo(f"names: [a]\ntrain: images\nval: images\ndownload: touch {CANARY}\n"), YOLO),
    Case(
        "yolo: key points without end",
        yolo("names: [a]\ntrain: images\nval: images\nkpt_shape: [" + "9" * 5000 + ", 3]\n"),
        YOLO,
    ),
    Case("yolo: a place that is a device", yolo("names: [a]\ntrain: /dev/zero\nval: /dev/zero\n"), YOLO),
    Case("yolo: names that command", yolo(f"names: [a]\ntrain: '{ESCAPES!a}'\nval: \"\\e[2J\"\n"), YOLO),
    Case("yolo: labels of bytes", yolo(label="\udcff\x00 .5 .5 .5 .5\n"), YOLO),
    Case("yolo: a line of 30 MB", yolo(label=lambda: "0 " + ".5 " * 10**7), YOLO),
    Case("yolo: digits without end", yolo(label="9" * 10**5 + " .5 .5 .5 .5\n"), YOLO),
    Case("yolo: labels that are a pipe", then(yolo(), make_pipe("labels/1.txt")), YOLO),
    Case("yolo: folders in a circle", then(yolo(), lambda d: (d / "images/again").symlink_to("..")), YOLO),
    Case("yolo: data.yaml is a pipe", then(yolo(), make_pipe("data.yaml")), YOLO),
    Case("voc: entities", voc(LAUGHS), VOC),
    Case("voc: an entity outside", voc(OUTSIDE), VOC),
    Case("voc: one entity often", voc(QUADRATIC), VOC),
    Case("voc: deep", voc("<annotation>" + "<a>" * 200_000 + "</a>" * 200_000 + "</annotation>"), VOC),
    Case("voc: an unknown encoding", voc('<?xml version="1.0" encoding="idna"?><annotation/>'), VOC),
    Case("voc: an encoding that unpacks", voc('<?xml version="1.0" encoding="zlib_codec"?><annotation/>'), VOC),
    Case("voc: 20 MB", voc(lambda: "<annotation>" + "<a/>" * 5_000_000 + "</annotation>"), VOC),
    Case("voc: names that command", voc(f"<annotation>{BOX.format('&#155;2J&#8238;', 'x')}</annotation>"), VOC),
    Case("voc: numbers without end", voc(f"<annotation>{BOX.format('a', '9' * 400)}</annotation>"), VOC),
    Case(
        "voc: a pipe", then(voc(f"<annotation>{BOX.format('a', 30)}</annotation>"), make_pipe("Annotations/1.xml")), VOC
    ),
    Case("masks: deep classes", masks("classes.json", DEEP), MASKS),
    Case("masks: nested classes", masks("classes.json", '{"a":' + NESTED + "}"), MASKS),
    Case("masks: a field of 10 MB", masks("classes.csv", lambda: "a," + "1" * 10**7), MASKS),
    Case("masks: rows of bytes", masks("classes.txt", "a\x00,1\n\udcff,2\n"), MASKS),
    Case("masks: 50,000 names", masks("classes.txt", "\n".join(f"n{n}x" for n in range(50_000))), MASKS),
    Case("masks: digits without end", masks("classes.csv", "a," + "1" * 5000 + "\nb,2"), MASKS),
    Case("masks: a mask of 156 megapixels", then(masks(), giant("masks/train/1.png")), MASKS),
    Case("masks: a mask that is a pipe", then(masks(), make_pipe("masks/train/1.png")), MASKS),
    Case("masks: a mask that is a pipe, checked", then(masks(), make_pipe("masks/train/1.png")), CHECKED),
]
